#pragma once

#include <string>

#include "experiments/analysis/selection.h"

namespace chainline::experiments {

/// What being IN does to a measure in some runs: E with Student's limits and the p-values of dealing
/// the IN users anew, as a row of "effects" has it, but for the names and the correction; null where
/// no run has the measure. `direction` is the sign that memorization gives.
Json in_out_effect(const std::vector<StudyRun>& runs, const std::string& measure, int direction,
                   const std::string& layer, const AnalysisOptions& options,
                   const std::string& what);

/// "effects" and "prompt" of analyse(); `layer` is the primary one.
Json effect_table(const Runs& runs, const std::string& layer, const AnalysisOptions& options);
Json prompt_table(const Runs& runs, const AnalysisOptions& options);

}  // namespace chainline::experiments
