#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/analysis/estimate.h"
#include "experiments/analysis/utility.h"
#include "experiments/claims/claim.h"
#include "experiments/claims/few_runs.h"
#include "experiments/claims/thresholds.h"

namespace chainline::experiments {
namespace {

/// Why nothing is judged of a mix without skill; "" of one that has some to lose.
std::string no_skill(const Json& utility, const std::string& mix) {
  if (has_skill(utility, mix)) return "";
  const Json* clean =
      find_row(utility.at("rows"),
               {{"mix", mix}, {"condition", "C0"}, {"score", "own"}, {"tuning", "lora"}});
  return fmt::format(
      "no skill to lose: the clean model reaches {:.1f} %, the most common answers {:.1f} %",
      100 * number_at(*clean, "mean"), 100 * number_at(utility.at("constants"), mix));
}

/// The mixes and conditions to be judged: those that were planned, and whatever else has a row.
std::vector<std::pair<std::string, std::string>> places_of(const Json& utility) {
  std::vector<std::pair<std::string, std::string>> places;
  const auto add = [&](const Json& row) {
    const std::pair<std::string, std::string> place = {row.at("mix"), row.at("condition")};
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
  };
  if (utility.contains("planned") && utility.at("planned").is_array())
    for (const Json& row : utility.at("planned")) add(row);
  for (const Json& row : utility.at("rows"))
    if (row.at("tuning") == "lora" && row.at("rate").is_number() &&
        row.at("difference").is_object())
      add(row);
  return places;
}

Trial equivalence_trial(const Json& utility, const std::string& mix, const std::string& condition) {
  const std::string what = fmt::format("accuracy on {} questions under {} less C0", mix, condition);
  const Json* row =
      find_row(utility.at("rows"),
               {{"mix", mix}, {"condition", condition}, {"score", "own"}, {"tuning", "lora"}});
  const Json* d = row == nullptr ? nullptr : find_path(*row, {"difference"});
  if (d == nullptr)
    return missing_trial(
        what, fmt::format("runs of C0 and {} of the mix {} with the same number", condition, mix));
  Trial trial = between_trial(what, number_at(*d, "mean"), number_at(*d, "low_90"),
                              number_at(*d, "high_90"), -kUtilityMargin, kUtilityMargin);
  trial.runs = d->at("runs");
  trial.scale = 100;
  trial.threshold = fmt::format("90 % interval within {:g} point", 100 * kUtilityMargin);
  trial.per_run = numbers(d->at("per_run"), what);
  return trial;
}

/// What keeps an equivalence open: not shown is not refuted, and how precise so many runs would have
/// to be says which of the two it is.
std::string precision_of(const Json& utility, const std::string& mix,
                         const std::string& condition) {
  const Json* row =
      find_row(utility.at("rows"),
               {{"mix", mix}, {"condition", condition}, {"score", "own"}, {"tuning", "lora"}});
  const Json* d = row == nullptr ? nullptr : find_path(*row, {"difference"});
  if (d == nullptr || !std::isfinite(number_at(*d, "deviation_needed"))) return "";
  const double needed = number_at(*d, "deviation_needed"), spread = number_at(*d, "deviation");
  if (number_at(*d, "low_90") > -kUtilityMargin && number_at(*d, "high_90") < kUtilityMargin)
    return "";  // precise enough, and open for another reason
  return fmt::format(
      "{} runs could show it of no difference at all if their differences spread by less than "
      "{:.2f} points; they spread by {:.2f}{}",
      d->at("runs").get<std::int64_t>(), 100 * needed, 100 * spread,
      spread < needed ? ", but their mean is too far from 0" : "");
}

/// From no image to all: yes if a fall of the margin is excluded, no if less than that is.
Trial trend_trial(const Json& utility, const std::string& mix) {
  const std::string what = "accuracy on " + mix + " questions from 0 to 100 % of the images";
  const Json trends = utility.value("trends", Json::array());
  const Json* trend = find_row(trends, {{"mix", mix}, {"score", "own"}});
  if (trend == nullptr)
    return missing_trial(what,
                         fmt::format("runs of the mix {} at two rates with the same number", mix));
  Trial trial = beyond_trial(what, number_at(*trend, "mean"), number_at(*trend, "t_low"),
                             number_at(*trend, "t_high"), -kUtilityMargin);
  trial.per_run = numbers(trend->at("per_run"), what);
  trial.scale = 100;
  trial.runs = trend->at("runs");
  trial.threshold =
      fmt::format("a fall of {:g} point outside of its interval", 100 * kUtilityMargin);
  return trial;
}

/// Whether an optimizer's cells can say anything of exponents: "" if they can.
std::string no_exponents(const Json& fit, bool detected) {
  const std::int64_t cells = fit.at("cells"), planned = fit.at("planned"),
                     left_out = fit.at("left_out");
  const std::int64_t missing = planned - cells;
  if (!detected) return "no energy above chance at the reference batch size and rate";
  if (static_cast<double>(cells - left_out) < kCellsLeft * static_cast<double>(planned))
    return fmt::format("{} of {} cells show no energy{}", left_out, planned,
                       missing == 0 ? "" : fmt::format(", {} are not there", missing));
  return "";
}

/// An exponent within the margin of its theory, by Student's limits over the jackknife's runs.
Trial exponent_trial(const std::string& what, const Json& fit, const char* exponent) {
  const Json& c = fit.at(exponent);
  const double theory = number_at(c, "theory");
  Trial trial =
      between_trial(what, number_at(c, "estimate"), number_at(c, "low"), number_at(c, "high"),
                    theory - kExponentMargin, theory + kExponentMargin);
  trial.runs = fit.at("runs");
  if (const Json* per_run = find_path(c, {"per_run"})) trial.per_run = numbers(*per_run, what);
  if (!std::isfinite(trial.low))
    trial.note = fmt::format("no limits from the {} run{} that all its cells have", trial.runs,
                             trial.runs == 1 ? "" : "s");
  return trial;
}

/// Whether there is more energy than chance has where all rules agree.
Trial reference_trial(const std::string& optimizer, const Json* fit) {
  const std::string what = fmt::format("{}: energy at the reference", optimizer);
  const Json* reference = fit == nullptr ? nullptr : find_path(*fit, {"reference"});
  if (reference == nullptr)
    return missing_trial(what,
                         "runs of W100 and C0 at the batch size and rate where all rules agree");
  Trial trial;
  trial.what = what;
  trial.mean = number_at(*reference, "mean");
  trial.low = number_at(*reference, "low");
  trial.high = number_at(*reference, "high");
  trial.p = number_at(*reference, "p");
  trial.runs = reference->at("runs");
  trial.users = reference->at("users");
  trial.threshold = fmt::format("above 0, corrected p below {:g}", kLevel);
  return trial;
}

Trial rates_trial(const Json* rates) {
  const std::string what = "energy over the rate, slope";
  if (rates == nullptr)
    return missing_trial(what, "runs of C0 and at two rates with the same number");
  Trial trial = above_trial(what, *rates, 0, number_at(*rates, "p_t"));
  trial.scale = 1;
  trial.threshold = fmt::format("above 0, corrected p below {:g}", kLevel);
  return trial;
}

void open_without_energy(Trial& exponent, const Json& fit, bool detected) {
  if (const std::string why = no_exponents(fit, detected); !why.empty()) {
    exponent.answer = Answer::open;
    add_note(exponent, why);
  } else if (exponent.answer == Answer::no && fit.at("left_out") != 0) {
    // Of cells with little energy those are kept that chance has raised, which flattens slopes.
    exponent.answer = Answer::open;
    add_note(exponent, fmt::format("{} cells show no energy, without which slopes are flatter",
                                   fit.at("left_out").get<std::int64_t>()));
  }
}

}  // namespace

Judgement judge_utility(const Json& analysis) {
  Judgement j;
  const Json* utility = find_path(analysis, {"utility"});
  if (utility != nullptr && utility->contains("rows")) {
    const auto places = places_of(*utility);
    std::vector<std::string> mixes, of_trial;
    for (const auto& [mix, condition] : places) {
      j.trials.push_back(equivalence_trial(*utility, mix, condition));
      of_trial.push_back(mix);
      if (std::find(mixes.begin(), mixes.end(), mix) == mixes.end()) mixes.push_back(mix);
    }
    for (const std::string& mix : mixes) {
      j.trials.push_back(trend_trial(*utility, mix));
      of_trial.push_back(mix);
    }
    correct_trials(j.trials);
    leave_open_of_few_runs(j.trials);
    for (std::size_t i = 0; i < j.trials.size(); ++i) {
      Trial& trial = j.trials[i];
      // Of a mix without skill nothing is judged; the others' answers stand.
      if (const std::string why = no_skill(*utility, of_trial[i]); !why.empty()) {
        trial.answer = Answer::open;
        add_note(trial, why);
      } else if (i < places.size() && trial.answer == Answer::open) {
        const std::string precision = precision_of(*utility, places[i].first, places[i].second);
        if (!precision.empty()) add_note(trial, precision);
      }
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
  const char* const optimizers[] = {"sgd", "adamw"};
  const auto fit_of = [&](const std::string& optimizer) {
    return fits == nullptr ? nullptr : find_row(*fits, {{"optimizer", optimizer}});
  };
  for (const char* optimizer : optimizers)
    for (const char* exponent : {"eta", "b"}) {
      const Json* fit = fit_of(optimizer);
      const std::string what = fmt::format("{}: exponent of {}", optimizer,
                                           exponent[0] == 'e' ? "the learning rate" : "b");
      j.trials.push_back(fit == nullptr
                             ? missing_trial(what, "the grid of batch sizes and learning rates")
                             : exponent_trial(what, *fit, exponent));
    }
  for (const char* optimizer : optimizers)
    j.trials.push_back(reference_trial(optimizer, fit_of(optimizer)));
  j.trials.push_back(rates_trial(grid == nullptr ? nullptr : find_path(*grid, {"rates"})));
  correct_trials(j.trials);

  // Without energy where there should be some, the grid says nothing.
  bool detected[2];
  for (std::size_t i = 0; i < 2; ++i) {
    Trial& reference = j.trials[4 + i];
    detected[i] = reference.p_corrected < kLevel;
    if (detected[i])
      reference.answer = Answer::yes;
    else if (reference.note.empty())
      reference.note = "judged by its p alone";
  }
  Trial& rates = j.trials[6];
  if (rates.answer == Answer::no && !detected[1]) {
    rates.answer = Answer::open;
    add_note(rates, "no energy above chance of which there could be less");
  }
  leave_open_of_few_runs(j.trials);
  for (std::size_t t = 0; t < 4; ++t)  // two exponents of each optimizer
    if (const Json* fit = fit_of(optimizers[t / 2]))
      open_without_energy(j.trials[t], *fit, detected[t / 2]);
  return j;
}

}  // namespace chainline::experiments
