#pragma once

#include <string>

#include "experiments/data/json.h"

namespace chainline::experiments {

/// The verdicts that a claim can get.
inline constexpr const char* kSupported = "supported";
inline constexpr const char* kNotSupported = "not supported";
inline constexpr const char* kNotDecidable = "not decidable at this scale";

/// Whether the study could have found what it looks for, before it says what it found. From
/// analyse()'s figures, in the order of kGates:
///
///     [{"id", "statement", "status": "passed" | "failed" | "missing", "evidence": sentence,
///       "measured", "threshold"}]
///
/// **Errors** FileError for an analysis that is no object.
Json judge_gates(const Json& analysis);

/// The claims K1 to K10 of the paper, judged by the constants of thresholds.h:
///
///     [{"id", "statement", "rests_on": [gate ids], "command",
///       "withheld": why}]                                      where a gate that it rests on fails or is missing
///     [{"id", "statement", "rests_on", "command", "verdict", "provisional": whether runs that were
///       planned are missing, which the reason then says, too, "reason": sentence,
///       "effect": {"what", "mean", "low", "high", "scale": 100 where it is told in points, "p", "runs",
///       "users"},
///       "threshold": sentence,
///       "tests": [{"what", "answer": "yes" | "no" | "open", "mean", "low", "high", "wide": {"low",
///                  "high", "confidence"}, "p_no", "scale", "p", "p_corrected", "runs", "users",
///                  "threshold", "note"}]}]                                  else
///
/// A claim is supported if all its tests say yes, not supported if one says no, and else not
/// decidable. Of m tests over runs, each says no by the limits "wide", at the level / m, so that a
/// true claim is called not supported with at most the level's probability. "p_no" is
/// the least level at which those limits say no, whatever else then leaves the test open; null where
/// it says yes, or has fewer than two runs. `command` is what makes the results, shown with every
/// claim.
///
/// **Errors** as judge_gates.
Json judge_claims(const Json& analysis, const Json& gates, const std::string& command);

}  // namespace chainline::experiments
