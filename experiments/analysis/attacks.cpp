#include "experiments/analysis/attacks.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/analysis/effects.h"
#include "experiments/memorization/counterfactual.h"
#include "experiments/memorization/dp_accountant.h"
#include "experiments/memorization/lira.h"
#include "experiments/statistics/statistics.h"

namespace chainline::experiments {
namespace {

constexpr const char* kConditions[] = {"W100", "C0", "T", "L-0.4"};

/// The users with a value in every run of at least two; empty unless some are.
struct WholeRuns {
  UserRuns runs;
  std::vector<std::int64_t> seeds;
  std::vector<std::size_t> users;  // their places
  std::size_t all_users = 0;
};

WholeRuns whole(const Measurement& measurement) {
  WholeRuns found;
  std::vector<std::vector<double>> values;
  std::vector<std::vector<int>> in;
  for (std::size_t r = 0; r < measurement.runs.size(); ++r) {
    const std::vector<double>& v = measurement.values[r];
    if (v.empty() || (!values.empty() && v.size() != values[0].size())) continue;
    values.push_back(v);
    in.push_back(measurement.runs[r].in);
    found.seeds.push_back(measurement.runs[r].run);
  }
  if (values.size() < 2) return {};
  found.all_users = values[0].size();
  for (std::size_t u = 0; u < found.all_users; ++u) {
    const bool everywhere = std::all_of(values.begin(), values.end(),
                                        [&](const auto& v) { return std::isfinite(v[u]); });
    if (everywhere) found.users.push_back(u);
  }
  if (found.users.empty()) return {};
  for (std::size_t r = 0; r < values.size(); ++r) {
    found.runs.values.emplace_back();
    found.runs.in.emplace_back();
    for (const std::size_t u : found.users) {
      found.runs.values.back().push_back(values[r][u]);
      found.runs.in.back().push_back(in[r][u]);
    }
  }
  return found;
}

int direction_of(const std::string& measure) {
  for (const UserMeasure& m : user_measures())
    if (m.name == measure) return m.direction;
  return 1;
}

Json reference_of(const Measurement& measurement) {
  return measurement.reference.empty() ? Json(nullptr) : Json(measurement.reference);
}

Json lira_of(const WholeRuns& w, const std::string& what, const AnalysisOptions& options) {
  const LiraScores scores = lira_online(w.runs.values, w.runs.in, LiraSpread::shared);
  bool sides[2] = {false, false};
  for (std::size_t r = 0; r < scores.score.size(); ++r)
    for (std::size_t u = 0; u < scores.score[r].size(); ++u)
      if (!std::isnan(scores.score[r][u])) sides[w.runs.in[r][u]] = true;
  if (!sides[0] || !sides[1]) return nullptr;
  const MembershipReport report = evaluate_lira(
      scores, w.runs.in,
      UserBootstrap(stream(options, "lira " + what), options.replicates, options.confidence),
      {0.01});
  const OperatingPoint& p = report.points[0];
  return {{"auc", report.auc},
          {"low", number(report.auc_by_user.low)},
          {"high", number(report.auc_by_user.high)},
          {"members", report.members},
          {"others", report.others},
          {"undefined", scores.undefined},
          {"tpr_at_1",
           {{"tpr", p.true_positive_rate},
            {"low", p.true_positive_interval.low},
            {"high", p.true_positive_interval.high},
            {"fpr", p.false_positive_rate}}}};
}

/// The threshold with the largest TPR - FPR over all runs but one; infinity where none is above 0.
double threshold_without(const UserRuns& runs, std::size_t left_out, int direction) {
  std::vector<double> scores;
  std::vector<int> labels;
  for (std::size_t r = 0; r < runs.values.size(); ++r) {
    if (r == left_out) continue;
    for (std::size_t u = 0; u < runs.values[r].size(); ++u) {
      scores.push_back(direction * runs.values[r][u]);
      labels.push_back(runs.in[r][u]);
    }
  }
  double best = 0, threshold = std::numeric_limits<double>::infinity();
  for (const RocPoint& point : RankedScores(scores, labels).curve())
    if (point.true_positive_rate - point.false_positive_rate > best) {
      best = point.true_positive_rate - point.false_positive_rate;
      threshold = point.threshold;
    }
  return threshold;
}

}  // namespace

Json epsilon_bound(const UserRuns& runs, int direction, double delta, double confidence) {
  if (runs.values.size() < 2) return nullptr;
  std::int64_t counts[2] = {0, 0}, called[2] = {0, 0};
  for (std::size_t r = 0; r < runs.values.size(); ++r) {
    const double threshold = threshold_without(runs, r, direction);
    for (std::size_t u = 0; u < runs.values[r].size(); ++u) {
      ++counts[runs.in[r][u]];
      called[runs.in[r][u]] += direction * runs.values[r][u] >= threshold;
    }
  }
  return {{"bound", audited_epsilon(called[1], counts[1], called[0], counts[0], delta, confidence)},
          {"true_positives", called[1]},
          {"members", counts[1]},
          {"false_positives", called[0]},
          {"others", counts[0]}};
}

Json joint_epsilon_bound(const Attacks& attacks, double delta, double confidence) {
  const auto bounded = std::count_if(attacks.begin(), attacks.end(), [](const auto& attack) {
    return attack.first.values.size() > 1;
  });
  if (bounded == 0) return nullptr;
  const double each = 1 - (1 - confidence) / static_cast<double>(bounded);
  double largest = 0;
  for (const auto& [runs, direction] : attacks)
    if (const Json bound = epsilon_bound(runs, direction, delta, each); !bound.is_null())
      largest = std::max(largest, number_at(bound, "bound"));
  return {{"bound", number(largest)}, {"measures", bounded}};
}

Json memorization_table(const Runs& runs, const std::string& layer) {
  Json rows = Json::array();
  for (const char* condition : kConditions) {
    for (const UserMeasure& measure : user_measures()) {
      const bool probe = measure.name == "decision";
      const Measurement m = measurement(
          runs, runs.main(condition, "lora", probe ? "probes" : "users"), measure.name, layer);
      WholeRuns w = whole(m);
      if (w.seeds.empty()) continue;
      for (std::vector<double>& run : w.runs.values)
        for (double& value : run) value *= measure.direction;
      const CounterfactualMemorization mem = counterfactual_memorization(w.runs.values, w.runs.in);
      const MemorizationSummary& s = mem.summary;
      std::vector<Json> by_user(w.all_users);
      for (std::size_t i = 0; i < w.users.size(); ++i)
        by_user[w.users[i]] = number(mem.users[i].memorization);
      rows.push_back({{"condition", condition},
                      {"measure", measure.name},
                      {"reference", reference_of(m)},
                      {"runs", w.seeds.size()},
                      {"seeds", w.seeds},
                      {"users", s.users},
                      {"mean", number(s.mean)},
                      {"standard_error", number(s.standard_error)},
                      {"positive_share", number(s.positive_share)},
                      {"quartiles",
                       {number(s.low), number(s.quartile1), number(s.median), number(s.quartile3),
                        number(s.high)}},
                      {"by_user", by_user}});
    }
  }
  return rows;
}

Json attack_table(const Runs& runs, const AnalysisOptions& options) {
  Json rows = Json::array();
  for (const char* condition : kConditions) {
    for (const char* measure : {"exposure", "phi"}) {
      const Measurement m = measurement(runs, runs.main(condition, "lora", "users"), measure, "");
      const WholeRuns w = whole(m);
      if (w.seeds.empty()) continue;
      rows.push_back({{"condition", condition},
                      {"measure", measure},
                      {"reference", reference_of(m)},
                      {"runs", w.seeds.size()},
                      {"lira", lira_of(w, std::string(condition) + " " + measure, options)},
                      {"epsilon", epsilon_bound(measured(m).values, direction_of(measure),
                                                options.delta, options.confidence)}});
    }
  }
  return rows;
}

Json privacy_table(const Runs& runs, const std::string& layer, const AnalysisOptions& options) {
  std::set<std::tuple<std::string, std::string, double>> places;
  for (const StudyRun& run : runs.all())
    if (run.private_noise > 0) places.emplace(run.condition, run.tuning, run.private_noise);
  Json rows = Json::array();
  for (const auto& place : places) {
    const std::vector<StudyRun> found = runs.where(
        [&](const StudyRun& run) {
          return std::tuple(run.condition, run.tuning, run.private_noise) == place;
        },
        "users");
    if (found.empty()) continue;
    const auto& [condition, tuning, noise] = place;
    Json row = {{"condition", condition}, {"tuning", tuning}, {"noise", noise},
                {"q", nullptr},           {"steps", nullptr}, {"epsilon", nullptr},
                {"delta", options.delta}, {"order", nullptr}};
    const Json& train = member(*found[0].json, "train", found[0].where());
    if (train.contains("privacy") && train["privacy"].is_object()) {
      const Json& privacy = train["privacy"];
      const std::string where = found[0].where() + ": privacy";
      const double q = number_at(privacy, "q"), sigma = number_at(privacy, "sigma");
      const std::int64_t steps = integer_member(privacy, "steps", where);
      const AccountedPrivacy accounted = account_privacy(q, sigma, steps, options.delta);
      row["q"] = number(q);
      row["steps"] = steps;
      row["epsilon"] = number(accounted.loss.epsilon);
      row["order"] = accounted.order;
    }
    Json effects = Json::object(), bounds = Json::object();
    Attacks attacks;
    for (const UserMeasure& measure : user_measures()) {
      const Measurement m = measurement(runs, found, measure.name, layer);
      Json effect = in_out_effect(m, measure.name, measure.direction, layer, options,
                                  condition + " " + tuning + " noise " + std::to_string(noise));
      if (effect.is_null()) continue;
      effects[measure.name] = std::move(effect);
      attacks.emplace_back(measured(m).values, measure.direction);
      bounds[measure.name] =
          epsilon_bound(attacks.back().first, measure.direction, options.delta, options.confidence);
    }
    row["effects"] = std::move(effects);
    row["epsilon_bound"] = std::move(bounds);
    row["epsilon_together"] = joint_epsilon_bound(attacks, options.delta, options.confidence);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace chainline::experiments
