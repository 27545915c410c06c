#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/plan/plan.h"

namespace chainline::experiments {

/// How far a plan is. Weights are the seconds that jobs were expected to take.
struct PlanProgress {
  std::size_t jobs = 0, done = 0;
  double weight = 0;       ///< of all jobs
  double weight_done = 0;  ///< of those that are done, and the done shares of those that run
  double weight_here = 0;  ///< what of that was done since `seconds` are counted
  double longest = 0;   ///< the most weight left of jobs that need each other, one after the other
  double seconds = 0;   ///< of this sitting
  double parallel = 1;  ///< jobs that may run side by side
};

/// A job that runs, or did in this sitting: how far it was when it began, and how far it is.
struct RunningShare {
  std::size_t job = 0;
  double from = 0, now = 0;
};

/// Adds up: `done` for every job of the plan, `running` for those that run, `here` for those among
/// the done that this sitting did.
PlanProgress progress_of(const Plan& plan, const std::vector<bool>& done,
                         const std::vector<RunningShare>& running,
                         const std::vector<RunningShare>& here);

/// The share of the weight that is done, 0 .. 1; 1 for a plan without jobs.
double share_done(const PlanProgress& progress);

/// The seconds that the rest will take: the weight that is left over the speed, and no less than
/// the longest chain of jobs at the speed of one.
///
///     speed = (weight_here + parallel r) / (seconds + r),   r = weight / jobs
///
/// is what this sitting did in its time, with one round of jobs of mean weight added that took as
/// long as expected: until a round is over there is little else to go by, and after ten it hardly
/// counts.
double seconds_left(const PlanProgress& progress);

/// One line of at most `columns` characters: title, bar, percent, jobs, time spent, time left, names
/// of running jobs. 0 columns mean a line without bar and limit, for files (line_with_bar).
std::string plan_line(const std::string& title, const PlanProgress& progress,
                      const std::vector<std::string>& names, std::int64_t columns);

}  // namespace chainline::experiments
