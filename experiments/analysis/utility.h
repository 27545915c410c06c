#pragma once

#include "experiments/analysis/selection.h"

namespace chainline::experiments {

/// "utility" of analyse(): what answering questions lost by training with watermarks.
Json utility(const Runs& runs, const AnalysisOptions& options);

}  // namespace chainline::experiments
