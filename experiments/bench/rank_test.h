#pragma once

#include <vector>

#include "experiments/statistics/statistics.h"

namespace chainline::experiments {

/// Two samples of times compared by their ranks: nothing is assumed of how times are distributed,
/// and one that an interruption made long counts as no more than the longest.
struct RankTest {
  double p;           ///< two-sided, of the Mann-Whitney U test
  double ratio;       ///< Hodges-Lehmann: the median of all after / before
  Interval interval;  ///< of the ratio: those that the test does not refuse at `alpha`
};

/// The exact test: where both samples are drawn alike, each order of all n + m times is as likely,
/// and U, the number of pairs in which before is the smaller one, is distributed as the areas under
/// lattice paths are. A tie counts half, and half a pair is rounded away from significance.
///
///   p = min(1, 2 P(U <= min(u, n m - u)))
///
/// The interval runs from the k-th smallest ratio to the k-th largest, k the largest number with
/// P(U < k) <= alpha / 2; where there is none, the samples are too small for any interval at this
/// level, and it is (0, infinity).
///
/// Errors   ValueError for an empty sample or a time that is not positive
/// Source   Mann and Whitney (1947); Hodges and Lehmann (1963)
RankTest compare_times(const std::vector<double>& before, const std::vector<double>& after,
                       double alpha);

/// The smallest p that samples of n and m can have: 2 / binomial(n + m, n).
double smallest_p(std::size_t n, std::size_t m);

}  // namespace chainline::experiments
