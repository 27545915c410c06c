#pragma once

#include "experiments/analysis/gradient_jobs.h"

namespace chainline::experiments {

/// How much of the angle between clean and changed gradients stays at any batch size, run by run
/// from the moments of single samples:
///
///     share = tan^2 of predicted_cosine(infinity) / tan^2 of predicted_cosine(1)
///     fall  = predicted_cosine(smallest size) - predicted_cosine(largest size)
///
/// tan^2 = 1/cos^2 - 1 has a theory for quotients of expectations alone: the mean of it over single
/// batches need not exist, and one batch whose two gradients are almost at right angles decides what
/// it comes out as. Where the unbiased |D|^2 is not above 0 nothing was seen to stay, and the share
/// is 0; where |G|^2 is not, there is no direction to turn from: the run has no share, and no fall
/// either, as a cosine predicted at a large size would be made of that |G|^2 alone.
struct ShareOfRun {
  double at_one = 0, at_any = 0;  // tan^2 at b = 1 and in the limit
  double share = 0, fall = 0;     // NaN where there is none
  bool without_change = false;    // |D|^2 is not above 0
};
ShareOfRun share_of_moments(const CosineMoments& moments, double smallest, double largest);

/// "shares" of analyse(): of every comparison with moments, all parameters, Student over runs.
Json gradient_shares(const GradientJobs& jobs, const AnalysisOptions& options);

/// "plateaus" of analyse(): the fit of statistics/plateau.h to tan^2 of the mean cosine of each
/// size, bootstrap over runs and, inside each, batches.
Json gradient_plateaus(const GradientJobs& jobs, const AnalysisOptions& options);

}  // namespace chainline::experiments
