#include <fmt/core.h>

#include <cmath>

#include "experiments/analysis/estimate.h"
#include "experiments/claims/claim.h"
#include "experiments/claims/thresholds.h"

namespace chainline::experiments {
namespace {

/// The model must answer better than by chance, or there is no skill to lose.
std::string no_skill(const Json& utility) {
  const double chance = number_at(utility, "choice_chance");
  if (!std::isfinite(chance)) return "";
  for (const Json& row : utility.at("rows")) {
    if (row.at("condition") != "C0" || row.at("score") != "choice" || row.at("tuning") != "lora")
      continue;
    const double low = number_at(row, "low");
    const double reached = std::isfinite(low) ? low : number_at(row, "mean");
    if (reached <= chance)
      return fmt::format(
          "the clean model chooses no better than chance on {} ({:.1f} % of {:.1f} "
          "%): there is no skill to lose",
          row.at("mix").get<std::string>(), 100 * number_at(row, "mean"), 100 * chance);
  }
  return "";
}

}  // namespace

Judgement judge_utility(const Json& analysis) {
  Judgement j;
  const Json* utility = find_path(analysis, {"utility"});
  if (utility != nullptr && utility->contains("rows")) {
    j.blocked = no_skill(*utility);
    for (const Json& row : utility->at("rows")) {
      const Json& d = row.at("difference");
      if (row.at("score") != "accuracy" || row.at("tuning") != "lora" ||
          !row.at("rate").is_number())
        continue;
      if (d.is_null()) continue;
      Trial trial =
          between_trial(fmt::format("accuracy on {} at {:.0f} % of the images",
                                    row.at("mix").get<std::string>(), 100 * number_at(row, "rate")),
                        number_at(d, "mean"), number_at(d, "low_90"), number_at(d, "high_90"),
                        -kUtilityMargin, kUtilityMargin);
      trial.runs = d.at("runs");
      trial.scale = 100;
      trial.threshold = fmt::format("90 % interval within {:g} point", 100 * kUtilityMargin);
      trial.p = std::fmax(number_at(d, "p_low"), number_at(d, "p_high"));
      if (trial.runs < kFewestRuns) {
        trial.answer = Answer::open;
        trial.note = fmt::format("{} runs, where {} are the fewest", trial.runs, kFewestRuns);
      }
      j.trials.push_back(std::move(trial));
    }
    for (const Json& trend : utility->value("trends", Json::array())) {
      if (trend.at("score") != "accuracy") continue;
      const double p = number_at(trend, "p_corrected");
      const bool falls = p < kLevel && number_at(trend, "mean") < 0;
      Trial trial =
          fact_trial("accuracy on " + trend.at("mix").get<std::string>() + " per rate, no fall",
                     !falls, fmt::format("corrected p of a fall above {:g}", kLevel));
      trial.mean = number_at(trend, "mean");
      trial.low = number_at(trend, "t_low");
      trial.high = number_at(trend, "t_high");
      trial.p_corrected = p;
      trial.scale = 100;
      trial.runs = trend.at("runs");
      j.trials.push_back(std::move(trial));
    }
  }
  if (j.trials.empty())
    j.trials.push_back(missing_trial("accuracy with and without watermarks",
                                     "runs of C0 and of a W condition with the same number"));
  return j;
}

Judgement judge_mechanism(const Json& analysis) {
  Judgement j;
  const Json* grid = find_path(analysis, {"grid"});
  const Json* fits = find_path(analysis, {"grid", "fits"});
  for (const char* optimizer : {"sgd", "adamw"}) {
    const Json* fit = fits == nullptr ? nullptr : find_row(*fits, {{"optimizer", optimizer}});
    for (const char* exponent : {"eta", "b"}) {
      const std::string what = fmt::format("{}: exponent of {}", optimizer,
                                           exponent[0] == 'e' ? "the learning rate" : "b");
      if (fit == nullptr) {
        j.trials.push_back(missing_trial(what, "the grid of batch sizes and learning rates"));
        continue;
      }
      const Json& c = fit->at(exponent);
      const double theory = number_at(c, "theory");
      Trial trial =
          between_trial(what, number_at(c, "estimate"), number_at(c, "low"), number_at(c, "high"),
                        theory - kExponentMargin, theory + kExponentMargin);
      const auto left_out = fit->at("left_out").get<std::int64_t>();
      const auto cells = fit->at("cells").get<std::int64_t>();
      if (3 * left_out > cells) {  // the rest would be a selection by chance
        trial.answer = Answer::open;
        trial.note = fmt::format("{} of {} cells show no energy", left_out, cells);
      }
      j.trials.push_back(std::move(trial));
    }
  }
  const Json* rates = grid == nullptr ? nullptr : find_path(*grid, {"rates"});
  const std::string what = "energy over the rate, slope";
  if (rates == nullptr) {
    j.trials.push_back(missing_trial(what, "runs of C0 and at two rates with the same number"));
  } else {
    Trial trial = above_trial(what, *rates, 0, number_at(*rates, "p_t"));
    trial.scale = 1;
    trial.threshold = fmt::format("above 0, p below {:g}", kLevel);
    j.trials.push_back(std::move(trial));
  }
  correct_trials(j.trials);
  return j;
}

}  // namespace chainline::experiments
