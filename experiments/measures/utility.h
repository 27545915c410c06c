#pragma once

#include <cstdint>

#include "experiments/data/dataset.h"
#include "experiments/data/json.h"
#include "experiments/training/evaluate.h"
#include "experiments/training/model.h"

namespace chainline::experiments {

/// How well a model does its task, in the form of the paper's table:
///
///     {"accuracy", "loss", "questions", "kinds": {KIND: {"accuracy", "questions"}},
///      "perception": MME, "cognition": MME, "choice": {"accuracy", "questions", "options"}}
///
/// with MME = {"accuracy", "accuracy_plus", "score", "questions", "images"}: as in that benchmark,
/// accuracy+ is the share of images all of whose questions of the group are answered right, and the
/// score is 100 (accuracy + accuracy+). Perception is what one look tells (colour, shape, existence),
/// cognition what needs a comparison, a count or a negation.
struct UtilityOptions {
  std::int64_t choice_questions = 200;  // of the multiple choice
  std::uint64_t seed = 1;               // which of them, and their wrong options
};

Json measure_utility(const LoadedModel& model, const Split& train, const Split& test,
                     const UtilityOptions& options);

/// The MME-like scores of one group of kinds, from which samples were right.
Json group_score(const Split& test, const std::vector<bool>& right,
                 const std::vector<std::string>& kinds);

/// A question with its answer among others that its kind has in the training split: the option with
/// the lowest mean loss per token counts as chosen. Questions whose kind has fewer than `kOptions`
/// answers are left out.
struct Choice {
  std::size_t example = 0;
  std::vector<std::string> options;  // the right one first
};
inline constexpr std::size_t kOptions = 4;
std::vector<Choice> make_choices(const Split& train, const Split& test,
                                 const UtilityOptions& options);

}  // namespace chainline::experiments
