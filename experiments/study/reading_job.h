#pragma once

#include <filesystem>

#include "experiments/data/json.h"
#include "experiments/study/study.h"

namespace chainline::experiments {

/// What a base reads and knows before any fine-tuning:
///
///     {"legibility", "legibility_small", "legibility_large": LEGIBILITY, "utility": UTILITY}
///
/// of cards that nobody has seen on pictures that it has not seen, at the study's size of letters, at
/// half of it and at one and a half.
Json do_reading(const Study& study, const std::filesystem::path& base);

}  // namespace chainline::experiments
