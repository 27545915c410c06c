#include "experiments/analysis/analysis.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "experiments/analysis/attacks.h"
#include "experiments/analysis/effects.h"
#include "experiments/analysis/gradient_study.h"
#include "experiments/analysis/grid.h"
#include "experiments/analysis/selection.h"
#include "experiments/analysis/separation.h"
#include "experiments/analysis/utility.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

void check_options(const AnalysisOptions& o) {
  check<ValueError>(o.replicates >= 2 && o.relabellings >= 1 && o.draws >= 1,
                    "analyse: options: expected 2 replicates, 1 relabelling and 1 draw or more, "
                    "got ",
                    o.replicates, ", ", o.relabellings, " and ", o.draws);
  check<ValueError>(o.confidence > 0 && o.confidence < 1, "analyse: confidence: expected a share ",
                    "of (0, 1), got ", o.confidence);
  check<ValueError>(o.delta > 0 && o.delta < 1, "analyse: delta: expected a number of (0, 1), got ",
                    o.delta);
  check<ValueError>(o.utility_margin > 0,
                    "analyse: utility_margin: expected a positive number, "
                    "got ",
                    o.utility_margin);
}

Json coverage(const StudyResults& results, const Runs& runs) {
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  std::map<Key, std::vector<std::int64_t>> found;
  std::vector<std::string> missing = study_conditions();
  for (const StudyRun& run : runs.all()) {
    std::vector<std::int64_t>& seeds =
        found[{run.condition, run.tuning, run.settings.mix, run.measures}];
    if (std::find(seeds.begin(), seeds.end(), run.run) == seeds.end()) seeds.push_back(run.run);
    std::erase(missing, run.condition);
  }
  Json conditions = Json::array();
  for (const auto& [key, seeds] : found) {
    const auto& [condition, tuning, mix, measures] = key;
    conditions.push_back({{"condition", condition},
                          {"tuning", tuning},
                          {"mix", mix},
                          {"measures", measures},
                          {"runs", seeds.size()},
                          {"seeds", seeds}});
  }
  Json c = {{"bases", results.bases.size()},
            {"runs", results.runs.size()},
            {"gradients", results.gradients.size()},
            {"twins", results.twins.size()},
            {"planned", nullptr},
            {"complete", nullptr},
            {"conditions", std::move(conditions)},
            {"missing_conditions", missing}};
  const auto count = [](std::size_t n, const char* one, const char* many) {
    return fmt::format("{} {}", n, n == 1 ? one : many);
  };
  std::string sentence =
      fmt::format("{}, {}, {} and {}", count(results.runs.size(), "run", "runs"),
                  count(results.gradients.size(), "gradient study", "gradient studies"),
                  count(results.twins.size(), "pair of twins", "pairs of twins"),
                  count(results.bases.size(), "base", "bases"));
  if (results.study.contains("planned")) {
    const Json& planned = results.study["planned"];
    check_keys(planned, {"bases", "runs", "gradients", "twins"}, "study: planned");
    bool complete = true;
    std::string rest;
    for (const char* part : {"runs", "gradients", "twins", "bases"}) {
      const std::int64_t all = integer_member(planned, part, "study: planned");
      const auto done = c[part].get<std::int64_t>();
      complete = complete && done >= all;
      if (done < all)
        rest += fmt::format("{}{} of {} {}", rest.empty() ? "" : ", ", done, all, part);
    }
    c["planned"] = planned;
    c["complete"] = complete;
    sentence = complete ? "all that was planned: " + sentence : "unfinished: " + rest;
  }
  if (!missing.empty()) sentence += "; no run of " + list_words(missing);
  c["sentence"] = sentence;
  return c;
}

Json legibility(const StudyResults& results) {
  Json list = Json::array();
  const auto of = [](const Json& base, const char* key) {
    return base.contains(key) ? base[key] : Json(nullptr);
  };
  for (const Json& base : results.bases)
    list.push_back({{"normal", of(base, "legibility")},
                    {"small", of(base, "legibility_small")},
                    {"large", of(base, "legibility_large")}});
  return list;
}

Json settings(const Runs& runs) {
  Json all = Json::object();
  for (const std::string& tuning : runs.tunings()) {
    const std::optional<RunSettings> s = runs.main_settings(tuning);
    if (!s) continue;
    all[tuning] = {{"mix", s->mix},
                   {"optimizer", s->optimizer},
                   {"batch", s->batch},
                   {"rate_factor", s->rate_factor},
                   {"lora_rank", s->lora_rank}};
  }
  return all;
}

}  // namespace

Json analyse(const StudyResults& results, const AnalysisOptions& options) {
  check_options(options);
  const Runs runs(results);
  const PrimaryLayer primary = primary_layer(runs);
  const std::optional<RunSettings> main = runs.main_settings("lora");
  Json analysis = {{"options",
                    {{"seed", options.seed},
                     {"replicates", options.replicates},
                     {"relabellings", options.relabellings},
                     {"draws", options.draws},
                     {"confidence", options.confidence},
                     {"delta", options.delta},
                     {"utility_margin", options.utility_margin}}},
                   {"settings", settings(runs)},
                   {"coverage", coverage(results, runs)},
                   {"legibility", legibility(results)},
                   {"primary", nullptr}};
  if (!primary.layer.empty())
    analysis["primary"] = {{"layer", primary.layer},
                           {"chosen_by", primary.chosen_by},
                           {"runs", primary.runs},
                           {"sentence", primary.sentence()}};
  analysis["effects"] = effect_table(runs, primary.layer, options);
  analysis["linked"] = linked_table(runs, options);
  analysis["prompt"] = prompt_table(runs, options);
  analysis["separation"] = separation(runs, primary, options);
  analysis["transfer"] = transfer(runs, options);
  analysis["probes"] = other_probes(runs, options);
  analysis["relabelled"] = relabelled(runs, primary, options);
  analysis["silhouettes"] = silhouettes(runs, options);
  analysis["projections"] = projections(runs);
  analysis["utility"] = utility(runs, results.study, options);
  analysis["sweep"] = rate_sweep(runs);
  analysis["private_utility"] = private_utility(runs, options);
  analysis["gradients"] = gradient_study(results, main ? main->batch : 1, options);
  analysis["twins"] = twin_summary(results);
  const std::int64_t reference = results.study.contains("grid_reference")
                                     ? integer_member(results.study, "grid_reference", "study")
                                     : (main ? main->batch : 1);
  analysis["grid"] = batch_rate_grid(runs, results.study, reference, options);
  analysis["memorization"] = memorization_table(runs, primary.layer);
  analysis["attacks"] = attack_table(runs, options);
  analysis["privacy"] = privacy_table(runs, primary.layer, options);
  return analysis;
}

}  // namespace chainline::experiments
