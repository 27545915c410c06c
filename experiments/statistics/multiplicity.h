#pragma once

#include <vector>

namespace chainline::experiments {

/// Holm's correction of some p-values for their number: compared with a level, the corrected ones
/// call any true null hypothesis false with at most that probability, all together. For the i-th
/// smallest of n, in the order of the input:
///
///     min(1, max over j <= i of (n - j + 1) p_j)
///
/// max_statistic_p_values() is for statistics that vary together, as those of a model's layers do.
///
/// **Errors** ValueError for a p outside of [0, 1].
/// **Source** Holm: A Simple Sequentially Rejective Multiple Test Procedure (1979)
std::vector<double> holm(const std::vector<double>& p);

}  // namespace chainline::experiments
