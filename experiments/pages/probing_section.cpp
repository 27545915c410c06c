#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "experiments/pages/probing.h"
#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Axis layer_axis(const std::vector<std::string>& layers) {
  Axis axis;
  axis.label = "layer: V vision, D decoder";
  for (const std::string& layer : layers) axis.names.push_back(short_layer(layer));
  return axis;
}

/// The runs of W100 whose relabelled users are drawn as a curve.
std::vector<const Json*> relabelled_runs(const StudyPage& page) {
  std::vector<const Json*> runs;
  for (const Json& run : page.runs.runs)
    if (text_of(run, "condition") == "W100" && text_of(run, "tuning") == "lora" &&
        text_of(run, "measures") == "all")
      runs.push_back(&run);
  return runs;
}

/// What probes of relabelled users give.
struct Relabelled {
  /// By layer: the mean over runs and relabellings, and the range of the relabellings' means over
  /// runs; NaN where there are none.
  std::vector<Value> by_layer;
  std::int64_t runs = 0, draws = 0;                 // behind those means
  double lowest = kInfinity, highest = -kInfinity;  // of one relabelling of one run, in any layer
};

/// `of` gives the list of a layer's relabellings.
Relabelled relabelled(const StudyPage& page, const std::string& question,
                      const std::vector<std::string>& layers,
                      const std::function<const Json&(const Json& layer)>& of) {
  Relabelled all;
  for (const std::string& name : layers) {
    std::vector<std::vector<double>> runs;
    for (const Json* run : relabelled_runs(page)) {
      const Json& probed = at_path(*run, {"probes", question.c_str(), "layers"});
      std::vector<double> values = numbers_of(of(find_in(probed, {{"layer", name.c_str()}})));
      std::erase_if(values, [](double v) { return !std::isfinite(v); });
      if (!values.empty()) runs.push_back(std::move(values));
    }
    Value value;
    value.mean = value.low = value.high = std::numeric_limits<double>::quiet_NaN();
    if (!runs.empty()) {
      std::size_t draws = runs.front().size();
      for (const std::vector<double>& run : runs) draws = std::min(draws, run.size());
      std::vector<double> means(draws, 0);
      for (const std::vector<double>& run : runs)
        for (std::size_t d = 0; d < draws; ++d) {
          means[d] += run[d] / static_cast<double>(runs.size());
          all.lowest = std::min(all.lowest, run[d]);
          all.highest = std::max(all.highest, run[d]);
        }
      value.mean = 0;
      for (const double mean : means) value.mean += mean / static_cast<double>(draws);
      value.low = std::min(*std::min_element(means.begin(), means.end()), value.mean);
      value.high = std::max(*std::max_element(means.begin(), means.end()), value.mean);
      all.runs = std::max(all.runs, static_cast<std::int64_t>(runs.size()));
      all.draws = std::max(all.draws, static_cast<std::int64_t>(draws));
    }
    all.by_layer.push_back(value);
  }
  return all;
}

/// Curves of conditions over layers, that of relabelled users, and what a title says of W100.
struct Profile {
  LineChart chart;
  ShownValues shown;
  std::vector<std::pair<std::string, std::int64_t>> runs;  // of each curve
  Relabelled control;
  std::vector<std::string> layers;
  std::map<std::string, std::vector<Value>> values;  // by condition, by layer
  std::vector<double> p, random;  // of W100 by layer: its corrected p, the replica's random labels
};

/// A layer's AUC, or the accuracy of the published probe.
Value value_at(const Json& layer, bool replica, ShownValues& shown) {
  const Json& auc = at_path(layer, {"auc"});
  if (!replica) return shown.add(auc);
  Value value = value_of(auc);
  const Json& published = at_path(layer, {"replica"});
  value.mean = number_of(published, "accuracy");
  // Limits of runs that agree may miss their mean by a rounding; NaN stays, as it is the first.
  value.low = std::min(number_of(published, "low"), value.mean);
  value.high = std::max(number_of(published, "high"), value.mean);
  return shown.add_student(value);
}

