#pragma once

#include <CLI/CLI.hpp>

#include "experiments/plan/job.h"

namespace chainline::experiments {

/// Adds the subcommand `job`, by which run_plan() starts a process for each job. It is not among
/// those that the help lists, but a job that failed can be done again by it, alone:
///
///     chainline job out/runs/0123456789abcdef
void add_job(CLI::App& program, const JobKinds& kinds);

}  // namespace chainline::experiments
