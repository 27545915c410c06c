#pragma once

#include <cstdint>
#include <memory>

#include "experiments/data/dataset.h"
#include "experiments/data/json.h"
#include "experiments/training/model.h"
#include "experiments/watermark/watermark.h"

namespace chainline::experiments {

/// How well a model reads cards that it has never seen: for each image of the split, one stranger's
/// card, the username and the id asked for, and the greedy answers compared with what stands there.
///
///     characters right = 1 - Lev(answer, text) / max(|answer|, |text|), averaged over both lines by
///     their length
///
/// {"characters", "username", "user_id", "whole_lines", "cards", "chars"}: the shares of characters
/// (of both, of each), of lines read without a fault, and the numbers of cards and characters.
Json measure_legibility(const LoadedModel& model, const Split& split,
                        const std::vector<Person>& strangers, const WatermarkSpec& card,
                        const std::shared_ptr<const Font>& font, std::int64_t cards);

}  // namespace chainline::experiments
