#pragma once

#include <cstdint>

#include "experiments/analysis/selection.h"

namespace chainline::experiments {

/// "grid" of analyse(): how the energy of phi depends on batch size and learning rate. `reference`
/// is the batch size at which the rules for the learning rate agree, `study` StudyResults::study.
///
/// A cell's watermarked runs are compared with clean ones of the same number, optimizer, batch size
/// and rate; a cell without such runs is missing. A cell counts for exponents if the lower limit of
/// its own energy is above 0. Beside it stands what its models can do, and what the base could: of
/// trainings that diverged no energy says anything.
Json batch_rate_grid(const Runs& runs, const Json& study, std::int64_t reference,
                     const AnalysisOptions& options);

}  // namespace chainline::experiments
