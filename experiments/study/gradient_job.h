#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "experiments/data/json.h"
#include "experiments/study/study.h"

namespace chainline::experiments {

/// The same-weights gradient study: the gradients of the same samples, clean and in other versions
/// (cards, noise, transforms), at the base and at the end of a clean fine-tuning of all weights.
///
///     {"run", "studies": [{"at", "groups", "sizes", "samples",
///       "comparisons": {NAME: {"cosine": [by group][by size][by batch], "norm_ratio": same}},
///       "moments": {NAME: {GROUP: {"G2", "S", "D2", "Sd", "GD", "X", "n"}}} (GradientMoments),
///       "pixel_energy": {NAME: mean squared difference of bytes}}]}
///
/// NAME is the code of a condition, "IMG-published", "other batch" (a clean batch and the next one:
/// what batches differ by anyway) or "rerun" (one gradient, computed twice). A batch of size b is b neighbours of one order, so the
/// batches of a larger size are made of those of a smaller one, and every gradient is computed once.
/// At most `kKeptBatches` of each size are kept.
Json do_gradients(const Study& study, std::uint32_t run, const std::filesystem::path& folder,
                  const std::filesystem::path& base, const std::function<void(double)>& progress);

inline constexpr std::size_t kKeptBatches = 32;

}  // namespace chainline::experiments
