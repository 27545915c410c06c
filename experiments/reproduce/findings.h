#pragma once

#include "experiments/data/json.h"
#include "experiments/reproduce/defaults.h"

namespace chainline::experiments {

/// Judges the paper's claims by the results of a reproduction: a list of {"id", "claim",
/// "measured", "verdict", "reason"}, the verdict one of "supported", "not supported", "undecided"
/// and "not tested". The numbers are those of this run alone.
Json judge_claims(const Json& results, const ReproduceOptions& options);

/// The difference of the held-out AUC between two models at the last layer, b - a, with an interval
/// of 95 % from drawing users of each class anew: {"difference", "interval"}.
Json auc_difference(const Json& a, const Json& b, std::int64_t bootstrap, std::uint64_t seed);

/// "rate-000", "rate-050", "rate-100": the name of a run.
std::string run_name(std::int64_t rate);

}  // namespace chainline::experiments
