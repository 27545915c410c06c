#pragma once

#include "experiments/pages/page.h"

namespace chainline::experiments {

/// Accuracy by kind of question: which of them there is skill in that could be lost.
void add_kinds(const StudyPage& page, Part& part);

/// The clean trainings by which the learning rates were chosen.
void add_sweep(const StudyPage& page, Part& part);

}  // namespace chainline::experiments
