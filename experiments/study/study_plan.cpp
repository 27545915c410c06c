#include "experiments/study/study_plan.h"

#include <algorithm>
#include <cmath>

#include "experiments/study/base_job.h"
#include "experiments/study/gradient_job.h"
#include "experiments/study/reading_job.h"
#include "experiments/study/twin_job.h"

namespace chainline::experiments {
namespace {

/// Seconds that one process was seen to take at the cpu scale; another scale's are wrong by a factor
/// that is the same for all, and so cancels from what is left.
constexpr double kBaseSecondsAStep = 0.15, kReadingSeconds = 27, kRunSeconds = 60,
                 kUserSeconds = 50, kUtilitySeconds = 38, kPrivateSeconds = 240,
                 kGradientSeconds = 450, kTwinSeconds = 120;

/// Whether a primary condition's plain runs, and so this one, are in the plan.
bool has_run(const Study& study, const RunSpec& spec) {
  return std::find(study.primary.begin(), study.primary.end(), spec.condition) !=
         study.primary.end();
}

/// The positive controls, and what L-0.4 is compared with, have as many seeds as the primary
/// conditions: what they fail to show, nothing can refute.
bool is_control(const std::string& condition) {
  return condition == "T" || condition == "L-0.4" || condition == "L-0";
}

Job run_job(const Study& study, const RunSpec& spec, const std::string& base) {
  Job job;
  job.name = spec.name();
  job.kind = "run";
  job.config = {{"study", part_of(study, StudyPart::run)}, {"run", to_json(spec)}};
  job.needs = {base};
  for (const char* code : kTransferTo) {
    RunSpec from = spec;
    from.condition = kTransferFrom;
    if (spec.condition == code && spec.measures == "all" && has_run(study, from))
      job.needs.push_back(from.name());
  }
  job.weight = spec.private_noise > 0     ? kPrivateSeconds  // sample by sample
               : spec.measures == "all"   ? kRunSeconds
               : spec.measures == "users" ? kUserSeconds
                                          : kUtilitySeconds;
  return job;
}

/// The learning rates of the three rules at a batch size, as factors, each once.
std::vector<double> rule_factors(const GridSettings& grid, std::int64_t batch) {
  const double x = static_cast<double>(batch) / static_cast<double>(grid.reference);
  if (x == 1) return {1};
  return {1, x, std::sqrt(x)};
}

void add_grid(const Study& study, std::uint32_t seed, std::vector<RunSpec>& runs) {
  for (const char* optimizer : {"adamw", "sgd"})
    for (const std::int64_t batch : study.grid.batch_sizes)
      for (const double factor : rule_factors(study.grid, batch))
        // The clean run with the same numbers is what the other's change is measured from.
        for (const char* condition : {"C0", "W100"}) {
          RunSpec spec;
          spec.condition = condition;
          spec.run = seed;
          spec.optimizer = optimizer;
          spec.batch = batch;
          spec.rate_factor = factor;
          spec.lora_rank = study.lora_rank;
          spec.measures = "users";
          runs.push_back(spec);
        }
}

}  // namespace

std::vector<RunSpec> runs_of(const Study& study) {
  std::vector<RunSpec> runs;
  RunSpec plain;
  plain.batch = study.tune.batch;
  plain.lora_rank = study.lora_rank;
  const auto seeds = static_cast<std::uint32_t>(study.primary_seeds);
  const auto few = static_cast<std::uint32_t>(study.other_seeds);
  for (std::uint32_t seed = 0; seed < seeds; ++seed) {
    const auto add = [&](const std::string& condition, const auto& change) {
      RunSpec spec = plain;
      spec.condition = condition;
      spec.run = seed;
      change(spec);
      runs.push_back(spec);
    };
    for (const std::string& code : study.primary)
      add(code, [&](RunSpec& spec) { spec.projections = seed < few; });
    for (const std::string& code : study.others)
      if (seed < few || is_control(code))
        add(code, [&](RunSpec& spec) { spec.projections = code == "T" && seed < few; });
    if (seed >= few) continue;
    for (const std::string& code : study.full)
      add(code, [](RunSpec& spec) { spec.tuning = "full"; });
    for (const std::string& mix : study.mixes)
      for (const char* code : {"C0", "W50", "W100"}) {
        if (mix == "general") continue;  // those are among the runs above
        add(code, [&](RunSpec& spec) {
          spec.mix = mix;
          spec.measures = "utility";
        });
      }
    for (const double factor : seed == 0 ? study.sweep : std::vector<double>())
      for (const char* tuning : {"lora", "full"})
        add("C0", [&](RunSpec& spec) {
          spec.tuning = tuning;
          spec.rate_factor = factor;
          spec.measures = "utility";
        });
    // Clipping by user is computed on the CPU alone (TrainingConfig).
    for (const double noise : study.device == "cpu" ? study.private_noise : std::vector<double>())
      add("T", [&](RunSpec& spec) {
        spec.private_noise = noise;
        spec.measures = "users";
      });
    if (seed < study.grid.seeds) add_grid(study, seed, runs);
  }
  return runs;
}

std::vector<Job> jobs_of(const Study& study) {
  std::vector<Job> jobs;
  std::string base;
  for (const BaseStage& stage : study.base) {
    Job job;
    job.name = "base/" + std::to_string(jobs.size() + 1);
    job.kind = "base";
    // A stage on another data set is that data set's own base: the two studies share it.
    Study own = study;
    own.data = stage.data;
    job.config = {{"study", part_of(own, StudyPart::base)}, {"stage", to_json(stage)}};
    if (!base.empty()) job.needs = {base};
    job.weight = kBaseSecondsAStep * static_cast<double>(stage.training.steps);
    job.files_needed = true;
    job.code = training_code_version();
    base = job.name;
    jobs.push_back(std::move(job));
  }
  Job reading;
  reading.name = "reading";
  reading.kind = "reading";
  reading.config = {{"study", part_of(study, StudyPart::base)}};
  reading.needs = {base};
  reading.weight = kReadingSeconds;
  jobs.push_back(reading);
  std::vector<Job> last;
  for (std::uint32_t seed = 0; seed < static_cast<std::uint32_t>(study.other_seeds); ++seed) {
    Job job;
    job.name = "gradients/" + std::to_string(seed);
    job.kind = "gradients";
    job.config = {{"study", part_of(study, StudyPart::gradients)}, {"run", seed}};
    job.needs = {base};
    job.weight = kGradientSeconds;
    last.push_back(job);
    job.name = "twins/" + std::to_string(seed);
    job.kind = "twins";
    job.config = {{"study", part_of(study, StudyPart::run)},
                  {"run", seed},
                  {"samples", study.twin_samples},
                  {"lora_rank", study.lora_rank}};
    job.weight = kTwinSeconds;
    last.push_back(job);
  }
  for (const RunSpec& spec : runs_of(study)) {
    // The first seed's gradients and twins come before the second seed's runs.
    if (spec.run > 0 && !last.empty()) {
      jobs.insert(jobs.end(), last.begin(), last.end());
      last.clear();
    }
    jobs.push_back(run_job(study, spec, base));
  }
  jobs.insert(jobs.end(), last.begin(), last.end());
  return jobs;
}

std::vector<Job> jobs_of(const Study& study, const std::string& data_sha256) {
  const std::string name = study.data.substr(0, study.data.find(':')) + ":sha256=" + data_sha256;
  Study named = study;
  named.data = name;
  for (BaseStage& stage : named.base)
    if (stage.data == study.data) stage.data = name;
  std::vector<Job> jobs = jobs_of(named);
  for (Job& job : jobs) job.places = {{name, study.data}};
  return jobs;
}

JobKinds study_kinds() {
  const auto study_of = [](const JobContext& job) {
    return study_from(member(job.config, "study", job.name), job.name + ": study");
  };
  const auto base_of = [](const JobContext& job) {
    check<ValueError>(!job.needs.empty(), "job ", job.name, ": expected a base, got no needs");
    check<FileError>(!job.needs[0].folder.empty(), "job ", job.name, ": expected the folder of ",
                     job.needs[0].name, " with its weights, got its result alone");
    return job.needs[0].folder;
  };
  JobKinds kinds;
  kinds["base"] = [=](const JobContext& job) {
    return do_base(study_of(job), base_stage_from(member(job.config, "stage", job.name), job.name),
                   job.folder, job.needs.empty() ? std::filesystem::path() : base_of(job),
                   job.progress);
  };
  kinds["reading"] = [=](const JobContext& job) { return do_reading(study_of(job), base_of(job)); };
  kinds["run"] = [=](const JobContext& job) {
    return do_run(study_of(job), run_spec_from(member(job.config, "run", job.name), job.name),
                  job.folder, base_of(job), job.needs.size() > 1 ? &job.needs[1].result : nullptr,
                  job.progress);
  };
  kinds["gradients"] = [=](const JobContext& job) {
    const auto run = static_cast<std::uint32_t>(integer_member(job.config, "run", job.name));
    return do_gradients(study_of(job), run, job.folder, base_of(job), job.progress);
  };
  kinds["twins"] = [=](const JobContext& job) {
    TwinSpec spec;
    spec.run = static_cast<std::uint32_t>(integer_member(job.config, "run", job.name));
    spec.samples = integer_member(job.config, "samples", job.name);
    spec.lora_rank = integer_member(job.config, "lora_rank", job.name);
    return do_twins(study_of(job), spec, base_of(job), job.progress);
  };
  return kinds;
}

}  // namespace chainline::experiments
