#include "experiments/gradients/moments.h"

#include <cmath>
#include <limits>

#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

constexpr std::int64_t kBlock = 4096;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void check_gradient(const Tensor& gradient, const Shape& shape, std::size_t p) {
  check<ShapeError>(gradient.shape() == shape, "gradient_moments: gradient ", p,
                    ": expected shape ", shape, ", got ", gradient.shape());
  check<DTypeError>(gradient.dtype() == DType::f32 && gradient.device() == kCpu,
                    "gradient_moments: gradient ", p, ": expected f32 on the CPU, got ",
                    gradient.dtype());
}

/// Sums of the squares and the product of two means.
struct MeanProducts {
  double gradient = 0, change = 0, along = 0;
};

MeanProducts products_of(const std::vector<double>& mean, const std::vector<double>& change) {
  const auto n = static_cast<std::int64_t>(mean.size());
  std::vector<MeanProducts> blocks(static_cast<std::size_t>((n + kBlock - 1) / kBlock));
  parallel_for(n, kBlock, [&](std::int64_t begin, std::int64_t end) {
    MeanProducts& sum = blocks[static_cast<std::size_t>(begin / kBlock)];
    for (std::int64_t e = begin; e < end; ++e) {
      const double g = mean[static_cast<std::size_t>(e)], d = change[static_cast<std::size_t>(e)];
      sum.gradient += g * g, sum.change += d * d, sum.along += g * d;
    }
  });
  MeanProducts sum;
  for (const MeanProducts& b : blocks) {
    sum.gradient += b.gradient, sum.change += b.change, sum.along += b.along;
  }
  return sum;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

double GradientMoments::noise_scale() const { return gradient > 0 ? trace / gradient : kNan; }

double predicted_cosine(const GradientMoments& m, double size) {
  const double clean = m.gradient + m.trace / size;
  const double marked =
      m.gradient + 2 * m.along + m.change + (m.trace + 2 * m.cross_trace + m.change_trace) / size;
  if (!(clean > 0) || !(marked > 0)) return kNan;
  // sqrt(x * x) is x in binary arithmetic, which makes the cosine of equal versions 1.
  return (m.gradient + m.along + (m.trace + m.cross_trace) / size) / std::sqrt(clean * marked);
}

TwoSizes gradient_of_two_sizes(std::int64_t small, double small_squared, std::int64_t large,
                               double large_squared) {
  check<ValueError>(small >= 1 && small < large,
                    "gradient_of_two_sizes: expected 1 <= small < large, got ", small, " and ",
                    large);
  const auto s = static_cast<double>(small), l = static_cast<double>(large);
  return {(l * large_squared - s * small_squared) / (l - s),
          (small_squared - large_squared) / (1 / s - 1 / l)};
}

GradientMomentSums::Sums& GradientMomentSums::Sums::operator+=(const Sums& o) {
  trace += o.trace, change_trace += o.change_trace, cross_trace += o.cross_trace;
  clean += o.clean, marked += o.marked;
  return *this;
}

GradientMomentSums::GradientMomentSums(const std::vector<nn::NamedParameter>& parameters)
    : groups_(parameters) {
  for (const nn::NamedParameter& p : parameters) {
    const Tensor& value = p.variable.value();
    shapes_.push_back(value.shape());
    mean_.emplace_back(static_cast<std::size_t>(value.numel()));
    change_.emplace_back(static_cast<std::size_t>(value.numel()));
  }
  for (const std::string& name : groups_.names) {
    sums_.emplace_back();
    sums_.back().group = name;
  }
}

GradientMomentSums::Sums GradientMomentSums::add_parameter(std::size_t p, const Tensor& clean,
                                                           const Tensor& marked) {
  const Tensor g = clean.defined() ? clean.contiguous() : Tensor();
  const Tensor h = marked.defined() ? marked.contiguous() : Tensor();
  if (g.defined()) check_gradient(g, shapes_[p], p);
  if (h.defined()) check_gradient(h, shapes_[p], p);
  const float* x = g.defined() ? g.data<float>() : nullptr;
  const float* y = h.defined() ? h.data<float>() : nullptr;
  double* mean = mean_[p].data();
  double* change = change_[p].data();
  const auto n = static_cast<std::int64_t>(mean_[p].size());
  const auto count = static_cast<double>(samples_);
  std::vector<Sums> blocks(static_cast<std::size_t>((n + kBlock - 1) / kBlock));
  parallel_for(n, kBlock, [&](std::int64_t begin, std::int64_t end) {
    Sums sum;
    for (std::int64_t e = begin; e < end; ++e) {
      const double a = x != nullptr ? x[e] : 0.0, b = y != nullptr ? y[e] : 0.0;
      sum.clean += a * a, sum.marked += b * b;
      const double off = a - mean[e], change_off = (b - a) - change[e];
      mean[e] += off / count;
      change[e] += change_off / count;
      const double change_left = (b - a) - change[e];
      sum.trace += off * (a - mean[e]);
      sum.change_trace += change_off * change_left;
      sum.cross_trace += off * change_left;
    }
    blocks[static_cast<std::size_t>(begin / kBlock)] = sum;
  });
  Sums sum;
  for (const Sums& block : blocks) sum += block;
  return sum;
}

void GradientMomentSums::add(const std::vector<Tensor>& clean, const std::vector<Tensor>& marked) {
  check<ShapeError>(clean.size() == shapes_.size() && marked.size() == shapes_.size(),
                    "gradient_moments: expected ", shapes_.size(), " gradients of both, got ",
                    clean.size(), " and ", marked.size());
  ++samples_;
  std::vector<Sums> of_group(sums_.size());
  for (std::size_t p = 0; p < shapes_.size(); ++p) {
    const Sums sum = add_parameter(p, clean[p], marked[p]);
    of_group[0] += sum;
    of_group[groups_.of_parameter[p]] += sum;
  }
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    GradientMoments& m = sums_[i];
    m.trace += of_group[i].trace;
    m.change_trace += of_group[i].change_trace;
    m.cross_trace += of_group[i].cross_trace;
    m.clean_norms.push_back(std::sqrt(of_group[i].clean));
    m.marked_norms.push_back(std::sqrt(of_group[i].marked));
  }
}

