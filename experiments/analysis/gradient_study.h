#pragma once

#include "experiments/analysis/analysis.h"

namespace chainline::experiments {

/// "gradients" of analyse(): how watermarks, placebos and transformations of the same pictures change
/// the gradient of a batch. `batch` is that of training.
Json gradient_study(const StudyResults& results, std::int64_t batch,
                    const AnalysisOptions& options);

/// "twins" of analyse().
Json twin_summary(const StudyResults& results);

}  // namespace chainline::experiments
