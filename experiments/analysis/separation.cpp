#include "experiments/analysis/separation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/analysis/user_auc.h"
#include "experiments/statistics/hierarchical.h"
#include "experiments/statistics/randomisation.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

bool is_decoder(const std::string& layer) { return layer.starts_with("decoder"); }

std::vector<double> column(const std::vector<std::vector<double>>& rows, std::size_t c) {
  std::vector<double> values;
  for (const std::vector<double>& row : rows) values.push_back(row[c]);
  return values;
}

std::vector<std::vector<double>> control_column(const ProbeRuns& probes, std::size_t layer) {
  std::vector<std::vector<double>> values;
  for (const auto& run : probes.controls) values.push_back(run[layer]);
  return values;
}

bool have_controls(const std::vector<std::vector<double>>& controls) {
  return !controls.empty() &&
         std::none_of(controls.begin(), controls.end(), [](const auto& c) { return c.empty(); });
}

/// The users' decisions at one layer.
UserRuns decision_runs(const ProbeRuns& probes, std::size_t layer) {
  UserRuns runs;
  for (std::size_t r = 0; r < probes.runs.size(); ++r) {
    runs.values.push_back(probes.decisions[r][layer]);
    runs.in.push_back(probes.runs[r].in);
  }
  return runs;
}

/// The limits of the user AUCs, moved to the AUC over items: the probe's AUC ranks single images,
/// the bootstrap the users' means, which differ in place more than in spread.
Interval moved(const std::vector<double>& replicates, double from, double to, double confidence) {
  const Interval interval = percentile_interval(replicates, confidence);
  return {interval.low + to - from, interval.high + to - from};
}

Json replica_of(const ProbeRuns& probes, const std::string& question, std::size_t layer,
                const AnalysisOptions& options) {
  std::vector<double> accuracy, control;
  for (const StudyRun& run : probes.runs) {
    const Json& l = run.json->at("probes").at(question).at("layers");
    if (layer >= l.size() || !l[layer].contains("replica")) return nullptr;
    const Json& replica = l[layer]["replica"];
    if (!replica.is_object()) return nullptr;
    accuracy.push_back(number_at(replica, "accuracy"));
    control.push_back(mean(numbers(member(replica, "control", run.where()), run.where())));
  }
  Json row = {{"accuracy", number(mean(accuracy))},
              {"control", number(mean(control))},
              {"selectivity", number(mean(accuracy) - mean(control))}};
  add_student(row, accuracy, options.confidence, "low", "high");
  return row;
}

Json condition_row(const ProbeRuns& probes, const std::string& question,
                   const std::string& condition, const std::string& tuning,
                   const AnalysisOptions& options) {
  const Sources sources = sources_of(probes.runs);
  Json layers = Json::array();
  const std::string what = question + " " + condition + " " + tuning;
  std::vector<double> family;
  bool controls_everywhere = true;
  for (std::size_t l = 0; l < probes.layers.size(); ++l)
    controls_everywhere = controls_everywhere && have_controls(control_column(probes, l));
  if (controls_everywhere)
    family = combined_max_p_values(probes.auc, probes.controls, options.draws,
                                   stream(options, what + " family"));
  std::vector<UserRuns> decisions;
  for (std::size_t l = 0; l < probes.layers.size(); ++l)
    decisions.push_back(decision_runs(probes, l));
  const std::vector<std::vector<double>> replicates =
      user_auc_replicates(decisions, options.replicates, stream(options, what));
  for (std::size_t l = 0; l < probes.layers.size(); ++l) {
    const std::vector<double> aucs = column(probes.auc, l);
    const double user_auc = mean(user_aucs(decisions[l]));
    const Interval interval = moved(replicates[l], user_auc, mean(aucs), options.confidence);
    std::vector<double> above;
    for (const double auc : aucs) above.push_back(auc - 0.5);
    Json auc = run_estimate(above, {}, interval, sources, options, what);
    auc["mean"] = mean(aucs);
    auc["per_run"] = aucs;
    add_student(auc, aucs, options.confidence);
    Json row = {{"layer", probes.layers[l]},
                {"user_auc", user_auc},
                {"control", nullptr},
                {"selectivity", nullptr},
                {"p", nullptr},
                {"p_less", nullptr},
                {"p_corrected", nullptr},
                {"accuracy", mean(column(probes.accuracy, l))}};
    const std::vector<std::vector<double>> controls = control_column(probes, l);
    if (have_controls(controls)) {
      const RandomisationTest test =
          combined_control_test(aucs, controls, options.draws, stream(options, what + " controls"));
      std::vector<double> means;
      for (const std::vector<double>& c : controls) means.push_back(mean(c));
      auc["p_control"] = row["p"] = test.greater;
      row["p_less"] = test.less;
      row["control"] = mean(means);
      row["selectivity"] = mean(aucs) - mean(means);
      if (controls_everywhere) row["p_corrected"] = family[l];
    }
    row["auc"] = std::move(auc);
    row["replica"] = replica_of(probes, question, l, options);
    layers.push_back(std::move(row));
  }
  return {{"condition", condition}, {"tuning", tuning},       {"runs", probes.runs.size()},
          {"users", sources.users}, {"seeds", sources.seeds}, {"layers", std::move(layers)}};
}

