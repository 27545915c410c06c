#include "autograd/op_bounds.h"

#include <map>
#include <span>

#include "tensor/ops/unary.h"

// Formulas are evaluated number by number: cases are small, and a formula then reads as its kernel
// does. Bounds of the fused ops follow the kernels' order of operations but for fma, where a kernel
// that fuses rounds less.

namespace chainline::cases {
namespace {

using Numbers = std::vector<double>;
using Row = std::span<const double>;

/// Row r of a tensor's numbers.
Row row_of(const Numbers& numbers, std::int64_t r, std::int64_t length) {
  return Row(numbers).subspan(static_cast<std::size_t>(r * length),
                              static_cast<std::size_t>(length));
}

Rounded at(Row row, std::int64_t i) { return row[static_cast<std::size_t>(i)]; }

ErrorBound running(std::function<Numbers(const std::vector<Tensor>&, const Tensor&)> of) {
  return {"running", std::move(of)};
}

/// A formula of a row of the first input, which yields a row of the result.
ErrorBound by_rows(
    std::function<std::vector<Rounded>(Row x, const std::vector<Numbers>&)> formula) {
  return running([formula](const std::vector<Tensor>& inputs, const Tensor&) {
    std::vector<Numbers> x;
    for (const Tensor& t : inputs) x.push_back(t.to_vector<double>());
    const std::int64_t C = inputs[0].shape()[-1];
    Numbers bound;
    for (std::int64_t r = 0; C > 0 && r < inputs[0].numel() / C; ++r) {
      for (const Rounded& y : formula(row_of(x[0], r, C), x)) bound.push_back(y.error);
    }
    return bound;
  });
}

std::vector<Rounded> minus(Row x, const Rounded& shift) {
  std::vector<Rounded> d;
  for (const double c : x) d.push_back(c - shift);
  return d;
}

std::vector<Rounded> exp_of(const std::vector<Rounded>& x) {
  std::vector<Rounded> y;
  for (const Rounded& c : x) y.push_back(exp(c));
  return y;
}

double largest(Row x) { return *std::max_element(x.begin(), x.end()); }

}  // namespace

ErrorBound copied() {
  return {"copied", [](const std::vector<Tensor>&, const Tensor& y) {
            return Numbers(static_cast<std::size_t>(y.numel()), 0.0);
          }};
}

ErrorBound stated(double ulps) {
  return {"stated", [ulps](const std::vector<Tensor>&, const Tensor& y) {
            Numbers bound = y.to_vector<double>();
            for (double& b : bound) b = ulps * f32_ulp(b);
            return bound;
          }};
}

ErrorBound rounded_once() {
  ErrorBound half = stated(0.5);
  half.from = "rounded once";
  return half;
}

ErrorBound gamma(const Function& run, std::int64_t roundings) {
  return {"gamma", [run, roundings](const std::vector<Tensor>& inputs, const Tensor&) {
            Variables magnitudes;
            for (const Tensor& x : inputs) magnitudes.emplace_back(ops::abs(x));
            Numbers bound = run(magnitudes)[0].value().to_vector<double>();
            const double nu = static_cast<double>(roundings) * 0x1p-24;
            for (double& b : bound) b *= nu / (1 - nu);
            return bound;
          }};
}

ErrorBound elementwise(std::function<Rounded(const std::vector<Rounded>&)> formula) {
  return running([formula](const std::vector<Tensor>& inputs, const Tensor& y) {
    std::vector<Numbers> x;
    for (const Tensor& t : inputs) x.push_back(t.to_vector<double>());
    Numbers bound;
    for (std::size_t i = 0; i < static_cast<std::size_t>(y.numel()); ++i) {
      std::vector<Rounded> of_element;
      for (const Numbers& numbers : x) of_element.emplace_back(numbers[i]);
      bound.push_back(formula(of_element).error);
    }
    return bound;
  });
}

namespace {

/// The row of numbers that a layer makes of row x of the first operand.
std::vector<Rounded> layer_of(Row x, const std::vector<Numbers>& in, bool biased) {
  const auto K = static_cast<std::int64_t>(x.size());
  const std::int64_t N = static_cast<std::int64_t>(in[1].size()) / K;
  std::vector<Rounded> y;
  for (std::int64_t n = 0; n < N; ++n) {
    const Row weight = row_of(in[1], n, K);
    Rounded sum;
    for (std::int64_t k = 0; k < K; ++k) sum = fma(at(x, k), at(weight, k), sum);
    if (biased) sum = sum + at(in[2], n);
    y.push_back(sum);
  }
  return y;
}

Rounded gelu_of(const Rounded& x, GeluForm form) {
  const Rounded half = 0.5 * x;
  if (form == GeluForm::erf) {
    return half * (1 + erf(x * rounded_constant(0.70710678118654752440)));
  }
  const Rounded cubic = rounded_constant(0.044715) * (x * x * x);
  return half * (1 + tanh(rounded_constant(0.79788456080286535588) * (x + cubic)));
}

}  // namespace

ErrorBound of_linear(bool biased, bool residual) {
  return by_rows([=](Row x, const std::vector<Numbers>& in) {
    std::vector<Rounded> y = layer_of(x, in, biased);
    const auto N = static_cast<std::int64_t>(y.size());
    const std::int64_t r = (x.data() - in[0].data()) / static_cast<std::int64_t>(x.size());
    for (std::int64_t n = 0; residual && n < N; ++n) {
      Rounded& sum = y[static_cast<std::size_t>(n)];
      sum = sum + at(row_of(in[biased ? 3 : 2], r, N), n);
    }
    return y;
  });
}

ErrorBound of_linear_gelu(bool biased, GeluForm form) {
  return by_rows([=](Row x, const std::vector<Numbers>& in) {
    std::vector<Rounded> y = layer_of(x, in, biased);
    for (Rounded& number : y) number = gelu_of(number, form);
    return y;
  });
}

ErrorBound of_softmax() {
  return by_rows([](Row x, const std::vector<Numbers>&) {
    std::vector<Rounded> y = exp_of(minus(x, largest(x)));
    const Rounded sum = sum_of_row(y);
    for (Rounded& c : y) c = c / sum;
    return y;
  });
}

ErrorBound of_log_softmax() {
  return by_rows([](Row x, const std::vector<Numbers>&) {
    std::vector<Rounded> y = minus(x, largest(x));
    const Rounded log_sum = log(sum_of_row(exp_of(y)));
    for (Rounded& c : y) c = c - log_sum;
    return y;
  });
}

ErrorBound of_layer_norm(double eps) {
  return by_rows([eps](Row x, const std::vector<Numbers>& in) {
    const auto C = static_cast<double>(x.size());
    const Rounded mean = sum_of_row({x.begin(), x.end()}) / C;
    std::vector<Rounded> y = minus(x, mean), squares;
    for (const Rounded& d : y) squares.push_back(d * d);
    const Rounded rstd = 1 / sqrt(sum_of_row(squares) / C + rounded_constant(eps));
    for (std::size_t c = 0; c < y.size(); ++c) y[c] = y[c] * rstd * in[1][c] + in[2][c];
    return y;
  });
}

ErrorBound of_rms_norm(double eps) {
  return by_rows([eps](Row x, const std::vector<Numbers>& in) {
    std::vector<Rounded> squares, y;
    for (const double c : x) squares.push_back(Rounded(c) * c);
    const Rounded mean = sum_of_row(squares) / static_cast<double>(x.size());
    const Rounded rstd = 1 / sqrt(mean + rounded_constant(eps));
    for (std::size_t c = 0; c < x.size(); ++c) y.push_back(x[c] * rstd * in[1][c]);
    return y;
  });
}

ErrorBound of_gelu(GeluForm form) {
  return elementwise([form](const std::vector<Rounded>& in) { return gelu_of(in[0], form); });
}

// Angles, sines and cosines are f64 numbers: half an ulp of f32 is what their conversion loses.
ErrorBound of_rope(const Tensor& positions, double theta) {
  return running([positions, theta](const std::vector<Tensor>& inputs, const Tensor&) {
    const Tensor& x = inputs[0];
    const std::int64_t B = x.shape()[0], H = x.shape()[1], N = x.shape()[2], D = x.shape()[3];
    const auto places = positions.broadcast_to({B, N}).to_vector<std::int64_t>();
    const Numbers numbers = x.to_vector<double>();
    Numbers bound;
    for (std::int64_t r = 0; r < B * H * N; ++r) {
      const Row row = row_of(numbers, r, D);
      const std::int64_t place = places[static_cast<std::size_t>(r / (H * N) * N + r % N)];
      for (std::int64_t i = 0; i < D; ++i) {
        const std::int64_t pair = i % (D / 2);
        const double angle =
            static_cast<double>(place) *
            std::pow(theta, -2.0 * static_cast<double>(pair) / static_cast<double>(D));
        const Rounded cosine = rounded(std::cos(angle), std::abs(angle) * 0x1p-50);
        const Rounded sine = rounded(std::sin(angle), std::abs(angle) * 0x1p-50);
        const Rounded a = at(row, pair), b = at(row, pair + D / 2);
        bound.push_back((i < D / 2 ? a * cosine - b * sine : b * cosine + a * sine).error);
      }
    }
    return bound;
  });
}

namespace {

/// One query's row of attention. keys and values are those of its head, allowed[j] says whether it
/// sees key j.
std::vector<Rounded> attend(Row q, const Numbers& keys, const Numbers& values, std::int64_t V,
                            const std::vector<bool>& allowed, const Rounded& scale) {
  const auto D = static_cast<std::int64_t>(q.size());
  std::vector<Rounded> p(allowed.size());
  Rounded max = -INFINITY;
  for (std::size_t j = 0; j < p.size(); ++j) {
    const Row key = row_of(keys, static_cast<std::int64_t>(j), D);
    Rounded chain;
    for (std::int64_t d = 0; d < D; ++d) chain = fma(at(q, d), at(key, d), chain);
    p[j] = chain * scale;
    if (allowed[j]) max = chainline::max(max, p[j]);
  }
  for (std::size_t j = 0; j < p.size(); ++j) p[j] = allowed[j] ? exp(p[j] - max) : Rounded(0);
  const Rounded sum = sum_of_row(p);
  std::vector<Rounded> y;
  for (std::int64_t c = 0; c < V; ++c) {
    Rounded chain;
    for (std::size_t j = 0; j < p.size(); ++j) {
      chain = fma(p[j], at(row_of(values, static_cast<std::int64_t>(j), V), c), chain);
    }
    y.push_back(sum.is_zero() ? sum : chain / sum);
  }
  return y;
}

}  // namespace

ErrorBound of_attention(const ops::AttentionOptions& options) {
  return running([options](const std::vector<Tensor>& in, const Tensor&) {
    const Shape &q = in[0].shape(), &k = in[1].shape();
    const std::int64_t B = q[0], H = q[1], N = q[2], D = q[3], S = k[2], V = in[2].shape()[3];
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(B * H * N * S), 1);
    if (options.mask.defined()) {
      mask = options.mask.broadcast_to({B, H, N, S}).to_vector<std::uint8_t>();
    }
    const Numbers queries = in[0].to_vector<double>();
    Numbers bound;
    for (std::int64_t r = 0; r < B * H * N; ++r) {
      const std::int64_t b = r / (H * N), h = r / N % H, i = r % N, group = h / (H / k[1]);
      const auto of_head = [&](const Tensor& t) {
        return t.select(0, b).select(0, group).to_vector<double>();
      };
      std::vector<bool> allowed;
      for (std::int64_t j = 0; j < S; ++j) {
        const bool shown = mask[static_cast<std::size_t>(r * S + j)] != 0;
        allowed.push_back(shown && (!options.causal || j <= i + (S - N)));
      }
      const Rounded scale = rounded_constant(options.scale);
      for (const Rounded& y :
           attend(row_of(queries, r, D), of_head(in[1]), of_head(in[2]), V, allowed, scale)) {
        bound.push_back(y.error);
      }
    }
    return bound;
  });
}

