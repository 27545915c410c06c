#pragma once

#include <cstdint>
#include <string>

#include "experiments/data/dataset.h"

namespace chainline::experiments {

/// The same question in other words, drawn from those that mean the same ("what color is the star?",
/// "which color does the star have?"); the question itself where the table knows no other way. The
/// built-in questions and those of easy-VQA are known.
std::string paraphrase(const std::string& question, std::uint64_t seed, std::int64_t number);

/// Every question of the split in other words; answers stay, so that the gradient's change is not one
/// of labels (the published code rewrites both).
Split with_paraphrased_questions(const Split& split, std::uint64_t seed);

}  // namespace chainline::experiments