Profile profile_of(const StudyPage& page, const std::string& question, bool replica) {
  Profile profile;
  const std::vector<std::string> layers = layers_of(page, question);
  profile.layers = layers;
  profile.chart.x = layer_axis(layers);
  std::vector<std::string> codes = {"B", "C0", "W50", "W100"};
  if (!replica) codes.emplace_back("T");  // the positive control of what claims are judged by
  for (const std::string& code : codes) {
    const Json& condition = probed_condition(page, question, code);
    Series series;
    series.name = code;
    std::int64_t runs = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Json& layer = probed_layer(condition, layers[l]);
      const Value value = value_at(layer, replica, profile.shown);
      profile.values[code].push_back(value);
      if (code == "W100") {
        profile.p.push_back(number_of(layer, "p_corrected"));
        profile.random.push_back(number_of(at_path(layer, {"replica"}), "control"));
      }
      if (!value.exists()) continue;
      add_point(series, static_cast<double>(l), value);
      runs = std::max(runs, value.runs);
    }
    if (series.x.empty()) continue;
    profile.runs.emplace_back(code, runs);
    profile.chart.series.push_back(std::move(series));
  }
  if (profile.chart.series.empty()) return profile;
  Series control;
  control.name = "relabelled";
  control.dashed = true;
  profile.control = relabelled(page, question, layers, [&](const Json& layer) -> const Json& {
    return replica ? at_path(layer, {"replica", "control"}) : at_path(layer, {"auc_control"});
  });
  for (std::size_t l = 0; l < profile.control.by_layer.size(); ++l)
    if (const Value& value = profile.control.by_layer[l]; value.exists())
      add_point(control, static_cast<double>(l), value);
  if (!control.x.empty()) profile.chart.series.push_back(std::move(control));
  if (replica) return profile;  // an accuracy, which the prompt's AUC is not
  const Json& prompt =
      find_in(at_path(page.analysis, {"prompt"}), {{"condition", "W100"}, {"tuning", "lora"}});
  const Value said = value_of(at_path(prompt, {"auc"}));
  if (said.exists())
    profile.chart.references = {
        {said.mean, fmt::format("prompt, W100: {}", number_text(said.mean, 2))}};
  return profile;
}

/// The dashed curve in words; "" without one.
std::string control_sentence(const Relabelled& control) {
  if (control.runs == 0) return "";
  const std::string range =
      control.runs == 1
          ? fmt::format("the range of the {} of W100's one run",
                        counted(control.draws, "relabelling"))
          : fmt::format(
                "the range of {}, each as its mean over W100's {} runs: one relabelling of "
                "one run lies anywhere from {} to {}",
                counted(control.draws, "relabelling"), control.runs, number_text(control.lowest, 2),
                number_text(control.highest, 2));
  return "Dashed: the same users under random labels, their mean and " + range + ".";
}

/// How many runs each curve has, and what follows where it is not as many for all.
std::string runs_sentence(const Profile& profile) {
  std::int64_t fewest = profile.runs.front().second, most = fewest;
  std::vector<std::string> each;
  for (const auto& [code, runs] : profile.runs) {
    fewest = std::min(fewest, runs);
    most = std::max(most, runs);
    each.push_back(fmt::format("{} {}", code, runs));
  }
  const std::int64_t control = profile.control.runs;
  if (fewest == most && (control == 0 || control == most)) return "";
  if (control > 0) each.push_back(fmt::format("relabelled {}", control));
  std::string text = "Runs: " + sentence_list(each) + ".";
  if (fewest < control)
    text += " A curve of fewer runs than the dashed one may leave its range for that alone.";
  else if (fewest < most)
    text += " A curve of fewer runs moves more by chance.";
  return text;
}

