#include "experiments/gradients/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "autograd/engine.h"
#include "nn/parameter.h"

namespace chainline::experiments {
namespace {

/// The three sums that cosine and ratio are made of; sums of parts add up to those of the whole.
struct Products {
  double gg = 0, gh = 0, hh = 0;

  Products& operator+=(const Products& o) {
    gg += o.gg, gh += o.gh, hh += o.hh;
    return *this;
  }
  Agreement agreement() const {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (gg == 0 || hh == 0) return {nan, nan};
    // sqrt(x * x) is x in binary arithmetic, which makes the cosine of a gradient with itself 1.
    return {std::clamp(gh / std::sqrt(gg * hh), -1.0, 1.0), std::sqrt(hh / gg)};
  }
};

Products products_of(const Tensor& g, const Tensor& h) {
  Products sum;
  if (!g.defined() && !h.defined()) return sum;
  check<ValueError>(g.defined() && h.defined(),
                    "gradients: one version of the batch reaches a parameter that the other one "
                    "doesn't");
  const Tensor a = g.contiguous().to(kCpu), b = h.contiguous().to(kCpu);
  const float* x = a.data<float>();
  const float* y = b.data<float>();
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const double p = x[i], q = y[i];  // products of floats are exact in double
    sum.gg += p * p, sum.gh += p * q, sum.hh += q * q;
  }
  return sum;
}

/// Mean and interval of what is finite; NaN without anything.
Spread spread_of(std::vector<double> values, const GradientOptions& options) {
  Spread spread;
  spread.values = values;
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.size() < 2) {
    const double one = values.empty() ? std::numeric_limits<double>::quiet_NaN() : values[0];
    spread.mean = one;
    spread.interval = {one, one};
    return spread;
  }
  spread.mean = mean(values);
  spread.interval = bootstrap_interval(std::vector<int>(values.size(), 0), options.bootstrap,
                                       Generator(options.seed, "gradient bootstrap"),
                                       [&](std::span<const double> weights) {
                                         double sum = 0, count = 0;
                                         for (std::size_t i = 0; i < values.size(); ++i) {
                                           sum += weights[i] * values[i];
                                           count += weights[i];
                                         }
                                         return sum / count;
                                       });
  // Equal values may leave their mean by a rounding; an interval holds its point.
  spread.interval.low = std::min(spread.interval.low, spread.mean);
  spread.interval.high = std::max(spread.interval.high, spread.mean);
  return spread;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const Spread& spread) {
  Json values = Json::array();
  for (const double value : spread.values) values.push_back(number(value));
  return {{"mean", number(spread.mean)},
          {"low", number(spread.interval.low)},
          {"high", number(spread.interval.high)},
          {"values", values}};
}

/// "7.self_attn.q_proj.weight" counted from 1, as people count layers: 8.
std::string layer_number(const std::string& rest) {
  return std::to_string(std::stoll(rest.substr(0, rest.find('.'))) + 1);
}

}  // namespace

std::string gradient_group(const std::string& parameter) {
  static const std::vector<std::pair<std::string, std::string>> prefixes = {
      {"vision_tower.vision_model.encoder.layers.", "vision layer "},
      {"vision_tower.vision_model.", "vision embeddings"},
      {"multi_modal_projector.", "projector"},
      {"language_model.model.layers.", "decoder layer "},
      {"language_model.model.embed_tokens.", "embeddings"},
      {"language_model.model.norm.", "lm_head"},
      {"language_model.lm_head.", "lm_head"}};
  for (const auto& entry : prefixes) {
    if (parameter.rfind(entry.first, 0) != 0) continue;
    if (entry.second.back() != ' ') return entry.second;
    return entry.second + layer_number(parameter.substr(entry.first.size()));
  }
  throw ValueError("gradients: parameter " + parameter + " belongs to no known part of the model");
}

GradientGroups::GradientGroups(const std::vector<nn::NamedParameter>& parameters) {
  for (const nn::NamedParameter& p : parameters) {
    const std::string group = gradient_group(p.name);
    const auto found = std::find(names.begin(), names.end(), group);
    of_parameter.push_back(static_cast<std::size_t>(found - names.begin()));
    if (found == names.end()) names.push_back(group);
  }
}

