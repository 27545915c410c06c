#include <fmt/core.h>

#include <algorithm>

#include "experiments/plan/plan_progress.h"
#include "experiments/plan/run_plan.h"
#include "experiments/program/text_table.h"
#include "experiments/training/terminal.h"

namespace chainline::experiments {
namespace {

const char* word_for(JobState state) {
  switch (state) {
    case JobState::finished:
      return "finished";
    case JobState::adopted:
      return "adopted";
    case JobState::ready:
      return "ready";
    case JobState::waiting:
      return "waiting";
  }
  return "";
}

}  // namespace

std::string plan_table(const Plan& plan, const Store& store, int parallel) {
  const std::vector<JobState> states = job_states(plan, store);
  std::vector<std::vector<std::string>> rows;
  std::vector<bool> done(plan.size());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    done[i] = states[i] == JobState::finished || states[i] == JobState::adopted;
    rows.push_back({plan.job(i).name, plan.job(i).kind,
                    store.folder_of(plan.key(i)).filename().string(),
                    duration_text(plan.job(i).weight), word_for(states[i])});
  }
  const auto count = [&](JobState state) {
    return std::count(states.begin(), states.end(), state);
  };
  PlanProgress p = progress_of(plan, done, {}, {});
  std::string text = text_table({{"job"}, {"kind"}, {"key"}, {"time", true}, {"state"}}, rows) +
                     fmt::format("\n{} jobs: {} finished, {} adopted, {} ready, {} waiting\n",
                                 plan.size(), count(JobState::finished), count(JobState::adopted),
                                 count(JobState::ready), count(JobState::waiting));
  if (p.done == p.jobs) return text;
  text += "left: about " + duration_text(p.weight - p.weight_done) + " of work";
  p.parallel = std::max(parallel, 1);
  if (parallel > 1)
    text += fmt::format(", {} with {} jobs at a time", duration_text(seconds_left(p)), parallel);
  return text + "\n";
}

}  // namespace chainline::experiments
