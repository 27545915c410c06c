#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/statistics/user_runs.h"
#include "tensor/random.h"

namespace chainline::experiments {

// Tests whose null distribution is made by the randomness of the experiment itself. Under the null
// hypothesis the observed value is one of those that were as likely, so that p <= alpha happens
// with at most the probability alpha, whatever the distribution of the values. Where it is drawn,
// not counted out, p = (1 + draws that reach the observed value) / (1 + draws). Values that differ
// by no more than the rounding of their sums count as equal, that is as reaching.

struct RandomisationTest {
  double statistic = 0;
  double greater = 1;    // P of a value at or above the observed one
  double less = 1;       // P of a value at or below it
  double two_sided = 1;  // each test says which
  std::int64_t draws = 0;
};

/// The test of an effect of being IN, where each run drew its own IN users: they are dealt anew
/// within every run and group of users, as many as it had, and the statistic is the mean over runs of (mean IN - mean
/// OUT). That users differ, in the same way in all runs or not, is no effect and shows in none.
/// `two_sided` counts draws of at least the observed size of either sign.
///
/// **Errors** as check_user_runs; ShapeError for groups that do not fit the users; ValueError for
/// fewer than 1 relabellings.
RandomisationTest in_out_test(const UserRuns& runs, std::int64_t relabellings,
                              const Generator& generator);

/// The test of several runs together, each with a statistic and the same statistic under some
/// relabellings of its users (controls[run], as Control::values of a probe). The mean over runs is
/// compared with means of values drawn independently, one of each run's controls or its observed
/// value, which is as likely as they are: without it, few controls would make the test too bold.
/// `two_sided` is twice the smaller of the other two, at most 1.
///
/// The smallest p that it can have is some 1 / product over runs of (1 + controls).
///
/// **Errors** ShapeError when observed and controls differ in runs; ValueError for no runs, a run
/// without controls, values that are not finite, or fewer than 1 draws.
RandomisationTest combined_control_test(std::span<const double> observed,
                                        const std::vector<std::vector<double>>& controls,
                                        std::int64_t draws, const Generator& generator);

/// combined_control_test() of several statistics (layers) at once, one-sided (greater), corrected
/// for their number: each is compared with the largest of a draw. A draw takes one relabelling of
/// each run, the same for all its layers, so that layers vary together as they do; every layer is
/// centred and scaled by the mean and the standard deviation of its draws' distribution.
///
/// observed[run][layer], controls[run][layer][relabelling]: within a run the same relabelling has
/// the same index in every layer. Returns a p-value per layer.
///
/// **Errors** as combined_control_test; ShapeError for runs with other layers than the first, or
/// layers of a run with other numbers of controls than its first.
std::vector<double> combined_max_p_values(
    const std::vector<std::vector<double>>& observed,
    const std::vector<std::vector<std::vector<double>>>& controls, std::int64_t draws,
    const Generator& generator);

/// The test of paired differences, one per run (with - without, say): under the null hypothesis a
/// difference is as likely as its negative. The statistic is their mean. Up to 20 differences all
/// 2^n signs are counted, so p is exact and a multiple of 2^-n; beyond, `draws` of them are drawn.
/// `two_sided` counts means of at least the observed size of either sign.
///
/// **Errors** ValueError for no differences, values that are not finite, or fewer than 1 draws.
/// **Source** Fisher: The Design of Experiments (1935)
RandomisationTest sign_flip_test(std::span<const double> differences, std::int64_t draws,
                                 const Generator& generator);

}  // namespace chainline::experiments
