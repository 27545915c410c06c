#pragma once

#include <string>

#include "experiments/analysis/selection.h"

namespace chainline::experiments {

/// What being IN does to a measure: E with Student's limits and p-values, as a row of "effects" has
/// it, but for the names and the correction; null where no run has the measure. `direction` is the
/// sign that memorization gives.
Json in_out_effect(const Measurement& measurement, const std::string& measure, int direction,
                   const std::string& layer, const AnalysisOptions& options,
                   const std::string& what);

/// "effects", "linked" and "prompt" of analyse(); `layer` is the primary one.
Json effect_table(const Runs& runs, const std::string& layer, const AnalysisOptions& options);
Json linked_table(const Runs& runs, const AnalysisOptions& options);
Json prompt_table(const Runs& runs, const AnalysisOptions& options);

}  // namespace chainline::experiments
