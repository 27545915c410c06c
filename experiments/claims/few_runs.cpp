#include "experiments/claims/few_runs.h"

#include <fmt/core.h>

#include <cmath>

#include "experiments/claims/thresholds.h"

namespace chainline::experiments {

void add_note(Trial& trial, const std::string& note) {
  trial.note += (trial.note.empty() ? "" : "; ") + note;
}

void leave_open_of_few_runs(std::vector<Trial>& trials) {
  for (Trial& trial : trials) {
    if (trial.runs >= kFewestRuns || !std::isfinite(trial.mean)) continue;
    // correct_trials() has done so.
    if (std::isfinite(trial.minimum) || !trial.per_run.empty()) continue;
    trial.answer = Answer::open;
    add_note(trial, fmt::format("{} run{}, where {} are the fewest", trial.runs,
                                trial.runs == 1 ? "" : "s", kFewestRuns));
  }
}

}  // namespace chainline::experiments
