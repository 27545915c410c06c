#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kQuestions[] = {"username", "user_id"};

const Json& condition_of(const StudyPage& page, const std::string& question,
                         const std::string& condition, const std::string& tuning = "lora") {
  return find_in(at_path(page.analysis, {"separation", question.c_str(), "conditions"}),
                 {{"condition", condition.c_str()}, {"tuning", tuning.c_str()}});
}

const Json& layer_of(const Json& condition, const std::string& layer) {
  return find_in(at_path(condition, {"layers"}), {{"layer", layer.c_str()}});
}

std::string primary_of(const StudyPage& page) {
  return text_of(at_path(page.analysis, {"primary"}), "layer");
}

std::vector<std::string> layers_of(const StudyPage& page, const std::string& question) {
  std::vector<std::string> names;
  const Json& layers = at_path(page.analysis, {"separation", question.c_str(), "layers"});
  if (layers.is_array())
    for (const Json& layer : layers) names.push_back(cell_text(layer));
  return names;
}

/// "decoder layer 3" as an axis has room for it: "D3".
std::string short_name(const std::string& layer) {
  std::string text = layer;
  for (const auto& [from, to] :
       {std::pair("vision embeddings", "V0"), std::pair("vision layer ", "V"),
        std::pair("decoder embeddings", "D0"), std::pair("decoder layer ", "D")})
    if (text.starts_with(from)) text = to + text.substr(std::string(from).size());
  return text;
}

Axis layer_axis(const std::vector<std::string>& layers) {
  Axis axis;
  axis.label = "layer: V vision, D decoder";
  for (const std::string& layer : layers) axis.names.push_back(short_name(layer));
  return axis;
}

void push(Series& series, std::size_t layer, double y, double low, double high) {
  series.x.push_back(static_cast<double>(layer));
  series.y.push_back(y);
  const bool interval = std::isfinite(low) && std::isfinite(high);
  series.low.push_back(interval ? std::min(low, y) : y);
  series.high.push_back(interval ? std::max(high, y) : y);
}

/// By layer, of the W100 runs: the mean over runs of relabelled users' numbers and the range that the
/// relabellings span, [layer] -> (mean, low, high). `of` gives the list of a layer's relabellings.
std::vector<Value> relabelled(const StudyPage& page, const std::string& question,
                              const std::vector<std::string>& layers,
                              const std::function<const Json&(const Json& layer)>& of) {
  std::vector<Value> bands;
  for (const std::string& name : layers) {
    std::vector<std::vector<double>> runs;
    for (const Json& run : page.runs.runs) {
      if (text_of(run, "condition") != "W100" || text_of(run, "tuning") != "lora" ||
          text_of(run, "measures") != "all")
        continue;
      const Json& all = at_path(run, {"probes", question.c_str(), "layers"});
      std::vector<double> values = numbers_of(of(find_in(all, {{"layer", name.c_str()}})));
      std::erase_if(values, [](double v) { return !std::isfinite(v); });
      if (!values.empty()) runs.push_back(std::move(values));
    }
    Value band;
    band.mean = band.low = band.high = kNaN;
    std::size_t draws = std::numeric_limits<std::size_t>::max();
    for (const auto& run : runs) draws = std::min(draws, run.size());
    if (!runs.empty()) {
      std::vector<double> means(draws, 0);
      for (const auto& run : runs)
        for (std::size_t d = 0; d < draws; ++d)
          means[d] += run[d] / static_cast<double>(runs.size());
      band.mean = 0;
      for (const double mean : means) band.mean += mean / static_cast<double>(draws);
      band.low = *std::min_element(means.begin(), means.end());
      band.high = *std::max_element(means.begin(), means.end());
      band.runs = static_cast<std::int64_t>(runs.size());
      band.users = static_cast<std::int64_t>(draws);  // relabellings
    }
    bands.push_back(band);
  }
  return bands;
}

std::string question_text(const std::string& question) {
  return question == "username" ? "what is the username?" : "what is the user_id of the username?";
}

/// Curves of B, C0, W50 and W100 over layers with the relabelled band, and the best layer of W100.
struct Profile {
  LineChart chart;
  double best = -std::numeric_limits<double>::infinity();
  std::string best_layer;
  std::vector<Value> values;
};

