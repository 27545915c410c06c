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
  for (Json& value : moved["per_run"])
    if (value.is_number()) value = value.get<double>() - shift;
  return moved;
}

/// A copy of T of `from` less the value.
Json reversed(const Json& t, double from) {
  Json turned = t;
  for (const auto& [key, other] :
       {std::pair("mean", "mean"), std::pair("low", "high"), std::pair("high", "low"),
        std::pair("t_low", "t_high"), std::pair("t_high", "t_low")})
    turned[key] = number(from - number_at(t, other));
  for (Json& value : turned["per_run"])
    if (value.is_number()) value = from - value.get<double>();
  return turned;
}

/// The pairs that W100's probe tells by the states of another condition, at the primary layer.
const Json* transfer_row(const Json& analysis, const std::string& condition) {
  return find_row(list_at(analysis, {"transfer"}), {{"condition", condition},
                                                    {"question", "username"},
                                                    {"tuning", "lora"},
                                                    {"layer", primary_layer_of(analysis)}});
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

/// SW, where IN and OUT have changed places, below chance: read by W100's probe, since one fitted to
/// SW's own states would learn anew which class is the seen one and lie above chance again. At one
/// half it may have found nothing of its own there; only above, where it reads in both what has not
/// changed places, it speaks against memory.
Trial swap_trial(const Json& analysis) {
  std::string what = "pairs that W100's probe tells on SW below 50 %";
  if (const Json* reference = transfer_row(analysis, "U3"))
    what += fmt::format(" (on U3 {:.1f} %)", 100 * number_at(*reference, "mean"));
  what += ", by";
  const Json* row = transfer_row(analysis, "SW");
  if (row == nullptr) return missing_trial(what, "probed runs of SW, read by W100's probe");
  Trial trial = above_trial(what, reversed(*row, 0.5), kAucEffect, number_at(*row, "p_less"));
  trial.from = 0;
  trial.threshold += "; no only above one half";
  return trial;
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
  return above_trial(what, *row, minimum, number_at(*row, "p"));
}

/// A 90 % interval of Student within the margins, which is a test of 5 % on either side.
Trial equivalence_trial(const std::string& what, const Json& row, double from, double to) {
  Trial trial = between_trial(what, number_at(row, "mean"), number_at(row, "low_90"),
                              number_at(row, "high_90"), from, to);
  trial.per_run = numbers(row.at("per_run"), what);
  trial.runs = row.at("runs");
  trial.users = row.at("users");
  return trial;
}

/// Where clusters are looked for: where the probe looks, and in the picture that is claimed.
std::vector<std::string> cluster_places(const Json& analysis) {
  return {primary_layer_of(analysis), "t-SNE plane"};
}

const Json* silhouette_row(const Json& analysis, const std::string& condition,
                           const std::string& place) {
  return find_row(list_at(analysis, {"silhouettes"}),
                  {{"condition", condition}, {"tuning", "lora"}, {"place", place}});
}

Trial silhouette_trial(const std::string& what, const Json* row, const std::string& needed,
                       double minimum, const char* p) {
  if (row == nullptr) return missing_trial(what, needed);
  Trial trial = above_trial(what, *row, minimum, number_at(*row, p));
  trial.scale = 1;
  trial.threshold = fmt::format("at least {:g}, corrected p below {:g}", minimum, kLevel);
  return trial;
}

/// Why nothing follows from the clusters at a place; "" if something does.
std::string no_clusters_of_control(const Json& analysis, const std::string& place) {
  const Json* control = silhouette_row(analysis, "T", place);
  if (control == nullptr) return "the positive control T has no silhouette there yet";
  const double mean = number_at(*control, "mean");
  if (mean >= kSilhouette) return "";
  return fmt::format("the positive control T reaches {:.3f} there", mean);
}

}  // namespace

std::string illegible(const Json& analysis) {
  const Json& bases = list_at(analysis, {"legibility"});
  if (bases.empty()) return "how well the base reads unseen cards is not known yet";
  const auto share = [](const Json& base, const char* size) {
    return base.contains(size) ? number_at(base[size], "characters") : Trial::kNone;
  };
  const Json* worst = nullptr;
  for (const Json& base : bases)
    if (!(share(base, "normal") >= kLegible) &&
        (worst == nullptr || share(base, "normal") < share(*worst, "normal")))
      worst = &base;
  if (worst == nullptr) return "";
  std::string others;
  for (const char* size : {"large", "small"})
    if (std::isfinite(share(*worst, size)))
      others += fmt::format("{}{} cards {:.0f} %", others.empty() ? " (" : ", ", size,
                            100 * share(*worst, size));
  if (!others.empty()) others += ")";
  if (!std::isfinite(share(*worst, "normal")))
    return fmt::format("how well the base reads unseen cards of the normal size is not known{}",
                       others);
  return fmt::format(
      "the base reads {:.0f} % of the characters of an unseen card of the normal size{}, where "
      "{:.0f} % are the least",
      100 * share(*worst, "normal"), others, 100 * kLegible);
}

