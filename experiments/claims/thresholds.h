#pragma once

#include <cstdint>

namespace chainline::experiments {

// What decides the claims, fixed before any run of a study was seen. Changing one changes what a
// verdict means, so each has its reason.

/// Of every test, after its correction (Holm over the tests of a claim or of the gates; the maximum
/// over layers for "some layer").
inline constexpr double kLevel = 0.05;

/// A spread over fewer runs is hardly one: Student's limits of 2 runs reach 12.7 standard errors, of
/// 3 runs 4.3. Claims that rest on runs as replicates stay open below.
inline constexpr std::int64_t kFewestRuns = 3;

/// The smallest separation of interest, in AUC. A tenth of what separates chance from the AUC 0.8 at
/// which single users would be at risk; 128 users in 10 runs place an AUC to some 1.6 points.
inline constexpr double kAucEffect = 0.03;

/// That of differences between things that may all separate: from W50 to W100, or from one layer to
/// the mean of the others. One point is what 10 runs of paired differences can still resolve.
inline constexpr double kAucStep = 0.01;

/// How near to chance an answer to "have you seen this user?" must be to be at chance, in AUC. The
/// standard error of 10 runs of 128 users is 1.6 points, so a 90 % interval reaches 3 on either
/// side: a smaller margin could not be shown however true it were.
inline constexpr double kPromptMargin = 0.05;

/// The same of the forced choice between true id and decoy, in share of right answers, IN less OUT:
/// its standard error is 2.8 points, Student's 95 % interval reaches 6.3.
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

/// The base model must read this share of the characters of an unseen card, at normal or large size;
/// else what it keeps of users is at best a texture.
inline constexpr double kLegible = 0.8;

/// Two clusters: below a mean silhouette of 0.25 there is "no substantial structure" (Kaufman and
/// Rousseeuw, Finding Groups in Data, 1990).
inline constexpr double kSilhouette = 0.25;

/// "Not as visible before": the silhouette of the model without watermarks is lower by this.
inline constexpr double kSilhouetteGain = 0.1;

/// An exponent is the predicted one if its interval lies within this of it: half way between the
/// predictions for SGD and Adam.
inline constexpr double kExponentMargin = 0.5;

}  // namespace chainline::experiments
