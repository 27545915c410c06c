#pragma once

#include "experiments/data/dataset.h"
#include "experiments/data/json.h"
#include "experiments/training/evaluate.h"

namespace chainline::experiments {

/// What the question-only rule of the training split scores on the test split, in all and by kind
/// of question: {"accuracy", "questions", "kinds": {KIND: {"accuracy", "questions"}}}.
Json question_only_by_kind(const Dataset& data);

/// An evaluation on the examples of a split: accuracy with Wilson's interval, loss, and both by
/// kind of question. "marks" has a 1 or 0 for every example, for paired differences.
Json accuracy_of(const Evaluation& evaluation, const Split& split);

/// The difference in accuracy of two evaluations on the same examples, b - a, with the intervals of
/// 95 % and 90 % from drawing images with their examples anew.
///
/// **Errors** ShapeError when the examples differ in number.
Json accuracy_difference(const Json& a, const Json& b, const Split& split, std::int64_t bootstrap,
                         std::uint64_t seed);

}  // namespace chainline::experiments
