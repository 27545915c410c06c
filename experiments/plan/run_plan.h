#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/plan/job.h"
#include "experiments/plan/plan.h"
#include "experiments/plan/store.h"
#include "tensor/error.h"

namespace chainline::experiments {

/// A job ended otherwise than with a result. The sentence names the job, how it ended, the last
/// line that it said and the log with the rest.
class JobFailed : public Error {
 public:
  JobFailed(const std::string& sentence, int exit_code) : Error(sentence), exit_code_(exit_code) {}
  /// The job's own, or 128 and the signal that ended it, as a shell has it.
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

/// How a plan is run.
struct PlanOptions {
  int jobs = processors();     ///< that run side by side; 0: one by one, in this process
  int threads = 0;             ///< of each job's process; 0: a fair share of the processors
  std::string title = "plan";  ///< in front of each line that is shown
  std::string again = "the same command goes on from there";  ///< what helps when interrupted
  /// What starts a process that does a job: a program, and the words before those of to_arguments.
  std::vector<std::string> command = {"/proc/self/exe", "job"};

  /// Processors that this process may use, at least 1.
  static int processors();
};

/// What a call of run_plan() found and did.
struct PlanOutcome {
  std::size_t found = 0;        ///< done before, here
  std::size_t adopted = 0;      ///< done before, elsewhere
  std::size_t done_here = 0;    ///< by this call
  std::size_t done_beside = 0;  ///< by another process in the same store, meanwhile
  double seconds = 0;
};

/// Does every job of the plan that is not done, each as soon as what it needs is there, in the
/// order of next_job(): up to `jobs` processes of this program do one job each (answer_call).
/// Results are in the store then.
///
/// It may be ended at any moment, by force too, and called again: done jobs stay done, and one that
/// was under way finds its folder as it left it. Several processes may run plans in one store: no
/// job is done twice, and each waits for what another does.
///
/// SIGINT or SIGTERM: the jobs hear SIGTERM, end as they can, and Interrupted is thrown; a second
/// signal ends this process as usual. A job that fails: those that run are waited for, none is
/// started. Progress goes to standard error (plan_line), on a terminal as its last line, elsewhere
/// as a line for each job that is done.
///
/// **Errors** JobFailed, Interrupted; ValueError for a job of a kind that `kinds` lacks; FileError
/// where the store cannot be read or written; without processes (jobs = 0) the job's own error.
PlanOutcome run_plan(const Plan& plan, const Store& store, const JobKinds& kinds,
                     const PlanOptions& options);

/// The plan as a table of jobs with their states, and a line with what there is to do and how long
/// it is expected to take: by one job after the other, and by `parallel` side by side.
std::string plan_table(const Plan& plan, const Store& store, int parallel);

}  // namespace chainline::experiments