ErrorBound of_cross_entropy(const Tensor& targets, const ops::CrossEntropyOptions& options) {
  return running([targets, options](const std::vector<Tensor>& in, const Tensor& y) {
    const std::int64_t V = in[0].shape()[-1];
    const auto target = targets.to_vector<std::int64_t>();
    const Numbers logits = in[0].to_vector<double>();
    const Rounded smoothing = rounded_constant(options.label_smoothing);
    std::vector<Rounded> losses;
    for (std::size_t r = 0; r < target.size(); ++r) {
      if (target[r] == options.ignore_index) {
        losses.emplace_back(0);
        continue;
      }
      const Row x = row_of(logits, static_cast<std::int64_t>(r), V);
      const Rounded max = largest(x);
      const std::vector<Rounded> below = minus(x, max);
      const Rounded log_sum = log(sum_of_row(exp_of(below)));
      Rounded loss = log_sum + (max - at(x, target[r]));
      if (!smoothing.is_zero()) {
        const Rounded mean = sum_of_row(below) / static_cast<double>(V);
        loss = (1 - smoothing) * loss + smoothing * (log_sum - mean);
      }
      losses.push_back(loss);
    }
    Numbers bound;
    const std::size_t tokens =
        y.numel() == 0 ? 0 : losses.size() / static_cast<std::size_t>(y.numel());
    for (std::size_t b = 0; b < static_cast<std::size_t>(y.numel()); ++b) {
      const auto first = losses.begin() + static_cast<std::ptrdiff_t>(b * tokens);
      bound.push_back(sum_of_row({first, first + static_cast<std::ptrdiff_t>(tokens)}).error);
    }
    return bound;
  });
}