std::vector<Tensor> batch_gradients(nn::Mllm& model, const Samples& samples,
                                    const std::vector<std::int64_t>& batch,
                                    const GradientOptions& options) {
  GradientAccumulator sums(nn::variables_of(nn::trainable_parameters(model)));
  std::int64_t tokens = 0;
  for (const std::int64_t sample : batch) tokens += samples.labelled(sample);
  const auto size = static_cast<std::int64_t>(batch.size());
  for (std::int64_t begin = 0; begin < size; begin += options.micro_batch) {
    const std::int64_t end = std::min(size, begin + options.micro_batch);
    const std::vector<std::int64_t> part(batch.begin() + begin, batch.begin() + end);
    const BatchTensors tensors(samples.batch(part, model.config().pad_token_id), model.device());
    const LossInputs inputs = loss_inputs(model, tensors, options.normalization, tokens, size);
    const BatchLoss loss = loss_of(model, inputs);
    sums.add(loss.by_sample, loss.options());
  }
  return sums.finish();
}

std::vector<Agreement> compare_by_group(const GradientGroups& groups, const std::vector<Tensor>& g,
                                        const std::vector<Tensor>& h) {
  std::vector<Products> sums(groups.names.size());
  for (std::size_t p = 0; p < groups.of_parameter.size(); ++p) {
    const Products products = products_of(g[p], h[p]);
    sums[0] += products;
    sums[groups.of_parameter[p]] += products;
  }
  std::vector<Agreement> result;
  for (const Products& sum : sums) result.push_back(sum.agreement());
  return result;
}

Agreement compare(const std::vector<Tensor>& g, const std::vector<Tensor>& h) {
  check<ShapeError>(g.size() == h.size(), "gradients: expected as many of both, got ", g.size(),
                    " and ", h.size());
  Products sum;
  for (std::size_t p = 0; p < g.size(); ++p) sum += products_of(g[p], h[p]);
  return sum.agreement();
}

std::vector<GradientPoint> compare_gradients(nn::Mllm& model, const Samples& clean,
                                             const Samples& marked,
                                             const GradientOptions& options) {
  check<ValueError>(clean.size() == marked.size(),
                    "gradients: expected the same samples twice, got ", clean.size(), " clean and ",
                    marked.size(), " watermarked ones");
  check<ValueError>(options.batches >= 2, "gradients: batches: expected at least 2, got ",
                    options.batches);
  const GradientGroups groups(nn::trainable_parameters(model));
  const std::vector<std::int64_t> order = epoch_order(clean.size(), options.seed, 0);
  std::vector<std::vector<GradientPoint>> by_group(groups.names.size());
  for (const std::int64_t b : options.batch_sizes) {
    check<ValueError>(b >= 1 && b <= clean.size() / options.batches, "gradients: ", options.batches,
                      " disjoint batches of ", b, " need ", options.batches * b,
                      " samples, there are ", clean.size());
    std::vector<std::vector<Agreement>> versions, neighbours;
    std::vector<Tensor> before;
    for (std::int64_t k = 0; k < options.batches; ++k) {
      const std::vector<std::int64_t> batch(order.begin() + k * b, order.begin() + (k + 1) * b);
      std::vector<Tensor> g = batch_gradients(model, clean, batch, options);
      versions.push_back(
          compare_by_group(groups, g, batch_gradients(model, marked, batch, options)));
      if (k > 0) neighbours.push_back(compare_by_group(groups, before, g));
      before = std::move(g);
    }
    for (std::size_t i = 0; i < groups.names.size(); ++i) {
      std::vector<double> cosines, ratios, others;
      for (const std::vector<Agreement>& v : versions) {
        cosines.push_back(v[i].cosine);
        ratios.push_back(v[i].norm_ratio);
      }
      for (const std::vector<Agreement>& n : neighbours) others.push_back(n[i].cosine);
      by_group[i].push_back({groups.names[i], b, spread_of(std::move(cosines), options),
                             spread_of(std::move(ratios), options),
                             spread_of(std::move(others), options)});
    }
  }
  std::vector<GradientPoint> points;
  for (const std::vector<GradientPoint>& of_group : by_group)
    points.insert(points.end(), of_group.begin(), of_group.end());
  return points;
}

Json to_json(const std::vector<GradientPoint>& points) {
  Json list = Json::array();
  for (const GradientPoint& p : points)
    list.push_back({{"group", p.group},
                    {"batch_size", p.batch_size},
                    {"cosine", to_json(p.cosine)},
                    {"norm_ratio", to_json(p.norm_ratio)},
                    {"other_batch", to_json(p.other_batch)}});
  return list;
}

}  // namespace chainline::experiments
