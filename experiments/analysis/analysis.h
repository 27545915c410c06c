#pragma once

#include <cstdint>

#include "experiments/analysis/study_results.h"

namespace chainline::experiments {

/// How a study is analysed. The numbers of draws trade digits of p-values and intervals for time.
struct AnalysisOptions {
  explicit AnalysisOptions(std::uint64_t random_seed) : seed(random_seed) {}

  std::uint64_t seed;
  std::int64_t replicates = 1000;    // of every bootstrap
  std::int64_t relabellings = 1000;  // of every test by the design's own assignment
  std::int64_t draws = 10000;        // of combined controls of several runs
  double confidence = 0.95;
  double delta = 1e-5;           // of (epsilon, delta)
  double utility_margin = 0.01;  // of the equivalence tests: one point of accuracy
};

/// All figures of a study, for its claims and its report: a pure function of the results and the
/// options. A unfinished study gives the figures of what is there; "coverage" says what is not.
///
/// Below, E is an estimate with where it comes from:
///
///     E = {"mean", "low", "high", "runs": n, "users": n, "seeds": [run numbers]}
///
/// `low` and `high` are the limits at options.confidence, by bootstrap over runs and, inside a run,
/// users (in "effects", "linked" and "grid" pairs of them, if they share their pictures) or batches;
/// null where one value alone is there. T = E with, over runs, Student's limits and tests:
///
///     T = E + {"t_low", "t_high",      of the mean over runs; null for one run
///              "per_run": [values in the order of seeds],
///              "p_t",                  one-sided (greater), Student over runs; null for one run
///              "p_sign_flip",          one-sided (greater), signs of the runs' values
///              "p_control"}            one-sided (greater), by relabelled users; null without them
///
/// Numbers that don't exist are null. P-values are of "not above" unless they say otherwise; every
/// "p_corrected" names its family at the place below. A condition is that of `tuning` "lora" unless
/// it says otherwise, at the settings that most runs with all measures have ("settings").
///
///     {"options": {...}, "settings": {TUNING: {"mix", "optimizer", "batch", "rate_factor",
///                                              "lora_rank"}},
///      "coverage": {"bases", "runs", "gradients", "twins": how many are there,
///                   "planned": as study.planned, or null, "complete": bool, or null unplanned,
///                   "conditions": [{"condition", "tuning", "mix", "measures", "runs", "seeds"}],
///                   "missing_conditions": [codes that no run has], "sentence"},
///      "legibility": [for each base {"normal": LEG, "small": LEG, "large": LEG}],
///      "effects": [for each condition, tuning and measure
///        E + {"condition", "tuning", "measure": "exposure" | "exposure_fit" | "exact" | "edit" |
///                "forced" | "loss" | "phi" | "preference" | "prompt" | "decision" (of the username
///                probe at the primary layer),
///             "reference": "B" where loss, phi and prompt are less those of the run of B with the
///                same number (the same base, users and pictures); null where values stand as measured,
///             "in", "out": means, "per_run", "t_low", "t_high", "low_90", "high_90" (Student),
///             "direction": 1 or -1, the sign that memorization gives it: -1 for loss and edit, and
///                SW, which saw the OUT users, reverses all but "decision", whose probe is fitted
///                anew to SW's own states and learns there which class is the seen one,
///             "p_greater", "p_less", "p_two_sided": IN dealt anew within runs and, inside a run,
///                within pairs of users who share their pictures ("p_from": "dealing IN anew"); of
///                "decision" from the AUCs of probes of relabelled users ("relabelled users"), or
///                null without them,
///             "p": the one in the direction, "p_corrected": Holm, over conditions of this measure
///                and tuning}],
///      "linked": [for each L-gamma with gamma above 0 and tuning, as a row of "effects" but for
///             "p_corrected": "preference" with "reference" "L-0", the run of L-0 with the same
///             number, whose users, sides and pictures are the same],
///      "prompt": [for each condition and tuning {"condition", "tuning",
///             "auc": T, the AUC of the "have you seen this user?" log odds as they are (not less
///                B's), IN against OUT, with "low_90", "high_90" (Student) and p_control by dealing IN anew,
///             "forced_in", "forced_out": E, shares of right choices between true id and decoy}],
///      "primary": {"layer": name, "chosen_by": "positive control T" | "last decoder layer",
///                  "runs": n of T, "sentence"}, or null without any probe,
///      "separation": {QUESTION ("username" | "user_id"): {
///        "layers": [names],
///        "conditions": [{"condition", "tuning", "runs", "users", "seeds", "layers": [for each layer
///             {"layer", "auc": T, "user_auc": of decisions averaged by user, "control": mean AUC
///              of relabelled users, "selectivity": auc - control, "p", "p_less": controls of all
///              runs combined, "p_corrected": the same by the maximum over layers,
///              "accuracy": mean, "replica": {"accuracy", "low", "high" (Student over runs),
///              "control", "selectivity"}}]}],
///        "differences": [at the primary layer, runs paired by number
///             T + {"a", "b": conditions, "tuning", "layer", "p": p_t for W100 - W50, where both
///                  may see users, else p_control, "p_from"}],
///        "contrasts": [for W100 and T, at the primary layer
///             T (low, high null) + {"condition", "of": "other decoder layers" | "vision" (its last
///                  layer) | "pixels"; primary - those, "p": p_t for the other layers, which may
///                  all see users, else p_control, "p_from"}]}},
///      "transfer": [for each condition whose states the probes of W100's runs of the same number
///             have read (SW, U3), tuning, question and decoder layer: E (low, high null) of the
///             share of pairs with the same pictures whose IN user has the higher decision +
///             {"condition", "tuning", "question", "layer", "t_low", "t_high", "per_run", "p_less",
///             "p_greater": Student's, against 1/2, "pooled_auc": of IN against OUT over all folds,
///             whose fits have scales of their own}. Such a probe
///             was told by W100 which class is the seen one: if it reads familiarity, SW, where
///             the classes have changed places, lies below 1/2, and U3 at 1/2],
///      "probes": [for each condition and tuning {"condition", "tuning", "runs", "seeds",
///             "pixels": T or null, "nested": T or null, "nested_c": [chosen], "conditional": {"bits",
///             "low", "high" (Student over runs), "p_values": by run} or null, "mdl":
///             {"compression", "control"} or null, "fits": {"fits", "unconverged",
///             "worst_gradient", "worst_duality_gap"}}],
///      "relabelled": {"auc": T of the mean relabelled AUC of W100's runs at the primary layer, low and
///             high (95 %) by the spread of the relabellings, "nested": the same of the nested
///             probe, or null}, or null,
///      "silhouettes": [for each condition, tuning and "place" (a decoder layer, or "t-SNE plane" of
///             the runs that have a map) T (low, high null) of the mean silhouette of IN against OUT
///             users + {"condition", "tuning", "place", "p_values": [of relabelled users, by run],
///             "p": the largest of them, null where a run has none: each run has to show it,
///             "of_users": the mean silhouette of single users, "over_users": T less that, "gain":
///             T less the larger one of B and C0 in the run of the same number, or null}],
///      "projections": [for each run that has them {"condition", "tuning", "run", "layer",
///             "silhouette", "p_value", "of_users", "plane": {the same three, of the t-SNE plane}}],
///      "utility": {"rows": [for each mix, condition, tuning and score
///             E + {"mix", "condition", "tuning", "rate" (null for no W or C0), "score": "own"
///                (accuracy on the kinds of the mix's questions; all for general) | "accuracy" (on
///                all) | "choice" | "perception" | "cognition" (accuracies) | "perception_score" |
///                "cognition_score" (of 200 per subtask) | "loss",
///             "difference": null for C0, else E (Student) + {"p_low", "p_high", "low_90", "high_90",
///                "within", "per_run", "deviation": of the runs' differences, "deviation_needed": below which
///                as many runs show equivalence if there is no difference at all}: against C0 of the
///                same run number, TOST of utility_margin (accuracies)}],
///         "trends": [for each mix and accuracy T of the slope over the rate, a run at a time, with
///             "p_drop": one-sided, Student, "p_corrected": Holm over mixes of this score],
///         "planned": [{"mix", "condition", "rate"} that the study plans], or null,
///         "constants": {MIX: the accuracy of giving every question of the mix's kinds its kind's
///             most common answer, or null},
///         "kinds": [for each kind of question of the general mix, low-rank {"kind", "questions",
///             "constant": as above, "B", "C0", "W100": mean accuracies over the "runs", "seeds":
///             run numbers that those of the three have that are there at all, "difference": W100
///             less C0, as in the rows above}],
///         "choice_chance": 1 / options, or null},
///      "sweep": [{"tuning", "run", "rate_factor", "learning_rate", "accuracy"}], of C0,
///      "private_utility": [for each condition, tuning, noise and score but "own"
///             E + {"condition", "tuning", "noise", "score", "difference": as in utility, but to the
///                  runs of next to no noise (kControlNoise); null for those}],
///      "gradients": {"batch": the training batch, "size": the batch size nearest to it,
///         "groups", "sizes", "rows": [for each "at", "comparison" and "group"
///             {"cosine": [R by size], "norm_ratio": [mean by size], "change": [E by size, of
///              |g' - g|^2 / |g|^2], "predicted": [cosine by size from "moments"] or null,
///              "moments": {"G2", "GD", "D2", "S", "Sd", "X", "n"} or null}],
///         "differences": [all parameters, at "size": R + {"at", "a", "b": cos(a) - cos(b)}],
///         "shares": [all parameters, for each comparison with moments {"at", "comparison", "runs",
///             "without_change": runs whose |D|^2 is not above 0, "smallest", "largest": sizes,
///             "share", "at_one", "at_any", "fall": E (Student over runs) + {"per_run"}: of
///             1/cos^2 - 1 at b = 1 what stays at any b, both values, and the cosine at the smallest
///             size less that at the largest, by moments (gradient_shares.h), of runs whose |G|^2 is
///             above 0}],
///         "plateaus": [all parameters: {"at", "comparison", "plateau", "decay", "ratio": {"estimate",
///             "low", "high"}, "offset", "rises", "residual", "residual_without"}, fitted to 1/cos^2
///             - 1 of the mean cosine of each size; the ratio is the plateau / the fit at b = 1],
///         "ratios": [all parameters, by size: {"at", "of", "to", "size", "amplitude": R of
///             sqrt(change / change), "matched": R of the same per root of pixel energy, or null}],
///         where R = E + {"per_run": [of each run's batches alone], "t_low", "t_high": Student's
///             limits of their mean, where "mean" is of the batches of all runs},
///         "rerun": {"batches", "smallest", "largest", "exactly_one": bool}, or null}, or null,
///      "twins": {"twins": [{"run", "condition", "samples", "identical_rerun",
///             "max_difference_at_rate_0", "last_weights", "last_gradients": {GROUP: value}}],
///             "all_identical", "all_zero"}, or null,
///      "grid": {"reference_batch", "measure": "phi", "base_accuracy": on all questions, before any
///             fine-tuning, or null, "cells": [{"optimizer", "batch", "rate_factor",
///             "rules": ["fixed" | "linear" | "square root"...], E of the energy (the bootstrap's mean
///             moved to it), "per_run", "counts": whether "low" is above 0, "accuracy",
///             "clean_accuracy": of its watermarked and clean runs on all questions, or null}],
///         "fits": [for each optimizer {"optimizer", "cells": found, "planned": at least as many,
///             "left_out": of the found those that do not count, "runs": that all cells that count
///             have, "reference": null, or E of the cell where all rules agree + {"p": of dealing
///             IN anew}, "eta": {"estimate", "low", "high" (Student over "per_run": a jackknife
///             over those runs, whose mean is the estimate), "theory"}, "b": same, "r_squared"}],
///         "rules": [for each optimizer and rule {"optimizer", "rule", "cells", "slope": as "eta"}],
///         "rates": T of the slope of the energy over the rate of W10 .. W100 within runs, or null},
///         or null,
///      "memorization": [for W100, C0, T and L-0.4, and each measure {"condition", "measure",
///             "reference": as in effects, "runs", "seeds", "users": n with a number, "mean",
///             "standard_error", "positive_share", "quartiles": [low, 25 %, 50 %, 75 %, high], "by_user": [value or null]}],
///      "attacks": [for the same conditions, and "exposure" and "phi" {"condition", "measure",
///             "reference": as in effects, "runs", "lira": {"auc", "low", "high", "members",
///             "others", "undefined", "tpr_at_1": {"tpr", "low", "high", "fpr"}} or null, "epsilon": E-less {"bound", "true_positives",
///             "members", "false_positives", "others"} or null}],
///      "privacy": [for each condition and noise {"condition", "tuning", "noise", "q", "steps",
///             "epsilon", "delta", "order", "effects": {MEASURE: E + p's}, "epsilon_bound": as in
///             attacks, {MEASURE: ...}, each at options.confidence, "epsilon_together": {"bound":
///             the largest of them where each is at a level by which all hold together,
///             "measures": how many have one} or null}]}
///
/// LEG, layers and conditions are those of the jobs. The energy of a cell is, for the per-user
/// difference d of phi to the run on clean images with the same run number and the cell's settings,
///
///     mean over IN of (d - m)^2 - s^2 (1 + 1 / n_out),   m, s^2: mean and variance of d over OUT
///
/// whose expectation is 0 if IN and OUT users are alike, whatever the noise, and else the squared
/// effect and the variance that training on users adds.
///
/// **Errors** FileError naming the run for a result that lacks a member or has one of another type;
/// ValueError for options out of range.
/// **Bits** a function of libm.
Json analyse(const StudyResults& results, const AnalysisOptions& options);

}  // namespace chainline::experiments
