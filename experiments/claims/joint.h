#pragma once

#include <vector>

#include "experiments/data/json.h"

namespace chainline::experiments {

/// What several studies say together of each claim: that it holds in all of them. From their
/// judge_claims(), in one order:
///
///     [{"id", "statement",
///       "withheld": the studies (1, 2, ...) that withhold it}]             where one does
///     [{"id", "statement", "verdict", "provisional": whether one of theirs is, "reason": sentence,
///       "p_no": [of each study, corrected for their number]}]               else
///
/// Supported, where every study supports it: for a claim that fails in one of them to be called so,
/// that one would have to err, so the level needs no correction (an intersection-union test). Not
/// supported, where one study says no that still does after Holm's correction for the number of
/// studies, each with the smallest p_no of its tests that say no, and 1 if none does: a claim that
/// holds in all of them is called not supported with at most the level's probability. Else not
/// decidable.
///
/// **Errors** ValueError for no study; FileError for studies whose claims are not the same, or for a
/// "no" without its p_no.
/// **Source** Berger: Multiparameter Hypothesis Testing and Acceptance Sampling (1982); Holm (1979)
Json judge_jointly(const std::vector<Json>& claims);

}  // namespace chainline::experiments
