#include "experiments/analysis/effects.h"

#include <algorithm>
#include <map>
#include <numeric>

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

Json share_of(const MeasuredRuns& m, int side, const AnalysisOptions& options) {
  const std::vector<double> means = side_means(m.values, side);
  Json e = estimate(mean(means), std::nullopt, m.sources);
  add_student(e, means, options.confidence, "low", "high");
  return e;
}

}  // namespace

Json in_out_effect(const std::vector<StudyRun>& runs, const std::string& measure, int direction,
                   const std::string& layer, const AnalysisOptions& options,
                   const std::string& what) {
  const MeasuredRuns m = measured(runs, measure, layer);
  if (m.sources.seeds.empty()) return nullptr;
  const std::vector<double> per_run = run_effects(m.values);
  const Interval interval = percentile_interval(
      hierarchical_replicates(m.values, options.replicates, stream(options, what + " " + measure)),
      options.confidence);
  Json row = estimate(mean(per_run), interval, m.sources);
  add_student(row, per_run, options.confidence);
  row["measure"] = measure;
  row["in"] = mean(side_means(m.values, 1));
  row["out"] = mean(side_means(m.values, 0));
  row["per_run"] = per_run;
  row["direction"] = direction;
  const RandomisationTest test =
      in_out_test(m.values, options.relabellings, stream(options, what + " deal " + measure));
  row["p_greater"] = test.greater;
  row["p_less"] = test.less;
  row["p_two_sided"] = test.two_sided;
  row["p"] = direction > 0 ? test.greater : test.less;
  return row;
}

Json effect_table(const Runs& runs, const std::string& layer, const AnalysisOptions& options) {
  Json table = Json::array();
  for (const std::string& tuning : runs.tunings()) {
    for (const std::string& condition : study_conditions()) {
      const std::vector<StudyRun> users = runs.main(condition, tuning, "users");
      const std::vector<StudyRun> probes = runs.main(condition, tuning, "probes");
      for (const UserMeasure& measure : user_measures()) {
        const int direction = condition == "SW" ? -measure.direction : measure.direction;
        Json row = in_out_effect(measure.name == "decision" ? probes : users, measure.name,
                                 direction, layer, options, condition + " " + tuning);
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
