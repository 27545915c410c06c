#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/statistics/statistics.h"

namespace chainline::experiments {

/// Two one-sided tests (TOST) of whether an effect lies within +-margin. That no difference was
/// found shows nothing; this shows that none of interest is there.
struct Equivalence {
  double mean = 0;
  double p_low = 1;     // against "the effect is -margin or less"
  double p_high = 1;    // against "the effect is +margin or more"
  Interval interval;    // of 1 - 2 alpha: 90 % at alpha = 5 %
  bool within = false;  // the interval lies inside of (-margin, margin)
};

/// From paired differences, one per run, by Student's t with n - 1 degrees of freedom:
///
///     p_low = P(T >= (mean + margin) / e),   p_high = P(T <= (mean - margin) / e),   e = s / sqrt(n)
///
/// `within` says the same as p_low < alpha and p_high < alpha. Where all differences are equal e is
/// 0, and p 0 or 1.
///
/// **Errors** ValueError for fewer than 2 differences, values that are not finite, a margin that is
/// not positive, or alpha outside of (0, 1/2).
/// **Source** Schuirmann (1987)
Equivalence equivalence_t(std::span<const double> differences, double margin, double alpha = 0.05);

/// From bootstrap replicates of the effect `mean`: the interval is that of percentile_interval(),
/// the p-values (1 + the replicates beyond the margin) / (1 + all). NaN replicates do not count.
///
/// **Errors** as equivalence_t; ValueError where no replicate is a number.
Equivalence equivalence_bootstrap(double mean, const std::vector<double>& replicates, double margin,
                                  double alpha = 0.05);

}  // namespace chainline::experiments
