#include "experiments/analysis/utility.h"

#include <cmath>
#include <map>
#include <set>

#include "experiments/statistics/equivalence.h"

namespace chainline::experiments {
namespace {

struct Score {
  std::string name, part, key;  // part "" for members of utility itself
  bool accuracy = true;
};

const std::vector<Score>& scores() {
  static const std::vector<Score> all = {{"accuracy", "", "accuracy"},
                                         {"choice", "choice", "accuracy"},
                                         {"perception", "perception", "accuracy"},
                                         {"cognition", "cognition", "accuracy"},
                                         {"perception_score", "perception", "score", false},
                                         {"cognition_score", "cognition", "score", false},
                                         {"loss", "", "loss", false}};
  return all;
}

double score_of(const StudyRun& run, const Score& score) {
  const Json& utility = run.json->at("utility");
  if (score.part.empty()) return number_at(utility, score.key);
  return utility.contains(score.part) ? number_at(utility[score.part], score.key) : std::nan("");
}

/// The score by run number, of the runs that have it.
std::map<std::int64_t, double> values_of(const std::vector<StudyRun>& runs, const Score& score) {
  std::map<std::int64_t, double> values;
  for (const StudyRun& run : runs) {
    const double value = score_of(run, score);
    if (std::isfinite(value)) values[run.run] = value;
  }
  return values;
}

Json estimate_of(const std::map<std::int64_t, double>& values, double confidence) {
  Sources sources;
  std::vector<double> list;
  for (const auto& [run, value] : values) sources.seeds.push_back(run), list.push_back(value);
  Json e = estimate(mean(list), std::nullopt, sources);
  add_student(e, list, confidence, "low", "high");
  return e;
}

Json difference_of(const std::map<std::int64_t, double>& values,
                   const std::map<std::int64_t, double>& clean, bool accuracy,
                   const AnalysisOptions& options) {
  std::map<std::int64_t, double> differences;
  for (const auto& [run, value] : values)
    if (clean.contains(run)) differences[run] = value - clean.at(run);
  if (differences.empty()) return nullptr;
  Json e = estimate_of(differences, options.confidence);
  e["p_low"] = e["p_high"] = e["low_90"] = e["high_90"] = e["within"] = nullptr;
  if (differences.size() < 2 || !accuracy) return e;
  std::vector<double> list;
  for (const auto& [run, d] : differences) list.push_back(d);
  const Equivalence tost = equivalence_t(list, options.utility_margin);
  e["p_low"] = tost.p_low;
  e["p_high"] = tost.p_high;
  e["low_90"] = tost.interval.low;
  e["high_90"] = tost.interval.high;
  e["within"] = tost.within;
  return e;
}

/// The slope of a run's scores over the rate.
double slope(const std::vector<std::pair<double, double>>& points) {
  double x = 0, y = 0, xx = 0, xy = 0;
  const auto n = static_cast<double>(points.size());
  for (const auto& [rate, value] : points) x += rate / n, y += value / n;
  for (const auto& [rate, value] : points) {
    xx += (rate - x) * (rate - x);
    xy += (rate - x) * (value - y);
  }
  return xy / xx;
}

}  // namespace

Json utility(const Runs& runs, const AnalysisOptions& options) {
  Json rows = Json::array(), trends = Json::array();
  double chance = std::nan("");
  for (const std::string& tuning : runs.tunings()) {
    const std::optional<RunSettings> main = runs.main_settings(tuning);
    if (!main) continue;
    std::set<std::string> mixes;
    for (const StudyRun& run : runs.all())
      if (run.tuning == tuning && run.condition != "B" && run.json->contains("utility"))
        mixes.insert(run.settings.mix);
    for (const std::string& mix : mixes) {
      // Those of the mix at the settings of the study, but for the mix.
      const auto of = [&](const std::string& condition) {
        return runs.where(
            [&](const StudyRun& run) {
              RunSettings settings = run.settings;
              settings.mix = main->mix;
              return run.condition == condition && run.tuning == tuning && run.private_noise == 0 &&
                     run.settings.mix == mix && settings == *main;
            },
            "utility");
      };
      std::map<std::string, std::vector<StudyRun>> by_condition;
      for (const std::string& condition : study_conditions()) {
        std::vector<StudyRun> found =
            condition == "B" ? runs.main("B", tuning, "utility") : of(condition);
        if (condition == "B" && mix != main->mix) continue;
        if (!found.empty()) by_condition[condition] = std::move(found);
      }
      for (const StudyRun& run : by_condition["C0"]) {
        const Json& utility = run.json->at("utility");
        const double n = utility.contains("choice") ? number_at(utility["choice"], "options") : 0;
        if (n > 1) chance = 1 / n;
      }
      for (const Score& score : scores()) {
        const std::map<std::int64_t, double> clean = values_of(by_condition["C0"], score);
        std::map<std::int64_t, std::vector<std::pair<double, double>>> by_run;
        for (const std::string& condition : study_conditions()) {
          const std::map<std::int64_t, double> values = values_of(by_condition[condition], score);
          if (values.empty()) continue;
          const std::optional<double> rate = rate_of(condition);
          Json row = estimate_of(values, options.confidence);
          row["mix"] = mix;
          row["condition"] = condition;
          row["tuning"] = tuning;
          row["rate"] = rate ? Json(*rate) : Json(nullptr);
          row["score"] = score.name;
          row["difference"] = condition == "C0" || condition == "B"
                                  ? Json(nullptr)
                                  : difference_of(values, clean, score.accuracy, options);
          rows.push_back(std::move(row));
          if (rate)
            for (const auto& [run, value] : values) by_run[run].emplace_back(*rate, value);
        }
        if (!score.accuracy || tuning != "lora") continue;
        std::vector<double> slopes;
        Sources sources;
        for (const auto& [run, points] : by_run) {
          if (points.size() < 2) continue;
          slopes.push_back(slope(points));
          sources.seeds.push_back(run);
        }
        if (slopes.empty()) continue;
        Json trend = run_estimate(slopes, {}, std::nullopt, sources, options,
                                  "trend " + mix + " " + score.name);
        std::vector<double> drops;
        for (const double s : slopes) drops.push_back(-s);
        trend["p_drop"] = student_p(drops);
        trend["mix"] = mix;
        trend["score"] = score.name;
        trends.push_back(std::move(trend));
      }
    }
  }
  for (const Score& score : scores()) {
    std::vector<Json*> family;
    for (Json& trend : trends)
      if (trend["score"] == score.name) family.push_back(&trend);
    add_holm(family, "p_drop");
  }
  return {
      {"rows", std::move(rows)}, {"trends", std::move(trends)}, {"choice_chance", number(chance)}};
}

}  // namespace chainline::experiments
