#pragma once

#include <cstdint>

namespace chainline::experiments {

// What decides the claims, fixed before any run of the study was seen, but for kCellsLeft, and not
// before its pilots (docs/reproduction.md, "Changed after runs had been seen"). Changing one changes what a verdict
// means, so each has its reason.

/// Of every test, after its correction (Holm over the tests of a claim or of the gates; the maximum
/// over layers for "some layer"). To say no, each of m tests over runs takes Student's limits at this
/// level / m, so that all of them together refute a true claim at most that often.
inline constexpr double kLevel = 0.05;

/// A spread over fewer runs is hardly one: Student's limits of 2 runs reach 12.7 standard errors, of
/// 3 runs 4.3. Tests with runs as replicates stay open below.
inline constexpr std::int64_t kFewestRuns = 3;

/// The smallest separation of interest, in AUC. A tenth of what separates chance from the AUC 0.8 at
/// which single users would be at risk. 32 users (16 IN) in 10 runs place an AUC to 3.3 points, one
/// standard error, so that 3 points can be excluded or missed, and some 12 points are found four times
/// in five at a corrected level of 1 %. A share of pairs that a probe tells is an AUC too, of pairs
/// alone: 10 runs of 16 pairs place it to 4.0 points.
inline constexpr double kAucEffect = 0.03;

/// That of differences between things that may all separate: from W50 to W100, or from one layer to
/// the mean of the others. The mean must reach a point; what 10 runs resolve depends on how alike
/// the two are in a run.
inline constexpr double kAucStep = 0.01;

/// How near to chance an answer to "have you seen this user?" must be to be at chance, in AUC: no
/// farther than the least that the probe is asked for, give or take one error. The standard error
/// of 10 runs of 32 users (16 IN) is 3.3 points, so a 90 % interval reaches 6.0 on either side, and
/// an AUC of exactly one half passes in 5 % of such studies (7.5 points would pass in 38 %, 10 in
/// 76 %). The margin stays all the same: within a wider one, asking could do as much as the probe is
/// praised for and still count as chance. K7 will more often stay open than be supported.
inline constexpr double kPromptMargin = 0.05;

/// The same of the forced choice between true id and decoy, in share of right answers, IN less OUT.
/// A user's share over 256 decoys is about uniform, with the standard deviation 0.29; the standard
/// error of 10 runs of 32 users is 3.2 points, a 90 % interval reaches 5.9, and no difference at all
/// passes in 77 % of such studies.
inline constexpr double kChoiceMargin = 0.1;

/// Utility: one point of accuracy is "essentially unchanged". Analyses have their own copy
/// (AnalysisOptions::utility_margin), by which the equivalence tests were made.
inline constexpr double kUtilityMargin = 0.01;

/// How far the AUC under relabelled users may be from 50 % even where it is placed more precisely:
/// what held-out folds of a finite pool can be biased by, and a third of the smallest effect.
inline constexpr double kShuffledMargin = 0.01;

/// A change of the gradient that is less than a tenth above a placebo's (in amplitude) is a
/// placebo's: patches of equal energy differ by as much from each other.
inline constexpr double kPlaceboRatio = 1.1;

/// "Of the same order": amplitudes within a factor of 10 of each other.
inline constexpr double kOrderOfMagnitude = 10;

/// A mini-batch effect: less than a quarter of 1/cos^2 - 1 at one sample stays at any batch size.
inline constexpr double kPlateauShare = 0.25;

/// The base model must read this share of the characters of an unseen card of the size that runs are
/// trained on and measured with; else what it keeps of users is at best a texture. Larger and smaller
/// cards are reported beside it.
inline constexpr double kLegible = 0.8;

/// Two clusters: below a mean silhouette of 0.25 there is "no substantial structure" (Kaufman and
/// Rousseeuw, Finding Groups in Data, 1990). The positive control T must reach it at the same place,
/// or it says nothing that W100 does not.
inline constexpr double kSilhouette = 0.25;

/// "Not as visible before": the silhouettes of the models without watermarks (B, C0) are lower by
/// this.
inline constexpr double kSilhouetteGain = 0.1;

/// The share of a grid's planned cells that must show energy, each by its own interval, before
/// exponents are read from them: of fewer, chance would choose which points the line goes through.
inline constexpr double kCellsLeft = 2.0 / 3;

/// An exponent is the predicted one if its interval lies within this of it: half way between the
/// predictions for SGD and Adam.
inline constexpr double kExponentMargin = 0.5;

}  // namespace chainline::experiments
