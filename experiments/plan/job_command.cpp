#include "experiments/plan/job_command.h"

#include <memory>
#include <string>
#include <vector>

namespace chainline::experiments {

void add_job(CLI::App& program, const JobKinds& kinds) {
  CLI::App* c = program.add_subcommand("job", "Do one job of a plan: the one in this folder");
  c->group("");  // hidden
  auto call = std::make_shared<JobCall>();
  c->add_option("folder", call->folder, "The job's folder")->required();
  c->add_option("--lock", call->lock, "The open file of the folder's lock, which the caller has");
  c->add_option("--adopt", call->adopted, "A folder of results that count as done")
      ->take_all()
      ->expected(1);
  c->callback([call, kinds] { answer_call(*call, kinds); });
}

}  // namespace chainline::experiments
