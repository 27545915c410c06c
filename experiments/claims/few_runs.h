#pragma once

#include <vector>

#include "experiments/claims/trial.h"

namespace chainline::experiments {

/// Leaves trials open that rest on fewer runs than a spread can be told from, whatever their
/// intervals say, and says so.
void leave_open_of_few_runs(std::vector<Trial>& trials);

/// Adds to what a trial says of itself.
void add_note(Trial& trial, const std::string& note);

}  // namespace chainline::experiments
