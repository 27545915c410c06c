#include "experiments/analysis/effects.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "experiments/analysis/separation.h"
#include "experiments/analysis/user_auc.h"
#include "experiments/statistics/hierarchical.h"
#include "experiments/statistics/randomisation.h"

namespace chainline::experiments {
namespace {

/// The means over runs of the means of IN (1) or OUT (0) users.
std::vector<double> side_means(const UserRuns& runs, int side) {
  std::vector<double> means;
  for (std::size_t r = 0; r < runs.in.size(); ++r) {
    std::vector<double> values;
    for (std::size_t u = 0; u < runs.in[r].size(); ++u)
      if (runs.in[r][u] == side) values.push_back(runs.values[r][u]);
    means.push_back(mean(values));
  }
  return means;
}

/// Each value's midrank among its run's, over the number of users: the difference of IN and OUT
/// means of these is AUC - 1/2, so that a test of that difference is one of the AUC.
UserRuns rank_shares(const UserRuns& runs) {
  UserRuns ranks = runs;
  for (std::size_t r = 0; r < runs.in.size(); ++r) {
    const std::vector<double>& values = runs.values[r];
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t x, std::size_t y) { return values[x] < values[y]; });
    for (std::size_t i = 0; i < order.size();) {
      std::size_t end = i + 1;
      while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
      const double midrank = static_cast<double>(i + end - 1) / 2;
      for (; i < end; ++i) ranks.values[r][order[i]] = midrank / static_cast<double>(values.size());
    }
  }
  return ranks;
}

/// The same effects, an IN user's value less its partner's and the partner's 0, so that a bootstrap
/// over users draws pairs: what their common pictures say is no spread of the effect. Runs with other
/// numbers of IN and OUT users, of which that is not true, stay as they are.
UserRuns by_pairs(const UserRuns& runs) {
  UserRuns paired = runs;
  for (std::size_t r = 0; r < runs.groups.size(); ++r) {
    const std::vector<int>& in = runs.in[r];
    if (2 * std::count(in.begin(), in.end(), 1) != static_cast<std::ptrdiff_t>(in.size())) continue;
    std::map<int, std::vector<std::size_t>> groups;
    for (std::size_t u = 0; u < in.size(); ++u) groups[runs.groups[r][u]].push_back(u);
    for (const auto& [group, users] : groups) {
      if (users.size() != 2 || in[users[0]] == in[users[1]]) continue;
      const std::size_t seen = in[users[0]] == 1 ? users[0] : users[1];
      const std::size_t other = seen == users[0] ? users[1] : users[0];
      paired.values[r][seen] -= paired.values[r][other];
      paired.values[r][other] = 0;
    }
  }
  return paired;
}

Json share_of(const MeasuredRuns& m, int side, const AnalysisOptions& options) {
  const std::vector<double> means = side_means(m.values, side);
  Json e = estimate(mean(means), std::nullopt, m.sources);
  add_student(e, means, options.confidence, "low", "high");
  return e;
}

void add_p(Json& row, const std::optional<RandomisationTest>& test, const char* from) {
  row["p_from"] = test ? Json(from) : Json(nullptr);
  row["p_greater"] = test ? Json(test->greater) : Json(nullptr);
  row["p_less"] = test ? Json(test->less) : Json(nullptr);
  row["p_two_sided"] = test ? Json(test->two_sided) : Json(nullptr);
  row["p"] = row[row["direction"] > 0 ? "p_greater" : "p_less"];
}

/// The test of the probe that decides, by the AUCs of probes fitted to relabelled users: decisions
/// come from a fit to this very assignment, so that to deal others over them would not be a draw of
/// what could have been. Nullopt where a run has no such probes.
std::optional<RandomisationTest> decision_test(const std::vector<StudyRun>& runs,
                                               const std::string& layer,
                                               const AnalysisOptions& options,
                                               const std::string& what) {
  const ProbeRuns probes = probe_runs(runs, "username");
  const std::optional<std::size_t> place = probes.place(layer);
  if (!place) return std::nullopt;
  std::vector<double> aucs;
  std::vector<std::vector<double>> controls;
  for (std::size_t r = 0; r < probes.runs.size(); ++r) {
    aucs.push_back(probes.auc[r][*place]);
    controls.push_back(probes.controls[r][*place]);
    if (controls.back().empty()) return std::nullopt;
  }
  return combined_control_test(aucs, controls, options.draws,
                               stream(options, what + " decision controls"));
}

}  // namespace

