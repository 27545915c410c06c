#pragma once

#include <cstdint>
#include <span>

#include "experiments/statistics/user_runs.h"
#include "tensor/random.h"

namespace chainline::experiments {

/// What training on users did to their values d beyond what the values of others do anyway:
///
///     mean over IN of (d - m)^2 - s^2 (1 + 1 / n_out),   m, s^2: mean and variance of d over OUT
///
/// Where IN and OUT users are alike its expectation is 0 whatever their distribution, since
/// E (d - m)^2 = s^2 (1 + 1 / n_out) then. If being IN shifts a user by e, of mean a and variance v
/// over users, it is a^2 + v. With weights a user counts that many times, 0 leaves it out, and s^2
/// has the weights' sum - 1 in its denominator. NaN without 1 IN and 2 OUT.
double memorization_energy(std::span<const double> d, std::span<const int> in,
                           std::span<const double> weights = {});

/// P of a mean energy over runs at or above the one seen if being IN did nothing: IN is dealt anew
/// within each run and group of users, and p = (1 + those that reach it) / (1 + relabellings).
///
/// **Errors** as check_user_runs; ValueError for fewer than 1 relabellings.
double energy_p(const UserRuns& runs, std::int64_t relabellings, const Generator& generator);

}  // namespace chainline::experiments