std::vector<GradientMoments> GradientMomentSums::moments() const {
  check<ValueError>(samples_ >= 2, "gradient_moments: expected at least 2 samples, got ", samples_);
  std::vector<GradientMoments> result = sums_;
  for (std::size_t p = 0; p < shapes_.size(); ++p) {
    const MeanProducts products = products_of(mean_[p], change_[p]);
    for (const std::size_t group : {std::size_t{0}, groups_.of_parameter[p]}) {
      result[group].gradient += products.gradient;
      result[group].change += products.change;
      result[group].along += products.along;
    }
  }
  const auto n = static_cast<double>(samples_);
  for (GradientMoments& m : result) {
    m.samples = samples_;
    m.trace /= n - 1, m.change_trace /= n - 1, m.cross_trace /= n - 1;
    m.gradient -= m.trace / n, m.change -= m.change_trace / n, m.along -= m.cross_trace / n;
  }
  return result;
}

std::vector<GradientMoments> gradient_moments(nn::Mllm& model, const Samples& clean,
                                              const Samples& marked,
                                              const std::vector<std::int64_t>& which,
                                              const SampleGradientOptions& options) {
  check<ValueError>(clean.size() == marked.size(),
                    "gradient_moments: expected the same samples twice, got ", clean.size(),
                    " clean and ", marked.size(), " marked ones");
  GradientMomentSums sums(nn::trainable_parameters(model));
  const SampleGradients of_clean(model, clean, which, options);
  const SampleGradients of_marked(model, marked, which, options);
  for (std::int64_t i = 0; i < of_clean.parts(); ++i) {
    const std::vector<std::vector<Tensor>> g = of_clean.part(i), h = of_marked.part(i);
    for (std::size_t b = 0; b < g.size(); ++b) sums.add(g[b], h[b]);
  }
  return sums.moments();
}

Json to_json(const std::vector<GradientMoments>& moments) {
  Json list = Json::array();
  for (const GradientMoments& m : moments) {
    list.push_back({{"group", m.group},
                    {"samples", m.samples},
                    {"gradient_squared", number(m.gradient)},
                    {"trace", number(m.trace)},
                    {"change_squared", number(m.change)},
                    {"change_trace", number(m.change_trace)},
                    {"along", number(m.along)},
                    {"cross_trace", number(m.cross_trace)},
                    {"noise_scale", number(m.noise_scale())},
                    {"clean_norms", m.clean_norms},
                    {"marked_norms", m.marked_norms}});
  }
  return list;
}

}  // namespace chainline::experiments
