#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/plan/run_plan.h"
#include "experiments/report/export.h"
#include "experiments/study/study.h"

namespace chainline::experiments {

struct ReproduceOptions {
  Study study;
  std::filesystem::path out;
  std::vector<std::filesystem::path> adopted;  // results of earlier sittings, read only
  std::filesystem::path keep;  // a file for all results, to be adopted elsewhere; "" for none
  int jobs = PlanOptions::processors();
  bool report_only = false;     // of what is there; no job is started
  Copies copies = Copies::svg;  // of the figures, besides those in the report
  std::string command;          // how it was called, for the report
};

/// What reproduce() did.
struct Reproduction {
  std::filesystem::path report;
  Json results;
  PlanOutcome outcome;
  std::size_t missing = 0;  // jobs without a result
};

/// The paper's experiments with their controls, from data to report:
///
///     out/runs/KEY16     a job each: its result and its log (Store)
///     out/results.json   study, gates, claims and every figure's numbers
///     out/runs.json      what the jobs gave, one result each, which results.json follows from
///     out/manifest.json  what is needed to do it again, and what it took
///     out/report.html
///     out/figures/       each figure as a file of its own
///
/// It may be killed at any moment and goes on where it was. What follows from results is computed
/// anew each time.
///
/// **Errors** those of run_plan, of the jobs, and of writing.
Reproduction reproduce(const ReproduceOptions& options);

/// The table of jobs with their states, and the time that they are expected to take.
std::string reproduction_plan(const ReproduceOptions& options);

}  // namespace chainline::experiments
