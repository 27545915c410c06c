#pragma once

#include <string>
#include <vector>

#include "experiments/plan/job.h"
#include "experiments/plan/plan.h"
#include "experiments/study/run_job.h"
#include "experiments/study/study.h"

namespace chainline::experiments {

/// The fine-tunings of a study, in the order in which they are wanted: first those that the primary
/// endpoint needs, seed by seed, so that a study that is cut short has few seeds of everything
/// rather than all seeds of something.
std::vector<RunSpec> runs_of(const Study& study);

/// All jobs: the stages of the base, the runs, the gradient studies and the twins.
std::vector<Job> jobs_of(const Study& study);

/// The same with study.data, which lies in files, known by its content (Dataset::sha256): the study
/// goes on where it was when they have moved, and begins anew when they have changed.
std::vector<Job> jobs_of(const Study& study, const std::string& data_sha256);

/// The functions that do them.
JobKinds study_kinds();

}  // namespace chainline::experiments