/// The size of the published probe's split here and in the paper.
std::string split_sentence(const StudyPage& page, const std::string& question) {
  std::set<std::int64_t> tests, pictures;
  for (const Json& run : page.runs.runs) {
    const Json& layers = at_path(run, {"probes", question.c_str(), "layers"});
    if (!layers.is_array()) continue;
    for (const Json& layer : layers)
      if (const double items = number_of(at_path(layer, {"replica"}), "test_items"); items > 0)
        tests.insert(std::llround(items));
    // Each picture is there under one card of an IN and one of an OUT user.
    const std::vector<double> seen = numbers_of(at_path(run, {"probes", "projections", "seen"}));
    if (const auto in = std::count(seen.begin(), seen.end(), 1.0); in > 0) pictures.insert(in);
  }
  if (tests.empty()) return "";
  // A picture is taken once, under the card of an IN or of an OUT user in turn.
  const std::int64_t count = pictures.size() == 1 ? *pictures.begin() : 0;
  const std::string size =
      count > 0 ? fmt::format(", this one of {} + {}", count - count / 2, count / 2) : "";
  const std::string items = *tests.begin() == *tests.rbegin()
                                ? counted(*tests.begin(), "item")
                                : fmt::format("{} to {} items", *tests.begin(), *tests.rbegin());
  return fmt::format(
      "The paper's split is of 500 + 500 pictures{}; a run's test here has {}, of which one is {} "
      "points.",
      size, items, number_text(100.0 / static_cast<double>(*tests.begin()), 1));
}

/// The decoder layer where W100 reaches most; none without a value. The encoder is left out: it is
/// frozen, so that W100's fine-tuning cannot show in it.
std::optional<std::size_t> best_decoder_layer(const Profile& profile) {
  const auto w100 = profile.values.find("W100");
  std::optional<std::size_t> best;
  if (w100 == profile.values.end()) return best;
  const std::vector<Value>& values = w100->second;
  for (std::size_t l = 0; l < values.size(); ++l) {
    if (!profile.layers[l].starts_with("decoder") || !values[l].exists()) continue;
    if (!best || values[l].mean > values[*best].mean) best = l;
  }
  return best;
}

/// "0.692 (0.610 to 0.774) on W100 at decoder layer 3, 0.677 before any fine-tuning, ...".
std::string replica_title(const Profile& profile, std::size_t place, std::size_t best) {
  std::string title = fmt::format("{} on W100 at {}", value_text(profile.values.at("W100")[place]),
                                  profile.layers[place]);
  for (const auto& [code, words] :
       {std::pair("B", "before any fine-tuning"), std::pair("C0", "after clean")})
    if (const Value& value = profile.values.at(code)[place]; value.exists())
      title += fmt::format(", {} {}", number_text(value.mean), words);
  if (std::isfinite(profile.random[place]))
    title += fmt::format(", {} with random labels", number_text(profile.random[place]));
  if (best != place)
    title += fmt::format("; on W100 at its best decoder layer, {}, {}", profile.layers[best],
                         number_text(profile.values.at("W100")[best].mean));
  return title;
}

/// "0.509 (0.423 to 0.595) at the primary layer, decoder layer 3 (p 0.641, ...), ...".
std::string auc_title(const Profile& profile, std::size_t place, std::size_t best, bool primary) {
  const std::vector<Value>& values = profile.values.at("W100");
  const auto decoder = std::count_if(profile.layers.begin(), profile.layers.end(),
                                     [](const auto& l) { return l.starts_with("decoder"); });
  const std::string of = counted(decoder, "decoder layer");
  std::string title = fmt::format("{} at {}{}", value_text(values[place]),
                                  primary ? "the primary layer, " : "", profile.layers[place]);
  title +=
      std::isfinite(profile.p[place])
          ? fmt::format(" (p {}, corrected by the maximum over layers)", p_text(profile.p[place]))
          : " (without a p)";
  if (best == place) return decoder > 1 ? title + ", the best of " + of : title;
  title += fmt::format("; at the best of {}, {}, {}", of, profile.layers[best],
                       number_text(values[best].mean));
  if (std::isfinite(profile.p[best])) title += fmt::format(" (p {})", p_text(profile.p[best]));
  return title;
}

