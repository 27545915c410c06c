#pragma once

#include <span>

#include "experiments/analysis/selection.h"

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

/// "grid" of analyse(): how the energy of phi depends on batch size and learning rate. `reference`
/// is the batch size at which the rules for the learning rate agree.
///
/// A cell's watermarked runs are compared with clean ones of the same number and settings; where
/// there are none, with those at the study's settings. The energy's expectation under noise is 0 for
/// either: what is subtracted only takes out how users differ anyway.
Json batch_rate_grid(const Runs& runs, std::int64_t reference, const AnalysisOptions& options);

}  // namespace chainline::experiments