Json in_out_effect(const Measurement& measurement, const std::string& measure, int direction,
                   const std::string& layer, const AnalysisOptions& options,
                   const std::string& what) {
  const MeasuredRuns m = measured(measurement);
  if (m.sources.seeds.empty()) return nullptr;
  const std::vector<double> per_run = run_effects(m.values);
  const Interval interval =
      percentile_interval(hierarchical_replicates(by_pairs(m.values), options.replicates,
                                                  stream(options, what + " " + measure)),
                          options.confidence);
  Json row = estimate(mean(per_run), interval, m.sources);
  add_student(row, per_run, options.confidence);
  add_student(row, per_run, 0.9, "low_90", "high_90");
  row["measure"] = measure;
  row["reference"] = measurement.reference.empty() ? Json(nullptr) : Json(measurement.reference);
  row["in"] = mean(side_means(m.values, 1));
  row["out"] = mean(side_means(m.values, 0));
  row["per_run"] = per_run;
  row["direction"] = direction;
  if (measure == "decision") {
    std::vector<StudyRun> used;
    for (const StudyRun& run : measurement.runs)
      if (std::count(m.sources.seeds.begin(), m.sources.seeds.end(), run.run) > 0)
        used.push_back(run);
    add_p(row, decision_test(used, layer, options, what), "relabelled users");
  } else {
    add_p(row,
          in_out_test(m.values, options.relabellings, stream(options, what + " deal " + measure)),
          "dealing IN anew");
  }
  return row;
}

Json effect_table(const Runs& runs, const std::string& layer, const AnalysisOptions& options) {
  Json table = Json::array();
  for (const std::string& tuning : runs.tunings()) {
    for (const std::string& condition : study_conditions()) {
      const std::vector<StudyRun> users = runs.main(condition, tuning, "users");
      const std::vector<StudyRun> probes = runs.main(condition, tuning, "probes");
      for (const UserMeasure& measure : user_measures()) {
        const bool decides = measure.name == "decision";
        // SW has seen the OUT users, which turns what the model says of them; but a probe that is
        // fitted to SW's own states learns anew which of the two classes is the seen one.
        const int direction =
            condition == "SW" && !decides ? -measure.direction : measure.direction;
        Json row = in_out_effect(measurement(runs, decides ? probes : users, measure.name, layer),
                                 measure.name, direction, layer, options, condition + " " + tuning);
        if (row.is_null()) continue;
        row["condition"] = condition;
        row["tuning"] = tuning;
        table.push_back(std::move(row));
      }
    }
  }
  std::map<std::pair<std::string, std::string>, std::vector<Json*>> families;
  for (Json& row : table) families[{row["measure"], row["tuning"]}].push_back(&row);
  for (const auto& [name, rows] : families) add_holm(rows);
  return table;
}

Json linked_table(const Runs& runs, const AnalysisOptions& options) {
  Json table = Json::array();
  for (const std::string& tuning : runs.tunings()) {
    const std::vector<StudyRun> independent = runs.main("L-0", tuning, "users");
    for (const std::string& condition : study_conditions()) {
      if (!condition.starts_with("L-") || condition == "L-0") continue;
      Json row = in_out_effect(
          less_reference(runs.main(condition, tuning, "users"), independent, "preference", ""),
          "preference", 1, "", options, condition + " - L-0 " + tuning);
      if (row.is_null()) continue;
      row["condition"] = condition;
      row["tuning"] = tuning;
      table.push_back(std::move(row));
    }
  }
  return table;
}

Json prompt_table(const Runs& runs, const AnalysisOptions& options) {
  Json table = Json::array();
  for (const std::string& tuning : runs.tunings()) {
    for (const std::string& condition : study_conditions()) {
      const std::vector<StudyRun> users = runs.main(condition, tuning, "users");
      const MeasuredRuns prompt = measured(users, "prompt", "");
      const MeasuredRuns forced = measured(users, "forced", "");
      if (prompt.sources.seeds.empty()) continue;
      const std::string what = "prompt " + condition + " " + tuning;
      const std::vector<double> aucs = user_aucs(prompt.values);
      std::vector<double> above;  // the tests are of AUC - 1/2
      for (const double auc : aucs) above.push_back(auc - 0.5);
      const Interval interval = percentile_interval(
          user_auc_replicates({prompt.values}, options.replicates, stream(options, what))[0],
          options.confidence);
      Json auc = run_estimate(above, {}, interval, prompt.sources, options, what);
      auc["mean"] = mean(aucs);
      auc["per_run"] = aucs;
      add_student(auc, aucs, options.confidence);
      add_student(auc, aucs, 0.9, "low_90", "high_90");
      const RandomisationTest test = in_out_test(rank_shares(prompt.values), options.relabellings,
                                                 stream(options, what + " deal"));
      auc["p_control"] = test.greater;
      auc["p_two_sided"] = test.two_sided;
      Json row = {{"condition", condition}, {"tuning", tuning}, {"auc", std::move(auc)}};
      row["forced_in"] = row["forced_out"] = nullptr;
      if (!forced.sources.seeds.empty()) {
        row["forced_in"] = share_of(forced, 1, options);
        row["forced_out"] = share_of(forced, 0, options);
      }
      table.push_back(std::move(row));
    }
  }
  return table;
}

}  // namespace chainline::experiments