/// a - b at one layer, run by run.
Json difference_row(const ProbeRuns& a, const ProbeRuns& b, const std::string& layer,
                    const std::string& what, bool by_student, const AnalysisOptions& options) {
  const std::size_t la = *a.place(layer), lb = *b.place(layer);
  std::vector<double> per_run;
  std::vector<std::vector<double>> controls;
  UserRuns x, y;
  Sources sources;
  for (std::size_t i = 0; i < a.runs.size(); ++i) {
    for (std::size_t j = 0; j < b.runs.size(); ++j) {
      if (a.runs[i].run != b.runs[j].run) continue;
      check<FileError>(a.runs[i].in == b.runs[j].in, a.runs[i].where(), " and ", b.runs[j].where(),
                       ": expected the same users IN");
      sources.seeds.push_back(a.runs[i].run);
      sources.users = std::max(sources.users, static_cast<std::int64_t>(a.runs[i].in.size()));
      per_run.push_back(a.auc[i][la] - b.auc[j][lb]);
      x.values.push_back(a.decisions[i][la]);
      y.values.push_back(b.decisions[j][lb]);
      x.in.push_back(a.runs[i].in);
      const std::vector<double>&ca = a.controls[i][la], &cb = b.controls[j][lb];
      std::vector<double> c;
      for (std::size_t r = 0; r < std::min(ca.size(), cb.size()); ++r) c.push_back(ca[r] - cb[r]);
      controls.push_back(std::move(c));
    }
  }
  if (per_run.empty()) return nullptr;
  y.in = x.in;
  if (!have_controls(controls)) controls.clear();
  const double by_user = mean(user_aucs(x)) - mean(user_aucs(y));
  const std::vector<std::vector<double>> both =
      user_auc_replicates({x, y}, options.replicates, stream(options, what));
  std::vector<double> replicates;
  for (std::size_t i = 0; i < both[0].size(); ++i) replicates.push_back(both[0][i] - both[1][i]);
  const Interval interval = moved(replicates, by_user, mean(per_run), options.confidence);
  Json row = run_estimate(per_run, controls, interval, sources, options, what);
  row["layer"] = layer;
  row["p_from"] = by_student ? "p_t" : "p_control";
  row["p"] = row[by_student ? "p_t" : "p_control"];
  return row;
}