Profile profile_of(const StudyPage& page, const std::string& question, bool replica) {
  Profile profile;
  const std::vector<std::string> layers = layers_of(page, question);
  profile.chart.x = layer_axis(layers);
  for (const char* code : {"B", "C0", "W50", "W100"}) {
    const Json& condition = condition_of(page, question, code);
    Series series;
    series.name = code;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Json& layer = layer_of(condition, layers[l]);
      Value value = value_of(at_path(layer, {"auc"}));
      if (replica) {
        const Json& r = at_path(layer, {"replica"});
        value.mean = number_of(r, "accuracy");
        value.low = number_of(r, "low"), value.high = number_of(r, "high");
      }
      if (!value.exists()) continue;
      push(series, l, value.mean, value.low, value.high);
      profile.values.push_back(value);
      if (std::string(code) == "W100" && value.mean > profile.best)
        profile.best = value.mean, profile.best_layer = layers[l];
    }
    if (!series.x.empty()) profile.chart.series.push_back(std::move(series));
  }
  if (profile.chart.series.empty()) return profile;
  Series control;
  control.name = "relabelled";
  control.dashed = true;
  const std::vector<Value> bands =
      relabelled(page, question, layers, [&](const Json& layer) -> const Json& {
        return replica ? at_path(layer, {"replica", "control"}) : at_path(layer, {"auc_control"});
      });
  for (std::size_t l = 0; l < bands.size(); ++l)
    if (bands[l].exists()) push(control, l, bands[l].mean, bands[l].low, bands[l].high);
  if (!control.x.empty()) profile.chart.series.push_back(std::move(control));
  const Json& prompt =
      find_in(at_path(page.analysis, {"prompt"}), {{"condition", "W100"}, {"tuning", "lora"}});
  const Value said = value_of(at_path(prompt, {"auc"}));
  if (said.exists())
    profile.chart.references = {
        {said.mean, fmt::format("prompt, W100: {}", number_text(said.mean, 2))}};
  return profile;
}

void add_profiles(const StudyPage& page, const std::string& question, Part& part) {
  const std::string slug = question == "username" ? "username" : "user-id";
  const std::string ask = "Asked \"" + question_text(question) + "\" about unseen pictures. ";
  const auto add = [&](bool replica) {
    Profile profile = profile_of(page, question, replica);
    if (profile.chart.series.empty())
      return part.lacks(
          fmt::format("the {} by layer, {}", replica ? "published probe" : "AUC", question));
    profile.chart.y.label = replica ? "accuracy, published split" : "AUC, users held out";
    const std::string at_best = profile.best_layer.empty()
                                    ? "by layer"
                                    : fmt::format("of W100 is {} at its best layer, {}",
                                                  number_text(profile.best), profile.best_layer);
    Figure figure = page.figure(
        (replica ? "replica-" : "layers-") + slug,
        replica ? fmt::format("{}: the published probe's accuracy {}", question, at_best)
                : fmt::format("{}: with users held out, the AUC {}", question, at_best),
        std::move(profile.chart), {"K5", "K6", "K7", "K8"});
    figure.caption =
        replica
            ? ask +
                  "The paper's figure, rerun: seen against unseen users, a random split of "
                  "pictures, logistic regression at C = 1. Every card stands on both sides of "
                  "that split, so reading cards is enough to pass; the dashed control gives the "
                  "same users random labels. Student's intervals over runs. The prompt line is "
                  "the AUC of \"have you seen this user before?\", computed."
            : ask +
                  "A probe that never saw the user nor the picture; bootstrap intervals over "
                  "runs and users. Dashed: the same users under random labels, the mean over "
                  "runs and the range of all relabellings. The prompt line is the AUC of \"have "
                  "you seen this user before?\", computed.";
    figure.counts = counts_text(profile.values);
    figure.control = "B, C0, relabelled users, prompt";
    part.add(std::move(figure));
  };
  add(true);
  add(false);
}

/// What W100's probe says of pairs of users by the states of SW and U3: it knows from W100 who the
/// seen ones are.
DotGroup transferred(const StudyPage& page, const std::string& question, const std::string& tuning,
                     const std::string& layer, std::vector<Value>& values) {
  DotGroup group{"Pairs told by W100's probe", {}};
  for (const char* code : {"SW", "U3"}) {
    const Json& row = find_in(at_path(page.analysis, {"transfer"}), {{"condition", code},
                                                                     {"question", question.c_str()},
                                                                     {"tuning", tuning.c_str()},
                                                                     {"layer", layer.c_str()}});
    const Value value = value_of(row, "t_low", "t_high");
    const double p = number_of(row, "p_less");
    const std::string note =
        std::string(code) == "SW" && std::isfinite(p) ? "p below 0.5: " + p_text(p) : "";
    if (std::optional<DotRow> dot = dot_row(code, value, note)) {
      values.push_back(value);
      group.rows.push_back(std::move(*dot));
    }
  }
  return group;
}