bool sees_positive_control(const Json& analysis, const std::string& question,
                           const std::string& tuning) {
  const Json* control = condition_row(analysis, question, "T", tuning);
  if (control == nullptr) return false;
  // The decoder alone, of which the primary layer is chosen: a frozen encoder keeps nothing of T,
  // and what stands out in it is chance or the picture.
  return std::any_of(control->at("layers").begin(), control->at("layers").end(), [](const Json& l) {
    return l.at("layer").get<std::string>().starts_with("decoder") &&
           number_at(l, "p_corrected") < kLevel;
  });
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
    j.trials.push_back(equivalence_trial("AUC of asking \"have you seen this user?\"",
                                         prompt->at("auc"), 0.5 - kPromptMargin,
                                         0.5 + kPromptMargin));
    j.trials.back().threshold = fmt::format("90 % interval between {:g} and {:g}",
                                            0.5 - kPromptMargin, 0.5 + kPromptMargin);
  }
  const Json* forced = find_row(list_at(analysis, {"effects"}),
                                {{"condition", "W100"}, {"tuning", "lora"}, {"measure", "forced"}});
  const std::string what = "right choices between true id and decoy, IN less OUT";
  if (forced == nullptr) {
    j.trials.push_back(missing_trial(what, "runs of W100 with measures of users"));
  } else {
    j.trials.push_back(equivalence_trial(what, *forced, -kChoiceMargin, kChoiceMargin));
    j.trials.back().scale = 100;
    j.trials.back().threshold =
        fmt::format("90 % interval within {:g} points", 100 * kChoiceMargin);
  }
  correct_trials(j.trials);
  return j;
}

Judgement judge_generality(const Json& analysis) {
  Judgement j;
  j.blocked = illegible(analysis);
  // The second model is the one whose weights were all trained.
  const std::pair<const char*, const char*> cases[] = {
      {"username", "lora"}, {"user_id", "lora"}, {"username", "full"}};
  for (const auto& [question, tuning] : cases)
    j.trials.push_back(difference(analysis, question, "C0", kAucEffect, tuning));
  correct_trials(j.trials);
  // Each case has a positive control of its own.
  for (std::size_t i = 0; i < j.trials.size(); ++i) {
    if (j.trials[i].answer != Answer::no) continue;
    if (sees_positive_control(analysis, cases[i].first, cases[i].second)) continue;
    j.trials[i].answer = Answer::open;
    j.trials[i].note = "the probe does not see the positive control T there either";
  }
  return j;
}

Judgement judge_clusters(const Json& analysis) {
  Judgement j;
  j.blocked = illegible(analysis);
  std::vector<std::string> open;  // by trial, why it is whatever the numbers say
  for (const std::string& place : cluster_places(analysis)) {
    const std::string at = place.empty() ? "primary layer" : place;
    const std::string needed = "probed runs of W100, and of B or C0, with silhouettes, " + at;
    const Json* row = silhouette_row(analysis, "W100", place);
    const auto part = [&](const char* key) {
      return row == nullptr ? nullptr : find_path(*row, {key});
    };
    j.trials.push_back(silhouette_trial("silhouette of seen against unseen users, " + at, row,
                                        needed, kSilhouette, "p"));
    j.trials.push_back(silhouette_trial("silhouette above those of B and C0, " + at + ", by",
                                        part("gain"), needed, kSilhouetteGain, "p_t"));
    j.trials.push_back(silhouette_trial("silhouette above that of single users, " + at + ", by",
                                        part("over_users"), needed, 0, "p_t"));
    open.resize(j.trials.size(), no_clusters_of_control(analysis, place));
  }
  correct_trials(j.trials);
  for (std::size_t i = 0; i < j.trials.size(); ++i) {
    if (open[i].empty()) continue;
    j.trials[i].answer = Answer::open;
    if (j.trials[i].note.empty()) j.trials[i].note = open[i];
  }
  return j;
}

}  // namespace chainline::experiments
