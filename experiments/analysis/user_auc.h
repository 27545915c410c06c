#pragma once

#include <cstdint>
#include <vector>

#include "experiments/statistics/user_runs.h"
#include "tensor/random.h"

namespace chainline::experiments {

/// The AUC of IN against OUT users by their values, run by run.
///
/// **Errors** as check_user_runs.
std::vector<double> user_aucs(const UserRuns& runs);

/// Replicates of its mean over runs, [measurement][replicate], of several measurements of the same
/// runs and users: runs drawn with replacement, then users, as hierarchical_replicates has them, the
/// same for all measurements. Users drawn several times count as often; a run drawn several times
/// has its draws of users together.
///
/// **Errors** as hierarchical_replicates; ShapeError for measurements of other runs or users than the
/// first; ValueError for none.
std::vector<std::vector<double>> user_auc_replicates(const std::vector<UserRuns>& measurements,
                                                     std::int64_t replicates,
                                                     const Generator& generator);

}  // namespace chainline::experiments