void add_forest(const StudyPage& page, const std::string& question, const std::string& tuning,
                Part& part) {
  const std::string layer = primary_of(page);
  std::vector<Value> values;
  DotChart chart = forest([&](const std::string& code) {
    const Json& at = layer_of(condition_of(page, question, code, tuning), layer);
    const Value value = value_of(at_path(at, {"auc"}));
    if (value.exists()) values.push_back(value);
    const double p = number_of(at, "p_corrected");
    return dot_row(code, value, std::isfinite(p) ? "p " + p_text(p) : "");
  });
  const bool full = tuning == "full";
  if (chart.groups.empty())
    return full ? void() : part.lacks("the deciding comparison, " + question);
  if (DotGroup read = transferred(page, question, tuning, layer, values); !read.rows.empty())
    chart.groups.push_back(std::move(read));
  chart.x.label = "AUC, or share of pairs; users held out";
  chart.references = {{0.5, "chance"}};
  std::vector<std::string> aucs;
  for (const auto& [code, words] :
       {std::pair("W100", "for W100"), std::pair("C0", "clean (C0)"),
        std::pair("U3", "with a third set (U3)"), std::pair("T", "where the id is asked (T)")}) {
    const Value value =
        value_of(at_path(layer_of(condition_of(page, question, code, tuning), layer), {"auc"}));
    if (value.exists()) aucs.push_back(number_text(value.mean) + " " + words);
  }
  Figure figure =
      page.figure(fmt::format("decides-{}{}", question == "username" ? "username" : "user-id",
                              full ? "-full" : ""),
                  fmt::format("{}{} at {}: AUC {}", question, full ? ", all weights trained," : "",
                              layer, sentence_list(aucs)),
                  std::move(chart), {"K5", "K8"});
  figure.caption =
      "The comparison that decides, at the primary layer (" +
      text_of(at_path(page.analysis, {"primary"}), "chosen_by") +
      "). IN users against OUT users, dealt anew in each run; no user is in both training and test "
      "of a probe. If training makes the difference, W lies above C0 and U3. SW has seen the OUT "
      "users: a probe fitted to its own states learns anew who the seen ones are and may lie as "
      "high "
      "as W100's; but W100's probe, reading SW, must call the IN user of a pair with the same "
      "pictures the more familiar one in less than half of them, and in half on U3 "
      "(Student's intervals and p, runs of the same number). p elsewhere: relabelled users, "
      "corrected by the maximum over layers. Hollow: controls.";
  figure.counts = counts_text(values);
  figure.seeds = values.front().seeds;
  figure.control = "below each other in the same figure";
  part.add(std::move(figure));
}

void add_differences(const StudyPage& page, Part& part) {
  Table table;
  table.columns = {{"Question"},         {"Comparison"}, {"Layer"},
                   {"AUC points", true}, {"p", true},    {"Runs", true}};
  int above = 0;
  for (const char* question : kQuestions) {
    const auto add = [&](const Json& row, std::string what, bool student) {
      Value value = student ? value_of(row, "t_low", "t_high") : value_of(row);
      if (!value.exists()) return;
      value.mean *= 100, value.low *= 100, value.high *= 100;
      const double p = number_of(row, "p");
      above += p < 0.05;
      table.rows.push_back({question, std::move(what), text_of(row, "layer"), value_text(value, 1),
                            p_text(p), cell_text(at_path(row, {"runs"}))});
    };
    const Json& differences = at_path(page.analysis, {"separation", question, "differences"});
    if (differences.is_array())
      for (const Json& row : differences)
        add(row,
            text_of(row, "a") + " less " + text_of(row, "b") +
                (text_of(row, "tuning") == "full" ? ", all weights" : ""),
            false);
    const Json& contrasts = at_path(page.analysis, {"separation", question, "contrasts"});
    if (contrasts.is_array())
      for (const Json& row : contrasts)
        add(row, text_of(row, "condition") + ", less " + text_of(row, "of"), true);
  }
  if (table.rows.empty()) return part.lacks("differences between conditions");
  const std::size_t rows = table.rows.size();  // before the table goes into the figure
  Figure figure = page.figure(
      "differences",
      fmt::format("{} of {} differences in AUC have p below 0.05 (one-sided, each by itself)",
                  above, rows),
      std::move(table), {"K5", "K6"});
  figure.caption =
      "At the primary layer, runs paired by number. Comparisons of one condition are "
      "with its other decoder layers (Student's p), with the encoder's last layer and with pixels "
      "(relabelled users): what lies in the picture shows there too.";
  part.add(std::move(figure));
}

