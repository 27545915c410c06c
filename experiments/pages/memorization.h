#pragma once

#include <string>

#include "experiments/pages/page.h"

namespace chainline::experiments {

/// What a limit of an attack's rates or of epsilon takes for granted.
inline constexpr const char* kTrials =
    "Such a limit takes every user of every run for a trial of its own. But IN and OUT are dealt "
    "within pairs, and the same users are in all runs, so that it is less sure than it says.";

/// How the intervals of effects are made.
std::string effect_intervals(const StudyPage& page);

/// The figures of what a model answers when it is asked: for the answer that a linked user stands
/// for, by gamma, and whether it has seen the user.
void add_preference(const StudyPage& page, Part& part);
void add_prompt(const StudyPage& page, Part& part);
/// What training with noise leaves of the effects, and what it costs. `attacked`: whether attacks
/// stand before it.
void add_privacy(const StudyPage& page, bool attacked, Part& part);

}  // namespace chainline::experiments
