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

/// Replicates of its mean over runs (minus that of `subtracted`, the same runs measured otherwise,
/// unless empty): runs drawn with replacement, then users, as hierarchical_replicates has them. Users
/// drawn several times count as often; a run drawn several times has its draws of users together.
///
/// **Errors** as hierarchical_replicates; ShapeError where the two differ in runs or users.
std::vector<double> user_auc_replicates(const UserRuns& runs, const UserRuns& subtracted,
                                        std::int64_t replicates, const Generator& generator);

}  // namespace chainline::experiments
