#include "experiments/trace/twins.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "experiments/gradients/comparison.h"
#include "nn/checkpoint.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// Sums of squares of one part of the model.
struct Squares {
  double difference = 0, whole = 0;

  Squares& operator+=(const Squares& o) {
    difference += o.difference, whole += o.whole;
    return *this;
  }
  double distance() const { return difference == 0 ? 0 : std::sqrt(difference) / std::sqrt(whole); }
};

Tensor here(const Tensor& t) { return t.contiguous().to(kCpu); }

double square_sum(const Tensor& t) {
  if (!t.defined()) return 0;
  const Tensor dense = here(t);
  const float* x = dense.data<float>();
  double sum = 0;
  for (std::int64_t i = 0; i < dense.numel(); ++i) {
    const double v = x[i];
    sum += v * v;
  }
  return sum;
}

/// |a - b|^2 alone.
double square_difference(const Tensor& a, const Tensor& b, const std::string& name) {
  if (!a.defined() && !b.defined()) return 0;
  check<ValueError>(a.defined() && b.defined(), "twins: ", name,
                    ": expected a gradient in both, got one in one");
  const Tensor x = here(a), y = here(b);
  const float *p = x.data<float>(), *q = y.data<float>();
  double sum = 0;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const double d = static_cast<double>(p[i]) - q[i];
    sum += d * d;
  }
  return sum;
}

bool equal_bits(const Tensor& a, const Tensor& b) {
  return a.defined() == b.defined() && (!a.defined() || same_bits(a, b));
}

/// The texts must be the same; the samples whose images are not.
std::vector<std::int64_t> different_images(const Samples& a, const Samples& b) {
  check<ValueError>(a.size() == b.size(), "twins: samples: expected ", a.size(), " in both, got ",
                    b.size());
  std::vector<std::int64_t> list;
  for (std::int64_t s = 0; s < a.size(); ++s) {
    check<ValueError>(
        a.tokens(s).ids == b.tokens(s).ids && a.tokens(s).labels == b.tokens(s).labels,
        "twins: samples: expected the same texts, got others for sample ", s);
    if (a.batch({s}, 0).pixels != b.batch({s}, 0).pixels) list.push_back(s);
  }
  return list;
}

/// The parts of the model, and the common first weights.
struct Parts {
  std::vector<std::string> groups = {kAllParameters};
  std::vector<std::size_t> group_of;  // by parameter
  std::vector<double> first;          // |w_0|^2 by parameter

  explicit Parts(const std::vector<nn::NamedParameter>& parameters) {
    for (const nn::NamedParameter& p : parameters) {
      const std::string group = gradient_group(p.name);
      const auto found = std::find(groups.begin(), groups.end(), group);
      group_of.push_back(static_cast<std::size_t>(found - groups.begin()));
      if (found == groups.end()) groups.push_back(group);
      first.push_back(square_sum(p.variable.value()));
    }
  }

  /// Adds a parameter's squares to those of its group and of all.
  void add(std::vector<Squares>& sums, std::size_t parameter, const Squares& squares) const {
    sums[0] += squares;
    sums[group_of[parameter]] += squares;
  }
};

bool same_number(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

TwinPoint point_of(const Parts& parts, const Trainer& a, const StepRecord& record_a,
                   const Trainer& b, const StepRecord& record_b) {
  TwinPoint point;
  point.step = record_a.step;
  point.loss_a = record_a.loss;
  point.loss_b = record_b.loss;
  point.identical = same_number(record_a.loss, record_b.loss);
  std::vector<Squares> weights(parts.groups.size()), gradients(parts.groups.size());
  for (std::size_t p = 0; p < a.parameters().size(); ++p) {
    const std::string& name = a.parameters()[p].name;
    const Tensor &w_a = a.parameters()[p].variable.value(),
                 &w_b = b.parameters()[p].variable.value();
    const Tensor &g_a = a.gradients()[p], &g_b = b.gradients()[p];
    point.identical = point.identical && equal_bits(w_a, w_b) && equal_bits(g_a, g_b);
    parts.add(weights, p, {square_difference(w_a, w_b, name), parts.first[p]});
    parts.add(gradients, p, {square_difference(g_a, g_b, name), square_sum(g_a)});
  }
  for (std::size_t g = 0; g < parts.groups.size(); ++g) {
    point.distances.push_back({weights[g].distance(), gradients[g].distance()});
  }
  return point;
}

}  // namespace

bool TwinCurves::identical() const {
  return std::all_of(points.begin(), points.end(), [](const TwinPoint& p) { return p.identical; });
}

TwinCurves train_twins(nn::Mllm& model_a, const Samples& samples_a, nn::Mllm& model_b,
                       const Samples& samples_b, const TrainingConfig& config) {
  TwinCurves curves;
  curves.different = different_images(samples_a, samples_b);
  check<ValueError>(
      nn::hash_of(nn::named_parameters(model_a)) == nn::hash_of(nn::named_parameters(model_b)),
      "twins: models: expected the same first weights, got others");
  Trainer a(model_a, samples_a, config), b(model_b, samples_b, config);
  check<ValueError>(std::equal(a.parameters().begin(), a.parameters().end(), b.parameters().begin(),
                               b.parameters().end(),
                               [](const nn::NamedParameter& x, const nn::NamedParameter& y) {
                                 return x.name == y.name;
                               }),
                    "twins: models: expected the same trained parameters, got others");
  a.keep_gradients();
  b.keep_gradients();
  const Parts parts(a.parameters());
  curves.groups = parts.groups;
  while (!a.done()) {
    const StepRecord record_a = a.step(), record_b = b.step();
    curves.points.push_back(point_of(parts, a, record_a, b, record_b));
  }
  return curves;
}

Json to_json(const TwinCurves& curves) {
  const auto number = [](double x) { return std::isfinite(x) ? Json(x) : Json(); };
  Json steps = Json::array(), loss_a = Json::array(), loss_b = Json::array(),
       identical = Json::array(), weights = Json::object(), gradients = Json::object();
  for (const std::string& group : curves.groups) {
    weights[group] = Json::array();
    gradients[group] = Json::array();
  }
  for (const TwinPoint& p : curves.points) {
    steps.push_back(p.step);
    loss_a.push_back(number(p.loss_a));
    loss_b.push_back(number(p.loss_b));
    identical.push_back(p.identical);
    for (std::size_t g = 0; g < curves.groups.size(); ++g) {
      weights[curves.groups[g]].push_back(number(p.distances[g].weights));
      gradients[curves.groups[g]].push_back(number(p.distances[g].gradients));
    }
  }
  return {{"groups", curves.groups}, {"different_samples", curves.different},
          {"steps", steps},          {"loss_a", loss_a},
          {"loss_b", loss_b},        {"identical", identical},
          {"weights", weights},      {"gradients", gradients}};
}

}  // namespace chainline::experiments
