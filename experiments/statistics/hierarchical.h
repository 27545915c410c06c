#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "experiments/statistics/statistics.h"
#include "experiments/statistics/user_runs.h"
#include "tensor/random.h"

namespace chainline::experiments {

/// How often each user of each run was drawn, over all times that the run was drawn.
using RunWeights = std::vector<std::vector<double>>;  // [run][user]

/// Replicates of the standard effect, the mean over runs of (mean IN - mean OUT). In every replicate
/// as many runs as there are get drawn with replacement; each time a run is drawn, its IN users and
/// its OUT users are drawn anew, each to their own number. Of a single run the users alone are drawn.
///
/// Its spread holds both that of runs and that of users:
///
///     variance of a replicate = ((n - 1) / n) s^2 / n + u^2 / n
///
/// for n runs whose effects have the variance s^2 (which has the users' part in it already), and the
/// part u^2 that users have in the effect of one run. So intervals are too wide where runs differ
/// only by their users (by sqrt(2 - 1/n)), and too short by the factor sqrt((n - 1) / n), and by what
/// a normal quantile is short of Student's, where users play no part: at 10 runs they then cover
/// 90 %, not 95 %. The t-interval of run_mean_t() covers as it says in both cases, if the effects of
/// runs are normal.
///
/// **Errors** as check_user_runs; ValueError for fewer than 2 replicates.
std::vector<double> hierarchical_replicates(const UserRuns& runs, std::int64_t replicates,
                                            const Generator& generator);

/// The same draws for any statistic of the weights. Its value may be NaN where a replicate has none.
///
/// **Errors** as check_memberships; ValueError for fewer than 2 replicates.
std::vector<double> hierarchical_replicates(
    const std::vector<std::vector<int>>& in, std::int64_t replicates, const Generator& generator,
    const std::function<double(const RunWeights&)>& statistic);

/// Replicates of the mean of one number per run, runs drawn with replacement.
///
/// **Errors** ValueError for fewer than 2 runs or 2 replicates, or values that are not finite.
std::vector<double> run_mean_replicates(std::span<const double> per_run, std::int64_t replicates,
                                        const Generator& generator);

/// The quantiles (1 - confidence) / 2 and (1 + confidence) / 2 of those replicates that are numbers.
///
/// **Errors** ValueError where none is, or for a confidence outside of (0, 1).
Interval percentile_interval(const std::vector<double>& replicates, double confidence = 0.95);

/// The mean of one number per run, and how well the runs place it.
struct RunMean {
  double mean = 0;
  double standard_error = 0;  // s / sqrt(n)
  std::int64_t runs = 0;
  std::int64_t df = 0;  // n - 1: what the interval knows of the spread
  Interval interval;
};

/// With the t-interval, mean -+ t s / sqrt(n): right for normal effects at any number of runs from 2.
///
/// **Errors** ValueError for fewer than 2 runs, values that are not finite, or a confidence outside
/// of (0, 1).
RunMean run_mean_t(std::span<const double> per_run, double confidence = 0.95);

/// With the interval of run_mean_replicates(). It takes no shape for granted, but is short for few
/// runs: of 5 it covers 85 %, of 10 90 %, of 20 93 % where it says 95 %.
///
/// **Errors** as run_mean_t and run_mean_replicates.
RunMean run_mean_bootstrap(std::span<const double> per_run, std::int64_t replicates,
                           const Generator& generator, double confidence = 0.95);

}  // namespace chainline::experiments