void add_validity(const StudyPage& page, Part& part) {
  Table table;
  table.columns = {{"Condition"},    {"selectivity", true}, {"nested C", true},
                   {"pixels", true}, {"vision", true},      {"conditional, bits", true},
                   {"MDL", true},    {"relabelled", true}};
  table.groups = {{"", 1}, {"AUC, users held out", 4}, {"beyond the base", 1}, {"code", 2}};
  const std::string layer = primary_of(page);
  std::string last_vision;
  for (const std::string& name : layers_of(page, "username"))
    if (name.starts_with("vision")) last_vision = name;
  double fits = 0, unconverged = 0, worst = 0;
  const Json& probes = at_path(page.analysis, {"probes"});
  for (const ConditionGroup& group : condition_groups())
    for (const std::string& code : group.conditions) {
      const Json& probe = find_in(probes, {{"condition", code.c_str()}, {"tuning", "lora"}});
      const Json& separated = condition_of(page, "username", code);
      if (!probe.is_object() && !separated.is_object()) continue;
      const Json& certificate = at_path(probe, {"fits"});
      const Json& mdl = at_path(probe, {"mdl"});
      Value bits;
      bits.mean = number_of(at_path(probe, {"conditional"}), "bits");
      bits.low = number_of(at_path(probe, {"conditional"}), "low");
      bits.high = number_of(at_path(probe, {"conditional"}), "high");
      if (std::isfinite(number_of(certificate, "fits"))) {
        fits += number_of(certificate, "fits");
        unconverged += number_of(certificate, "unconverged");
        const double gap = number_of(certificate, "worst_duality_gap");
        if (gap > worst) worst = gap;
      }
      table.rows.push_back(
          {code, number_text(number_of(layer_of(separated, layer), "selectivity")),
           value_text(value_of(at_path(probe, {"nested"}))),
           number_text(number_of(at_path(probe, {"pixels"}), "mean")),
           number_text(number_of(at_path(layer_of(separated, last_vision), {"auc"}), "mean")),
           value_text(bits), number_text(number_of(mdl, "compression")),
           cell_text(at_path(mdl, {"control"}))});
    }
  if (table.rows.empty()) return part.lacks("validity of the probes");
  if (fits > 0)
    table.notes.push_back(fmt::format(
        "Certificate: {:.0f} fits, {:.0f} of them unconverged, largest duality gap {:.1e}.", fits,
        unconverged, worst));
  Figure figure = page.figure(
      "validity",
      fits > 0 ? fmt::format("{:.0f} of {:.0f} fits of probes carry a certificate of convergence",
                             fits - unconverged, fits)
               : "What the probes are held against",
      std::move(table), {"K5", "K6"});
  figure.caption =
      "Selectivity: AUC less that of relabelled users. Nested: C chosen in inner folds. Pixels and "
      "vision: the same probe on the picture and on the encoder's last layer. Conditional: what "
      "the fine-tuned state tells of IN or OUT beyond the base's. MDL: compression by prequential "
      "code, of users in order, beside that of relabelled users.";
  const Json& relabelled = at_path(page.analysis, {"relabelled"});
  if (relabelled.is_object())
    figure.control = "relabelled users: AUC " +
                     value_text(value_of(at_path(relabelled, {"auc"}), "t_low", "t_high")) +
                     ", nested " +
                     value_text(value_of(at_path(relabelled, {"nested"}), "t_low", "t_high"));
  part.add(std::move(figure));
}

}  // namespace

Part probing_part(const StudyPage& page) {
  Part part;
  part.section.title = "Layer by layer: read or remembered?";
  part.section.paragraphs = {
      "A hidden state that shows a card can tell users apart because it reads them. Only users "
      "whom "
      "the probe never saw, dealt to IN and OUT by a coin in each run, can show that training left "
      "something behind."};
  for (const char* question : kQuestions) add_profiles(page, question, part);
  for (const char* question : kQuestions)
    for (const char* tuning : {"lora", "full"}) add_forest(page, question, tuning, part);
  add_differences(page, part);
  add_validity(page, part);
  return part;
}

}  // namespace chainline::experiments
