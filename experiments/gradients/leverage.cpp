#include "experiments/gradients/leverage.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/parameter.h"
#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{4} << 30;

double product_of(const std::vector<Tensor>& g, const std::vector<Tensor>& h) {
  double sum = 0;
  for (std::size_t p = 0; p < g.size(); ++p) {
    if (!g[p].defined() || !h[p].defined()) continue;
    const float* x = g[p].data<float>();
    const float* y = h[p].data<float>();
    double own = 0;
    for (std::int64_t e = 0; e < g[p].numel(); ++e) own += double{x[e]} * double{y[e]};
    sum += own;
  }
  return sum;
}

/// The lower Cholesky factor of gram + ridge I, row-major; the upper part is not used.
std::vector<double> cholesky(std::vector<double> a, std::size_t n, double ridge) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j] + (i == j ? ridge : 0);
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      if (i != j) {
        a[i * n + j] = sum / a[j * n + j];
        continue;
      }
      check<ValueError>(sum > 0,
                        "gradient_leverages: ridge: expected one that rounding does not outweigh, "
                        "got ",
                        ridge, " beside a square of ", a[i * n + i]);
      a[i * n + i] = std::sqrt(sum);
    }
  }
  return a;
}

}  // namespace

std::vector<double> gradient_gram(nn::Mllm& model, const Samples& samples,
                                  const std::vector<std::int64_t>& which,
                                  const SampleGradientOptions& options) {
  const SampleGradients gradients(model, samples, which, options);
  const auto n = static_cast<std::int64_t>(which.size());
  std::int64_t bytes = 0;
  for (const nn::NamedParameter& p : nn::trainable_parameters(model)) {
    bytes += p.variable.value().numel() * static_cast<std::int64_t>(sizeof(float));
  }
  check<ValueError>(bytes == 0 || n <= kMostBytes / bytes, "gradient_gram: expected at most ",
                    kMostBytes / std::max<std::int64_t>(bytes, 1),
                    " samples, whose gradients fit into 4 GiB, got ", n);
  std::vector<std::vector<Tensor>> all;
  for (std::int64_t i = 0; i < gradients.parts(); ++i) {
    for (std::vector<Tensor>& g : gradients.part(i)) all.push_back(std::move(g));
  }
  std::vector<double> gram(static_cast<std::size_t>(n * n));
  parallel_for(n, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t a = begin; a < end; ++a) {
      for (std::int64_t b = 0; b <= a; ++b) {
        const double product =
            product_of(all[static_cast<std::size_t>(a)], all[static_cast<std::size_t>(b)]);
        gram[static_cast<std::size_t>(a * n + b)] = product;
        gram[static_cast<std::size_t>(b * n + a)] = product;
      }
    }
  });
  return gram;
}

std::vector<GradientLeverage> gradient_leverages(const std::vector<double>& gram, std::int64_t n,
                                                 double ridge) {
  check<ShapeError>(n >= 1 && static_cast<std::int64_t>(gram.size()) == n * n,
                    "gradient_leverages: gram: expected ", n, " x ", n, " entries, got ",
                    gram.size());
  check<ValueError>(ridge > 0, "gradient_leverages: ridge: expected above 0, got ", ridge);
  const auto size = static_cast<std::size_t>(n);
  const std::vector<double> factor = cholesky(gram, size, ridge);
  std::vector<GradientLeverage> result;
  std::vector<double> x(size);
  for (std::size_t i = 0; i < size; ++i) {
    // L x = e_i; the numbers before place i are 0.
    double squares = 0;
    for (std::size_t r = i; r < size; ++r) {
      double sum = r == i ? 1 : 0;
      for (std::size_t k = i; k < r; ++k) sum -= factor[r * size + k] * x[k];
      x[r] = sum / factor[r * size + r];
      squares += x[r] * x[r];
    }
    const double others = ridge * squares;  // 1 - leverage
    result.push_back({1 - others, (1 - others) / others});
  }
  return result;
}

}  // namespace chainline::experiments