/// The primary layer's AUC less something else of the same runs.
Json contrast_row(const ProbeRuns& probes, std::size_t place, const std::string& condition,
                  const std::string& of, const AnalysisOptions& options) {
  std::vector<double> per_run;
  std::vector<std::vector<double>> controls;
  for (std::size_t r = 0; r < probes.runs.size(); ++r) {
    // Places of the layers that are subtracted, as their mean; of the pixels no place.
    std::vector<double> other = {};
    std::vector<std::vector<double>> other_controls;
    if (of == "pixels") {
      const Json& all = probes.runs[r].json->at("probes");
      if (!all.contains("pixels") || !all["pixels"].is_object()) return nullptr;
      other.push_back(number_at(all["pixels"], "auc"));
      other_controls.push_back(numbers(member(all["pixels"], "auc_control", "pixels"), "pixels"));
    } else {
      std::optional<std::size_t> last_vision;
      for (std::size_t l = 0; l < probes.layers.size(); ++l)
        if (probes.layers[l].starts_with("vision")) last_vision = l;
      for (std::size_t l = 0; l < probes.layers.size(); ++l) {
        const bool taken =
            of == "vision" ? l == last_vision : l != place && is_decoder(probes.layers[l]);
        if (!taken) continue;
        other.push_back(probes.auc[r][l]);
        other_controls.push_back(probes.controls[r][l]);
      }
    }
    if (other.empty() || !std::isfinite(mean(other))) return nullptr;
    per_run.push_back(probes.auc[r][place] - mean(other));
    std::vector<double> c;
    for (std::size_t k = 0; k < probes.controls[r][place].size(); ++k) {
      double sum = 0;
      bool there = true;
      for (const std::vector<double>& o : other_controls) {
        there = there && k < o.size();
        if (there) sum += o[k];
      }
      if (there)
        c.push_back(probes.controls[r][place][k] -
                    sum / static_cast<double>(other_controls.size()));
    }
    controls.push_back(std::move(c));
  }
  if (!have_controls(controls)) controls.clear();
  Json row = run_estimate(per_run, controls, std::nullopt, sources_of(probes.runs), options,
                          "contrast " + condition + " " + of);
  row["condition"] = condition;
  row["of"] = of;
  // Layers of a decoder may all see users, so that relabelled ones are no null of their difference.
  row["p_from"] = of == "other decoder layers" ? "p_t" : "p_control";
  row["p"] = row[row["p_from"].get<std::string>()];
  return row;
}

}  // namespace

std::string PrimaryLayer::sentence() const {
  if (layer.empty()) return "no run has a probe";
  if (runs > 0)
    return fmt::format(
        "{} has the largest mean AUC over {} run{} of the positive control T, whose AUC decides no "
        "claim but whether the probe sees T",
        layer, runs, runs == 1 ? "" : "s");
  return fmt::format(
      "{}, the last of the decoder: there are no probed runs of the positive "
      "control T to choose by",
      layer);
}

std::optional<std::size_t> ProbeRuns::place(const std::string& layer) const {
  const auto found = std::find(layers.begin(), layers.end(), layer);
  if (found == layers.end()) return std::nullopt;
  return static_cast<std::size_t>(found - layers.begin());
}

ProbeRuns probe_runs(const std::vector<StudyRun>& runs, const std::string& question) {
  ProbeRuns probes;
  for (const StudyRun& run : runs) {
    const auto found = run.json->at("probes").find(question);
    if (found == run.json->at("probes").end() || !found->is_object()) continue;
    const std::string where = run.where() + ": probes: " + question;
    const Json& layers = member(*found, "layers", where);
    const Json& decisions = member(*found, "decisions", where);
    check<FileError>(layers.is_array() && decisions.is_array() && layers.size() == decisions.size(),
                     where, ": expected decisions of each layer");
    std::vector<std::string> names;
    std::vector<double> auc, accuracy;
    std::vector<std::vector<double>> controls, by_user;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      names.push_back(string_member(layers[l], "layer", where));
      auc.push_back(number_at(layers[l], "auc"));
      check<FileError>(std::isfinite(auc.back()), where, ": ", names.back(),
                       ": auc: expected a number");
      accuracy.push_back(number_at(layers[l], "accuracy"));
      controls.push_back(layers[l].contains("auc_control")
                             ? numbers(layers[l]["auc_control"], where)
                             : std::vector<double>());
      by_user.push_back(numbers(decisions[l], where));
      check<FileError>(by_user.back().size() == run.in.size(), where, ": expected decisions of ",
                       run.in.size(), " users, got ", by_user.back().size());
    }
    check<FileError>(probes.layers.empty() || probes.layers == names, where,
                     ": expected the layers of the other runs");
    probes.layers = names;
    probes.runs.push_back(run);
    probes.auc.push_back(std::move(auc));
    probes.accuracy.push_back(std::move(accuracy));
    probes.controls.push_back(std::move(controls));
    probes.decisions.push_back(std::move(by_user));
  }
  return probes;
}