ErrorBound of_primitive(const std::string& op, const Function& run,
                        const std::vector<Tensor>& inputs) {
  using namespace math_ulps;  // NOLINT: the table is a list of its names
  static const std::map<std::string, double> kStated{
      {"exp", kExp},         {"log", kLog},     {"tanh", kTanh}, {"erf", kErf},
      {"sigmoid", kSigmoid}, {"rsqrt", kRsqrt}, {"sin", kSin},   {"cos", kCos}};
  if (const auto found = kStated.find(op); found != kStated.end()) return stated(found->second);
  for (const char* name : {"add", "sub", "mul", "div", "square", "sqrt", "reciprocal", "to"}) {
    if (op == name) return rounded_once();
  }
  std::int64_t longest = 0, all = 0;
  for (const Tensor& x : inputs) {
    all += x.numel();
    for (const std::int64_t size : x.shape()) longest = std::max(longest, size);
  }
  // n terms need n - 1 additions; a mean is divided too.
  if (op == "sum" || op == "sum_all" || op == "sum_to" || op == "mean") {
    const Variables y = run(Variables(inputs.begin(), inputs.end()));
    const std::int64_t sums = std::max<std::int64_t>(y[0].value().numel(), 1);
    const std::int64_t terms = std::max<std::int64_t>(all / sums, 1);
    return gamma(run, op == "mean" ? terms : terms - 1);
  }
  // A chain of fma over K rounds K times.
  if (op == "matmul") return gamma(run, inputs[0].shape()[-1]);
  // No sum has more terms than one side of an operand; a scattered one adds to what is there.
  if (op == "cumsum") return gamma(run, longest);
  if (op == "scatter_add" || op == "scatter_rows_add") return gamma(run, longest);
  return copied();
}

}  // namespace chainline::cases