/// What W100 reaches at the primary layer, or at its best decoder layer where there is no such.
std::string title_of(const StudyPage& page, const Profile& profile, const std::string& question,
                     bool replica) {
  const std::string what =
      question + (replica ? ": the published probe" : ": with users held out, the AUC");
  const std::optional<std::size_t> best = best_decoder_layer(profile);
  if (!best) return what + (replica ? "'s accuracy by layer" : " by layer");
  std::size_t place = *best;
  bool primary = false;
  for (std::size_t l = 0; l < profile.layers.size(); ++l)
    if (profile.layers[l] == primary_layer_of(page) && profile.values.at("W100")[l].exists())
      place = l, primary = true;
  return replica ? what + " reaches " + replica_title(profile, place, *best)
                 : what + " of W100 is " + auc_title(profile, place, *best, primary);
}

/// Why curves agree in the encoder; "" where none of its layers is drawn.
std::string frozen_sentence(const Profile& profile) {
  const bool vision = std::any_of(profile.layers.begin(), profile.layers.end(),
                                  [](const auto& l) { return l.starts_with("vision"); });
  return vision ? "The encoder is frozen in these trainings, so that its layers (V) are the same "
                  "in all conditions of a run."
                : "";
}

/// What stands beside W in a figure.
std::string controls_of(const Profile& profile) {
  std::vector<std::string> names;
  for (const auto& [code, runs] : profile.runs)
    if (is_control(code)) names.push_back(code);
  if (profile.control.runs > 0) names.push_back("relabelled users");
  if (!profile.chart.references.empty()) names.push_back("prompt");
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

void add_layer_curves(const StudyPage& page, const std::string& question, Part& part) {
  const std::string ask =
      question == "username" ? "what is the username?" : "what is the user_id of the username?";
  for (const bool replica : {true, false}) {
    Profile profile = profile_of(page, question, replica);
    if (profile.chart.series.empty()) {
      part.lacks(fmt::format("the {} by layer, {}", replica ? "published probe" : "AUC", question));
      continue;
    }
    const bool prompted = !profile.chart.references.empty();
    const std::string controls = controls_of(profile);
    profile.chart.y.label = replica ? "accuracy, published split" : "AUC, users held out";
    std::vector<std::string> claims = {"K8"};
    if (question == "username")
      claims = replica ? std::vector<std::string>{"K5", "K6"}
                       : std::vector<std::string>{"K5", "K6", "K7", "K8"};
    Figure figure =
        page.figure(std::string(replica ? "replica-" : "layers-") +
                        (question == "username" ? "username" : "user-id"),
                    title_of(page, profile, question, replica), std::move(profile.chart), claims);
    figure.caption = joined_sentences(
        {"Asked \"" + ask + "\" about unseen pictures.",
         replica ? "The paper's figure, rerun: seen against unseen users, a random split of "
                   "pictures, logistic regression at C = 1. Cards of the same users stand on both "
                   "sides of that split, so reading cards is enough to pass: no claim is judged by "
                   "it."
                 : "A probe that never saw the user nor the picture, at C = " + held_out_c() + ".",
         replica ? split_sentence(page, question) : "", frozen_sentence(profile),
         control_sentence(profile.control), profile.shown.sentence(page), runs_sentence(profile),
         prompted ? "The prompt line is the AUC of \"have you seen this user before?\", computed."
                  : ""});
    figure.counts = profile.shown.counts();
    figure.seeds = profile.shown.seeds();
    figure.control = controls;
    part.add(std::move(figure));
  }
}

Part probing_part(const StudyPage& page) {
  Part part;
  part.section.title = "Layer by layer: read or remembered?";
  part.section.paragraphs = {
      "A hidden state that shows a card can tell users apart because it reads them. Only users "
      "whom the probe never saw, dealt to IN and OUT by a coin in each run, can show that training "
      "left something behind."};
  add_legibility(page, part);
  for (const char* question : kProbeQuestions) add_layer_curves(page, question, part);
  for (const char* question : kProbeQuestions)
    for (const char* tuning : {"lora", "full"}) add_deciding_forest(page, question, tuning, part);
  add_differences(page, part);
  add_validity(page, part);
  return part;
}

}  // namespace chainline::experiments