PrimaryLayer primary_layer(const Runs& runs) {
  const ProbeRuns control = probe_runs(runs.main("T", "lora", "probes"), "username");
  if (!control.runs.empty()) {
    double best = -1;
    PrimaryLayer chosen{"", "positive control T", static_cast<std::int64_t>(control.runs.size())};
    for (std::size_t l = 0; l < control.layers.size(); ++l) {
      const double auc = mean(column(control.auc, l));
      if (is_decoder(control.layers[l]) && auc > best) best = auc, chosen.layer = control.layers[l];
    }
    if (!chosen.layer.empty()) return chosen;
  }
  for (const StudyRun& run : runs.where([](const StudyRun&) { return true; }, "probes")) {
    const ProbeRuns one = probe_runs({run}, "username");
    for (std::size_t l = one.layers.size(); l-- > 0;)
      if (is_decoder(one.layers[l])) return {one.layers[l], "last decoder layer", 0};
  }
  return {};
}

Json separation(const Runs& runs, const PrimaryLayer& primary, const AnalysisOptions& options) {
  Json all = Json::object();
  for (const char* question : {"username", "user_id"}) {
    Json rows = Json::array(), differences = Json::array(), contrasts = Json::array();
    std::vector<std::string> layers;
    for (const std::string& tuning : runs.tunings()) {
      const auto of = [&](const std::string& condition) {
        return probe_runs(runs.main(condition, tuning, "probes"), question);
      };
      for (const std::string& condition : study_conditions()) {
        const ProbeRuns probes = of(condition);
        if (probes.runs.empty()) continue;
        if (layers.empty()) layers = probes.layers;
        rows.push_back(condition_row(probes, question, condition, tuning, options));
        const std::optional<std::size_t> place = probes.place(primary.layer);
        if (place && (condition == "W100" || condition == "T") && tuning == "lora") {
          for (const char* other : {"other decoder layers", "vision", "pixels"}) {
            Json row = contrast_row(probes, *place, condition, other, options);
            if (!row.is_null()) contrasts.push_back(std::move(row));
          }
        }
      }
      const std::vector<std::pair<std::string, std::string>> pairs = {
          {"W100", "B"},       {"W100", "C0"},     {"W100", "W50"},     {"W100", "U3"},
          {"W100", "P-const"}, {"W100", "P-uniq"}, {"W100", "P-noise"}, {"T", "C0"}};
      for (const auto& [a, b] : pairs) {
        const ProbeRuns x = of(a), y = of(b);
        if (!x.place(primary.layer) || !y.place(primary.layer)) continue;
        Json row = difference_row(x, y, primary.layer,
                                  std::string(question) + " " + a + " - " + b + " " + tuning,
                                  b == "W50", options);
        if (row.is_null()) continue;
        row["a"] = a;
        row["b"] = b;
        row["tuning"] = tuning;
        differences.push_back(std::move(row));
      }
    }
    all[question] = {{"layers", layers},
                     {"conditions", std::move(rows)},
                     {"differences", std::move(differences)},
                     {"contrasts", std::move(contrasts)}};
  }
  return all;
}

Json relabelled(const Runs& runs, const PrimaryLayer& primary, const AnalysisOptions& options) {
  const ProbeRuns probes = probe_runs(runs.main("W100", "lora", "probes"), "username");
  const std::optional<std::size_t> place = probes.place(primary.layer);
  if (!place) return nullptr;
  std::vector<std::vector<double>> nested;
  for (const StudyRun& run : probes.runs) {
    const Json& all = run.json->at("probes");
    if (all.contains("nested") && all["nested"].is_object() &&
        all["nested"].contains("auc_control"))
      nested.push_back(numbers(all["nested"]["auc_control"], run.where() + ": nested"));
  }
  const auto row = [&](const std::vector<std::vector<double>>& controls, const char* what) -> Json {
    if (controls.size() != probes.runs.size() || !have_controls(controls)) return nullptr;
    std::vector<double> means;
    double variance = 0;  // of the mean over runs, by the relabellings' own spread
    for (const std::vector<double>& c : controls) {
      means.push_back(mean(c));
      variance += standard_deviation(c) * standard_deviation(c) / static_cast<double>(c.size());
    }
    const double reach = kNormal975 * std::sqrt(variance) / static_cast<double>(controls.size());
    const Interval interval{mean(means) - reach, mean(means) + reach};
    return run_estimate(means, {}, interval, sources_of(probes.runs), options, what);
  };
  return {{"auc", row(control_column(probes, *place), "relabelled")},
          {"nested", row(nested, "relabelled nested")}};
}

}  // namespace chainline::experiments
