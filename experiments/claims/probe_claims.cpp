#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/analysis/estimate.h"
#include "experiments/claims/claim.h"
#include "experiments/claims/thresholds.h"

namespace chainline::experiments {
namespace {

const Json& list_at(const Json& analysis, const std::vector<std::string>& keys) {
  static const Json none = Json::array();
  const Json* rows = find_path(analysis, keys);
  return rows != nullptr && rows->is_array() ? *rows : none;
}

std::string primary_layer_of(const Json& analysis) {
  const Json* layer = find_path(analysis, {"primary", "layer"});
  return layer == nullptr ? "" : layer->get<std::string>();
}

const Json* condition_row(const Json& analysis, const std::string& question,
                          const std::string& condition, const std::string& tuning = "lora") {
  return find_row(list_at(analysis, {"separation", question, "conditions"}),
                  {{"condition", condition}, {"tuning", tuning}});
}

/// A copy of T with everything less `shift`.
Json less(const Json& t, double shift) {
  Json moved = t;
  for (const char* key : {"mean", "low", "high", "t_low", "t_high"})
    if (moved[key].is_number()) moved[key] = moved[key].get<double>() - shift;
  return moved;
}

Trial difference(const Json& analysis, const std::string& question, const std::string& b,
                 double minimum, const std::string& tuning = "lora") {
  const std::string what =
      fmt::format("AUC of W100 less {}{}{}", b, question == "username" ? "" : ", " + question,
                  tuning == "lora" ? "" : ", " + tuning + " tuning");
  const Json* row = find_row(list_at(analysis, {"separation", question, "differences"}),
                             {{"a", "W100"}, {"b", b}, {"tuning", tuning}});
  if (row == nullptr)
    return missing_trial(what, fmt::format("probed runs of W100 and {} with the same number", b));
  return above_trial(what, *row, minimum, number_at(*row, "p"));
}

/// The AUC of W100 at the primary layer above chance.
Trial separation_trial(const Json& analysis, const std::string& question) {
  const std::string layer = primary_layer_of(analysis);
  const std::string what = "AUC of W100 above 50 %";
  const Json* condition = condition_row(analysis, question, "W100");
  const Json* row =
      condition == nullptr ? nullptr : find_row(condition->at("layers"), {{"layer", layer}});
  if (row == nullptr) return missing_trial(what, "probed runs of W100");
  return above_trial(what + " (" + layer + ")", less(row->at("auc"), 0.5), kAucEffect,
                     number_at(*row, "p"));
}

/// SW, where IN and OUT have changed places, below chance.
Trial swap_trial(const Json& analysis) {
  const std::string what = "AUC of SW below 50 %, by";
  const Json* condition = condition_row(analysis, "username", "SW");
  const Json* row = condition == nullptr ? nullptr
                                         : find_row(condition->at("layers"),
                                                    {{"layer", primary_layer_of(analysis)}});
  if (row == nullptr) return missing_trial(what, "probed runs of SW");
  Json below = less(row->at("auc"), 0.5);
  for (const char* key : {"mean", "low", "high", "t_low", "t_high"})
    if (below[key].is_number()) below[key] = -below[key].get<double>();
  std::swap(below["low"], below["high"]);
  std::swap(below["t_low"], below["t_high"]);
  return above_trial(what, below, kAucEffect, number_at(*row, "p_less"));
}

/// The probe's AUC less the mean of relabelled users.
Trial selectivity_trial(const Json& analysis) {
  const std::string what = "AUC of W100 less that of relabelled users";
  const Json* condition = condition_row(analysis, "username", "W100");
  const Json* row = condition == nullptr ? nullptr
                                         : find_row(condition->at("layers"),
                                                    {{"layer", primary_layer_of(analysis)}});
  if (row == nullptr || !row->at("control").is_number())
    return missing_trial(what, "probed runs of W100 with relabelled users");
  return above_trial(what, less(row->at("auc"), row->at("control")), kAucEffect,
                     number_at(*row, "p"));
}

Trial contrast_trial(const Json& analysis, const std::string& of, double minimum) {
  const std::string what = "AUC of " + primary_layer_of(analysis) + " less " +
                           (of == "other decoder layers" ? "the mean of the others"
                            : of == "vision"             ? "that of the vision encoder"
                                                         : "that of pixels");
  const Json* row = find_row(list_at(analysis, {"separation", "username", "contrasts"}),
                             {{"condition", "W100"}, {"of", of}});
  if (row == nullptr) return missing_trial(what, "probed runs of W100 with " + of);
  return above_trial(what, *row, minimum, number_at(*row, "p_control"));
}

}  // namespace

std::string illegible(const Json& analysis) {
  const Json& bases = list_at(analysis, {"legibility"});
  if (bases.empty()) return "how well the base reads unseen cards is not known yet";
  double worst = 1;
  for (const Json& base : bases) {
    double best = 0;
    for (const char* size : {"normal", "large"})
      if (base.contains(size)) best = std::fmax(best, number_at(base[size], "characters"));
    worst = std::fmin(worst, best);
  }
  if (worst >= kLegible) return "";
  return fmt::format(
      "the base reads {:.0f} % of the characters of an unseen card, where {:.0f} % are the least",
      100 * worst, 100 * kLegible);
}

bool sees_positive_control(const Json& analysis) {
  const Json* control = condition_row(analysis, "username", "T");
  if (control == nullptr) return false;
  return std::any_of(control->at("layers").begin(), control->at("layers").end(),
                     [](const Json& l) { return number_at(l, "p_corrected") < kLevel; });
}

Judgement judge_separation(const Json& analysis) {
  Judgement j;
  j.by_probe = true;
  j.blocked = illegible(analysis);
  j.trials = {difference(analysis, "username", "C0", kAucEffect),
              difference(analysis, "username", "U3", kAucEffect),
              difference(analysis, "username", "W50", kAucStep), swap_trial(analysis),
              selectivity_trial(analysis)};
  correct_trials(j.trials);
  return j;
}

Judgement judge_layers(const Json& analysis) {
  Judgement j;
  j.by_probe = true;
  j.blocked = illegible(analysis);
  j.trials = {separation_trial(analysis, "username"),
              contrast_trial(analysis, "vision", kAucEffect),
              contrast_trial(analysis, "pixels", kAucEffect),
              contrast_trial(analysis, "other decoder layers", kAucStep)};
  correct_trials(j.trials);
  return j;
}

Judgement judge_prompting(const Json& analysis) {
  Judgement j;
  j.by_probe = true;
  j.blocked = illegible(analysis);
  j.trials.push_back(separation_trial(analysis, "username"));
  const Json* prompt =
      find_row(list_at(analysis, {"prompt"}), {{"condition", "W100"}, {"tuning", "lora"}});
  if (prompt == nullptr) {
    j.trials.push_back(missing_trial("AUC of asking", "runs of W100 with measures of users"));
  } else {
    const Json& auc = prompt->at("auc");
    Trial trial =
        between_trial("AUC of asking \"have you seen this user?\"", number_at(auc, "mean"),
                      number_at(auc, "low_90"), number_at(auc, "high_90"), 0.5 - kPromptMargin,
                      0.5 + kPromptMargin);
    trial.runs = auc.at("runs");
    trial.users = auc.at("users");
    j.trials.push_back(std::move(trial));
  }
  const Json* forced = find_row(list_at(analysis, {"effects"}),
                                {{"condition", "W100"}, {"tuning", "lora"}, {"measure", "forced"}});
  const std::string what = "right choices between true id and decoy, IN less OUT";
  if (forced == nullptr) {
    j.trials.push_back(missing_trial(what, "runs of W100 with measures of users"));
  } else {
    Trial trial = between_trial(what, number_at(*forced, "mean"), number_at(*forced, "t_low"),
                                number_at(*forced, "t_high"), -kChoiceMargin, kChoiceMargin);
    trial.runs = forced->at("runs");
    trial.users = forced->at("users");
    trial.scale = 100;
    trial.threshold = fmt::format("within {:g} points", 100 * kChoiceMargin);
    j.trials.push_back(std::move(trial));
  }
  correct_trials(j.trials);
  return j;
}

Judgement judge_generality(const Json& analysis) {
  Judgement j;
  j.by_probe = true;
  j.blocked = illegible(analysis);
  // The second model is the one whose weights were all trained.
  j.trials = {difference(analysis, "username", "C0", kAucEffect),
              difference(analysis, "user_id", "C0", kAucEffect),
              difference(analysis, "username", "C0", kAucEffect, "full")};
  correct_trials(j.trials);
  return j;
}

Judgement judge_clusters(const Json& analysis) {
  Judgement j;
  j.by_probe = true;
  std::vector<const Json*> marked;
  double before = Trial::kNone;  // the most that a model without watermarks shows
  for (const Json& row : list_at(analysis, {"projections"})) {
    if (row.at("tuning") != "lora") continue;
    if (row.at("condition") == "W100") marked.push_back(&row);
    if (row.at("condition") == "B" || row.at("condition") == "C0")
      before = std::fmax(before, number_at(row, "silhouette"));
  }
  if (marked.empty() || !std::isfinite(before)) {
    j.trials.push_back(missing_trial("silhouette of seen against unseen users",
                                     "a projection of W100 and one of B or C0"));
    return j;
  }
  // All runs must agree: each is one picture.
  const auto trial = [&](const std::string& what, const std::string& threshold,
                         const std::function<double(const Json&)>& margin) {
    Trial t;
    t.what = what;
    t.threshold = threshold;
    t.runs = static_cast<std::int64_t>(marked.size());
    double sum = 0;
    std::int64_t holds = 0;
    for (const Json* row : marked) {
      sum += margin(*row);
      holds += margin(*row) >= 0;
    }
    t.mean = sum / static_cast<double>(marked.size());
    if (holds == t.runs) t.answer = Answer::yes;
    if (holds == 0) t.answer = Answer::no;
    return t;
  };
  std::vector<Trial> trials;
  trials.push_back(
      trial(fmt::format("silhouette of seen against unseen above {:g}, by", kSilhouette),
            fmt::format("at least {:g}", kSilhouette),
            [](const Json& row) { return number_at(row, "silhouette") - kSilhouette; }));
  trials.push_back(trial(
      "silhouette above that before, by",
      fmt::format("at least {:g} above B and C0", kSilhouetteGain),
      [&](const Json& row) { return number_at(row, "silhouette") - before - kSilhouetteGain; }));
  trials.push_back(trial(
      "silhouette above that of single users, by", "above it",
      [](const Json& row) { return number_at(row, "silhouette") - number_at(row, "of_users"); }));
  const double runs = static_cast<double>(marked.size());
  trials.push_back(
      trial("level less the p of relabelled users",
            fmt::format("p below {:g}, each times the number of runs", kLevel),
            [&](const Json& row) { return kLevel - runs * number_at(row, "p_value"); }));
  j.trials = std::move(trials);
  return j;
}

}  // namespace chainline::experiments
