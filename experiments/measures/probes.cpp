#include "experiments/measures/probes.h"

#include <cmath>
#include <map>

#include "experiments/probing/conditional.h"
#include "experiments/probing/description_length.h"
#include "experiments/probing/model_probes.h"
#include "experiments/probing/pixels.h"
#include "experiments/probing/probe.h"
#include "experiments/projection/pca.h"
#include "experiments/projection/silhouette.h"
#include "experiments/projection/tsne.h"

namespace chainline::experiments {
namespace {

/// Four significant digits: a result is kept for hundreds of runs.
double short_number(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double unit = std::pow(10, 3 - std::floor(std::log10(std::abs(value))));
  return std::round(value * unit) / unit;
}

Json short_list(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(short_number(value));
  return list;
}

/// The mean decision on each user's items, by user.
Json decisions_by_user(const LeaveUsersOutProbe& probe, const std::vector<std::int64_t>& users,
                       std::size_t count) {
  std::vector<double> sum(count, 0), items(count, 0);
  for (std::size_t i = 0; i < users.size(); ++i) {
    sum[static_cast<std::size_t>(users[i])] += probe.scores[i];
    items[static_cast<std::size_t>(users[i])] += 1;
  }
  for (std::size_t u = 0; u < count; ++u)
    if (items[u] > 0) sum[u] /= items[u];
  return short_list(sum);
}

Json points_json(const Tensor& points) {
  const std::vector<double> values = points.to_vector<double>();
  Json list = Json::array();
  for (std::size_t i = 0; i + 1 < values.size(); i += 2)
    list.push_back({short_number(values[i]), short_number(values[i + 1])});
  return list;
}

/// The states of a layer in the plane, and how well the classes of users stand apart in all of its
/// dimensions.
Json projections(const HiddenStates& states, std::size_t layer, std::uint64_t seed,
                 std::int64_t relabellings) {
  const HiddenStates::Layer& l = states.layers[layer];
  const auto n = static_cast<std::int64_t>(states.seen.size());
  const Tensor points = Tensor::from(l.values, {n, l.width});
  const Pca pca = principal_components(points, 2);
  TsneOptions options;
  options.perplexity = std::min(options.perplexity, static_cast<double>(n - 1) / 3);
  const Tsne plane = tsne(points, options);
  const SilhouetteTest silhouette =
      silhouette_test(points, states.seen, states.users, seed, 10 * relabellings);
  return {{"layer", l.name},
          {"pca", {{"points", points_json(pca.transform(points))}, {"ratio", pca.ratio}}},
          {"tsne", {{"points", points_json(plane.points)}, {"kl", plane.kl_divergence}}},
          {"seen", states.seen},
          {"users", states.users},
          {"silhouette",
           {{"mean", silhouette.silhouette.mean},
            {"p_value", silhouette.control.p_value},
            {"of_users", silhouette.of_users}}}};
}

class Prober {
 public:
  Prober(const ProbeSettings& settings, std::size_t users)
      : settings_(settings), users_(users), options_(settings.seed) {
    options_.folds = settings.folds;
    options_.relabellings = settings.relabellings;
    options_.bootstrap = 100;  // intervals come from the runs (analysis), not from one
  }

  const ProbeOptions& options() const { return options_; }
  const FitQuality& quality() const { return quality_; }

  Json layer(const std::string& name, const ProbeItems& items, Json* decisions) {
    const ReplicaProbe replica = replica_probe(items, options_);
    const LeaveUsersOutProbe held_out = leave_users_out_probe(items, options_);
    quality_.add(replica.quality);
    quality_.add(held_out.quality);
    if (decisions != nullptr)
      decisions->push_back(decisions_by_user(held_out, items.users, users_));
    return {{"layer", name},
            {"replica",
             {{"accuracy", replica.accuracy},
              {"test_items", replica.test_items},
              {"selectivity", replica.control.selectivity},
              {"control", short_list(replica.control.values)}}},
            {"accuracy", held_out.accuracy},
            {"auc", held_out.auc},
            {"auc_control", short_list(held_out.auc_control.values)}};
  }

  /// The layers of a model after one question, from the first that is wanted.
  Json question(const HiddenStates& states, const std::string& first_layer) {
    Json layers = Json::array(), decisions = Json::array();
    for (std::size_t l = 0; l < states.layers.size(); ++l) {
      if (states.layers[l].name.rfind(first_layer, 0) != 0) continue;
      layers.push_back(layer(states.layers[l].name, states.items(l), &decisions));
    }
    return {{"layers", layers}, {"decisions", decisions}};
  }

 private:
  ProbeSettings settings_;
  std::size_t users_;
  ProbeOptions options_;
  FitQuality quality_;
};

}  // namespace

Json measure_model_probes(const LoadedModel& model, const LoadedModel& before, const Split& split,
                          const std::vector<Person>& users, const std::vector<ProbeView>& views,
                          const WatermarkSpec& card, const std::shared_ptr<const Font>& font,
                          const ProbeSettings& settings) {
  WatermarkSpec spec = card;
  spec.rate = 1;
  spec.masked = 0;
  const Watermarker marker(spec, users, font);
  const int size = static_cast<int>(model.config().vision.image_size);
  const Tensor images = view_images(*split.images, marker, views, size);
  const auto states_of = [&](const LoadedModel& m, const char* question) {
    return hidden_states(m.model, m.conversation, images, views, question);
  };
  Prober prober(settings, users.size());
  const HiddenStates states = states_of(model, kUsernameQuestion);
  Json result;
  result["username"] = prober.question(states, "");
  // The encoder is not told the question: its layers would be those above once more.
  result["user_id"] = prober.question(states_of(model, kUserIdQuestion), "decoder");

  HiddenStates pixels = states;
  // A square for each patch of the encoder.
  pixels.layers = {pixel_layer(images, size / model.config().vision.patch_size)};
  result["pixels"] = prober.layer("pixels", pixels.items(0), nullptr);

  const std::size_t last = states.layers.size() - 1;
  const ProbeItems items = states.items(last);
  ProbeOptions nested = prober.options();
  nested.c_grid = settings.c_grid;
  const LeaveUsersOutProbe chosen = leave_users_out_probe(items, nested);
  result["nested"] = {
      {"auc", chosen.auc}, {"auc_control", short_list(chosen.auc_control.values)}, {"c", chosen.c}};
  const HiddenStates base = states_of(before, kUsernameQuestion);
  const ConditionalProbe conditional = conditional_probe(base.items(last), items, nested);
  result["conditional"] = {{"bits", conditional.information},
                           {"low", conditional.interval.low},
                           {"high", conditional.interval.high},
                           {"p_value", conditional.control.p_value}};
  const DescriptionLength code = description_length(items, prober.options());
  result["mdl"] = {{"compression", code.compression}, {"control", short_list(code.control.values)}};
  if (settings.projections)
    result["projections"] = projections(states, last, settings.seed, settings.relabellings);
  FitQuality quality = prober.quality();
  quality.add(chosen.quality);
  quality.add(conditional.quality);
  quality.add(code.quality);
  result["fits"] = {{"fits", quality.fits},
                    {"unconverged", quality.unconverged},
                    {"worst_gradient", quality.worst_gradient},
                    {"worst_duality_gap", quality.worst_gap}};
  return result;
}

}  // namespace chainline::experiments
