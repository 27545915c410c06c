#include "experiments/analysis/utility.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "experiments/statistics/distributions.h"
#include "experiments/statistics/equivalence.h"
#include "experiments/study/world.h"

namespace chainline::experiments {
namespace {

/// The score of a mix on the kinds of its own questions.
constexpr const char* kOwn = "own";

struct Score {
  std::string name, part, key;  // part "" for members of utility itself; key "" for kOwn
  bool accuracy = true;
};

const std::vector<Score>& scores() {
  static const std::vector<Score> all = {{kOwn, "", ""},
                                         {"accuracy", "", "accuracy"},
                                         {"choice", "choice", "accuracy"},
                                         {"perception", "perception", "accuracy"},
                                         {"cognition", "cognition", "accuracy"},
                                         {"perception_score", "perception", "score", false},
                                         {"cognition_score", "cognition", "score", false},
                                         {"loss", "", "loss", false}};
  return all;
}

/// The mean over all questions of the mix's kinds of what `accuracy` says of a kind; NaN where there
/// is none of them.
double over_own_kinds(const StudyRun& run,
                      const std::function<double(const std::string&, const Json&)>& accuracy) {
  const Json& utility = run.json->at("utility");
  if (!utility.contains("kinds")) return std::nan("");
  const std::vector<std::string> kinds = kinds_of_mix(run.settings.mix);
  double right = 0, questions = 0;
  for (const auto& [kind, of] : utility["kinds"].items()) {
    if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) continue;
    const double n = number_at(of, "questions");
    right += n * accuracy(kind, of);
    questions += n;
  }
  return questions > 0 ? right / questions : std::nan("");
}

double own_accuracy(const StudyRun& run) {
  // The base was tuned on no mix, which is to say on all.
  if (run.condition == "B" || kinds_of_mix(run.settings.mix).empty())
    return number_at(run.json->at("utility"), "accuracy");
  return over_own_kinds(
      run, [](const std::string&, const Json& of) { return number_at(of, "accuracy"); });
}

double score_of(const StudyRun& run, const Score& score) {
  if (score.name == kOwn) return own_accuracy(run);
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
  std::vector<double> list;
  for (const auto& [run, d] : differences) list.push_back(d);
  e["per_run"] = list;
  e["p_low"] = e["p_high"] = e["low_90"] = e["high_90"] = e["within"] = nullptr;
  e["deviation"] = e["deviation_needed"] = nullptr;
  if (differences.size() < 2 || !accuracy) return e;
  const Equivalence tost = equivalence_t(list, options.utility_margin);
  e["p_low"] = tost.p_low;
  e["p_high"] = tost.p_high;
  e["low_90"] = tost.interval.low;
  e["high_90"] = tost.interval.high;
  e["within"] = tost.within;
  // The test shows equivalence where t sd / sqrt(n) < margin - |mean|: with as many runs, and no
  // difference at all, their differences may spread by no more than this.
  const auto n = static_cast<double>(list.size());
  e["deviation"] = standard_deviation(list);
  e["deviation_needed"] = options.utility_margin * std::sqrt(n) / student_t_quantile(0.95, n - 1);
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

/// Skill by kind of question before fine-tuning, after clean images and after marked ones, over the
/// run numbers that all of these have; a condition without runs has no say in them. "difference" is
/// W100 less C0, run by run.
Json by_kind(const std::map<std::string, std::vector<StudyRun>>& by_condition, const Json& known,
             const AnalysisOptions& options) {
  std::map<std::string, std::vector<StudyRun>> compared;
  for (const char* condition : {"B", "C0", "W100"})
    if (const auto found = by_condition.find(condition);
        found != by_condition.end() && !found->second.empty())
      compared[condition] = found->second;
  std::vector<std::int64_t> common;
  if (!compared.empty()) common = seeds_of(compared.begin()->second);
  for (const auto& [condition, runs] : compared) {
    const std::vector<std::int64_t> seeds = seeds_of(runs);
    std::erase_if(common, [&](std::int64_t seed) {
      return std::find(seeds.begin(), seeds.end(), seed) == seeds.end();
    });
  }
  using ByRun = std::map<std::int64_t, double>;
  std::map<std::string, double> questions;                       // by kind
  std::map<std::string, std::map<std::string, ByRun>> accuracy;  // by kind, condition
  for (const auto& [condition, runs] : compared)
    for (const StudyRun& run : runs) {
      const Json& utility = run.json->at("utility");
      if (!utility.contains("kinds") ||
          std::find(common.begin(), common.end(), run.run) == common.end())
        continue;
      for (const auto& [kind, of] : utility["kinds"].items()) {
        questions[kind] = number_at(of, "questions");
        accuracy[kind][condition][run.run] = number_at(of, "accuracy");
      }
    }
  Json rows = Json::array();
  for (auto& [kind, of] : accuracy) {
    Json row = {{"kind", kind},
                {"questions", number(questions[kind])},
                {"constant", number(number_at(known, kind))},
                {"runs", common.size()},
                {"seeds", common}};
    for (const char* condition : {"B", "C0", "W100"}) {
      std::vector<double> list;
      for (const auto& [run, value] : of[condition]) list.push_back(value);
      row[condition] = list.empty() ? Json(nullptr) : number(mean(list));
    }
    row["difference"] = difference_of(of["W100"], of["C0"], false, options);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Which mixes and rates the study plans, of which no figure may be absent in silence; null where it
/// does not say. Mixes beside the general one have no rates but these (runs_of() in
/// study/study_plan.cpp).
Json planned_rates(const Json& study) {
  if (!study.contains("mixes")) return nullptr;
  std::vector<std::string> general;
  for (const char* list : {"primary", "others"})
    if (study.contains(list))
      for (const std::string& code : study[list].get<std::vector<std::string>>())
        if (rate_of(code).value_or(0) > 0) general.push_back(code);
  Json planned = Json::array();
  for (const std::string& mix : study["mixes"].get<std::vector<std::string>>())
    for (const std::string& code : study_conditions()) {
      const bool here = mix == "general"
                            ? std::find(general.begin(), general.end(), code) != general.end()
                            : code == "W50" || code == "W100";
      if (here) planned.push_back({{"mix", mix}, {"condition", code}, {"rate", *rate_of(code)}});
    }
  return planned;
}

}  // namespace

Json constant_accuracy(const Split& test) {
  std::map<std::string, std::map<std::string, std::int64_t>> answers;
  for (const Example& example : test.examples)
    for (const Turn& turn : example.turns) ++answers[example.kind][turn.answer];
  Json shares = Json::object();
  for (const auto& [kind, counts] : answers) {
    std::int64_t most = 0, all = 0;
    for (const auto& [answer, n] : counts) most = std::max(most, n), all += n;
    shares[kind] = static_cast<double>(most) / static_cast<double>(all);
  }
  return shares;
}

Json utility(const Runs& runs, const Json& study, const AnalysisOptions& options) {
  const Json known = study.value("constant_accuracy", Json::object());
  Json rows = Json::array(), trends = Json::array(), constants = Json::object(),
       kinds = Json::array();
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
        constants[mix] = number(over_own_kinds(
            run, [&](const std::string& kind, const Json&) { return number_at(known, kind); }));
      }
      if (tuning == "lora" && mix == "general" && mix == main->mix)
        kinds = by_kind(by_condition, known, options);
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
        trend["p_low"] = nullptr;
        if (slopes.size() > 1) trend["p_low"] = equivalence_t(slopes, options.utility_margin).p_low;
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
  return {{"rows", std::move(rows)},         {"trends", std::move(trends)},
          {"planned", planned_rates(study)}, {"constants", std::move(constants)},
          {"kinds", std::move(kinds)},       {"choice_chance", number(chance)}};
}

bool has_skill(const Json& utility, const std::string& mix) {
  const double constant = number_at(utility.value("constants", Json::object()), mix);
  for (const Json& row : utility.at("rows")) {
    if (row.at("mix") != mix || row.at("condition") != "C0" || row.at("score") != kOwn ||
        row.at("tuning") != "lora")
      continue;
    const double low = number_at(row, "low");  // NaN of one run
    const double reached = std::isfinite(low) ? low : number_at(row, "mean");
    return !(reached <= constant);  // true of a NaN
  }
  return true;
}

Json rate_sweep(const Runs& runs) {
  Json rows = Json::array();
  for (const std::string& tuning : runs.tunings()) {
    const std::optional<RunSettings> main = runs.main_settings(tuning);
    if (!main) continue;
    std::map<double, const StudyRun*> by_factor;  // the first run of each
    for (const StudyRun& run : runs.all()) {
      RunSettings settings = run.settings;
      settings.rate_factor = main->rate_factor;
      if (run.condition == "C0" && run.tuning == tuning && run.private_noise == 0 &&
          settings == *main && run.json->contains("utility"))
        by_factor.emplace(run.settings.rate_factor, &run);
    }
    if (by_factor.size() < 2) continue;
    for (const auto& [factor, run] : by_factor) {
      const Json& train = member(*run->json, "train", run->where());
      rows.push_back({{"tuning", tuning},
                      {"run", run->run},
                      {"rate_factor", factor},
                      {"learning_rate", member(train, "learning_rate", run->where())},
                      {"accuracy", member(run->json->at("utility"), "accuracy", run->where())}});
    }
  }
  return rows;
}

Json private_utility(const Runs& runs, const AnalysisOptions& options) {
  std::map<std::pair<std::string, std::string>, std::set<double>> places;
  for (const StudyRun& run : runs.all())
    if (run.private_noise > 0) places[{run.condition, run.tuning}].insert(run.private_noise);
  Json rows = Json::array();
  for (const auto& [place, noises] : places) {
    const auto& [condition, tuning] = place;
    const auto of = [&, &code = condition, &way = tuning](double noise) {
      return runs.where(
          [&](const StudyRun& run) {
            return run.condition == code && run.tuning == way && run.private_noise == noise;
          },
          "utility");
    };
    const double control = *noises.begin() <= kControlNoise ? *noises.begin() : std::nan("");
    for (const Score& score : scores()) {
      if (score.name == kOwn) continue;  // these runs are of the general mix
      const std::map<std::int64_t, double> without =
          control > 0 ? values_of(of(control), score) : std::map<std::int64_t, double>();
      for (const double noise : noises) {
        const std::map<std::int64_t, double> values = values_of(of(noise), score);
        if (values.empty()) continue;
        Json row = estimate_of(values, options.confidence);
        row["condition"] = condition;
        row["tuning"] = tuning;
        row["noise"] = noise;
        row["score"] = score.name;
        row["difference"] = noise == control
                                ? Json(nullptr)
                                : difference_of(values, without, score.accuracy, options);
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

}  // namespace chainline::experiments
