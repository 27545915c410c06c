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
double short_number(double value, int digits = 4) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double unit = std::pow(10, digits - 1 - std::floor(std::log10(std::abs(value))));
  return std::round(value * unit) / unit;
}

Json short_list(const std::vector<double>& values, int digits = 4) {
  Json list = Json::array();
  for (const double value : values) list.push_back(short_number(value, digits));
  return list;
}

/// The mean decision on each user's items, by user.
Json decisions_by_user(const std::vector<double>& scores, const std::vector<std::int64_t>& users,
                       std::size_t count) {
  std::vector<double> sum(count, 0), items(count, 0);
  for (std::size_t i = 0; i < users.size(); ++i) {
    sum[static_cast<std::size_t>(users[i])] += scores[i];
    items[static_cast<std::size_t>(users[i])] += 1;
  }
  for (std::size_t u = 0; u < count; ++u)
    if (items[u] > 0) sum[u] /= items[u];
  return short_list(sum);
}

/// By fold: the weights, and behind them the intercept.
Json fits_json(const LeaveUsersOutProbe& probe) {
  Json fits = Json::array();
  for (const LogisticFit& fit : probe.fits) {
    std::vector<double> numbers = fit.weights;
    numbers.push_back(fit.intercept);
    fits.push_back(short_list(numbers, 9));
  }
  return fits;
}

/// What the fits of another run say of these states, each of the users that it did not see.
std::vector<double> transferred_scores(const Json& fits, const ProbeItems& items,
                                       const std::vector<std::size_t>& fold) {
  std::vector<LogisticFit> read;
  for (const Json& numbers : fits) {
    LogisticFit fit;
    fit.weights = numbers.get<std::vector<double>>();
    check<ValueError>(fit.weights.size() == static_cast<std::size_t>(items.features.columns) + 1,
                      "probes: transfer: expected ", items.features.columns,
                      " weights and an intercept, got ", fit.weights.size(), " numbers");
    fit.intercept = fit.weights.back();
    fit.weights.pop_back();
    read.push_back(std::move(fit));
  }
  std::vector<double> scores;
  for (std::size_t i = 0; i < fold.size(); ++i) {
    check<ValueError>(fold[i] < read.size(), "probes: transfer: expected a fit for fold ", fold[i],
                      ", got ", read.size());
    scores.push_back(read[fold[i]].decision(items.features.row(static_cast<std::int64_t>(i))));
  }
  return scores;
}

Json silhouette_json(const SilhouetteTest& test) {
  return {{"mean", short_number(test.silhouette.mean)},
          {"p_value", test.control.p_value},
          {"of_users", short_number(test.of_users)}};
}

/// The silhouette of the classes in each decoder layer.
Json silhouettes(const HiddenStates& states, std::uint64_t seed, std::int64_t relabellings) {
  Json list = Json::array();
  for (const HiddenStates::Layer& l : states.layers) {
    if (l.name.rfind("decoder", 0) != 0) continue;
    const Tensor points =
        Tensor::from(l.values, {static_cast<std::int64_t>(states.seen.size()), l.width});
    Json entry = silhouette_json(
        silhouette_test(points, states.seen, states.users, states.images, seed, 10 * relabellings));
    entry["layer"] = l.name;
    list.push_back(std::move(entry));
  }
  return list;
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
  const auto silhouette_of = [&](const Tensor& where) {
    return silhouette_json(
        silhouette_test(where, states.seen, states.users, states.images, seed, 10 * relabellings));
  };
  return {{"layer", l.name},
          {"pca", {{"points", points_json(pca.transform(points))}, {"ratio", pca.ratio}}},
          {"tsne",
           {{"points", points_json(plane.points)},
            {"kl", plane.kl_divergence},
            {"silhouette", silhouette_of(plane.points)}}},
          {"seen", states.seen},
          {"users", states.users},
          {"silhouette", silhouette_of(points)}};
}

class Prober {
 public:
  Prober(const ProbeSettings& settings, std::size_t users)
      : settings_(settings), users_(users), options_(settings.seed) {
    options_.folds = settings.folds;
    options_.relabellings = settings.relabellings;
    options_.c = settings.c;
    options_.bootstrap = 100;  // intervals come from the runs (analysis), not from one
  }

  const ProbeOptions& options() const { return options_; }
  const FitQuality& quality() const { return quality_; }

  Json layer(const std::string& name, const ProbeItems& items, LeaveUsersOutProbe* kept = nullptr) {
    ProbeOptions published = options_;
    published.c = 1;
    const ReplicaProbe replica = replica_probe(items, published);
    LeaveUsersOutProbe held_out = leave_users_out_probe(items, options_);
    quality_.add(replica.quality);
    quality_.add(held_out.quality);
    Json result = {{"layer", name},
                   {"replica",
                    {{"accuracy", replica.accuracy},
                     {"test_items", replica.test_items},
                     {"selectivity", replica.control.selectivity},
                     {"control", short_list(replica.control.values)}}},
                   {"accuracy", held_out.accuracy},
                   {"auc", held_out.auc},
                   {"auc_control", short_list(held_out.auc_control.values)}};
    if (kept != nullptr) *kept = std::move(held_out);
    return result;
  }

  /// The layers of a model after one question, from the first that is wanted.
  Json question(const HiddenStates& states, const char* question, const std::string& first_layer) {
    Json layers = Json::array(), decisions = Json::array();
    Json fits = Json::array(), transfer = Json::array();
    for (std::size_t l = 0; l < states.layers.size(); ++l) {
      const std::string& name = states.layers[l].name;
      if (name.rfind(first_layer, 0) != 0) continue;
      const ProbeItems items = states.items(l);
      LeaveUsersOutProbe probe;
      layers.push_back(layer(name, items, &probe));
      decisions.push_back(decisions_by_user(probe.scores, items.users, users_));
      if (name.rfind("decoder", 0) != 0) continue;
      if (settings_.keep_fits) fits.push_back(fits_json(probe));
      if (settings_.transfer == nullptr) continue;
      const Json& kept =
          member(member(*settings_.transfer, question, "transfer"), "fits", question);
      const std::vector<double> scores =
          transferred_scores(kept.at(transfer.size()), items, probe.fold);
      transfer.push_back({{"layer", name},
                          {"auc", short_number(roc_auc(scores, items.seen))},
                          {"decisions", decisions_by_user(scores, items.users, users_)}});
    }
    Json result = {{"layers", layers}, {"decisions", decisions}};
    if (settings_.keep_fits) result["fits"] = fits;
    if (settings_.transfer != nullptr) result["transfer"] = transfer;
    return result;
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
  result["username"] = prober.question(states, "username", "");
  // The encoder is not told the question: its layers would be those above once more.
  result["user_id"] = prober.question(states_of(model, kUserIdQuestion), "user_id", "decoder");

  HiddenStates pixels = states;
  // A square for each patch of the encoder.
  pixels.layers = {pixel_layer(images, size / model.config().vision.patch_size)};
  result["pixels"] = prober.layer("pixels", pixels.items(0));

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
  const DescriptionLength code = description_length(items, nested);
  result["mdl"] = {{"compression", code.compression}, {"control", short_list(code.control.values)}};
  result["silhouettes"] = silhouettes(states, settings.seed, settings.relabellings);
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
