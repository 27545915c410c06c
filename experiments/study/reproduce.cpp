#include "experiments/study/reproduce.h"

#include <fmt/core.h>
#include <sys/resource.h>

#include <map>
#include <span>

#include "experiments/analysis/analysis.h"
#include "experiments/analysis/utility.h"
#include "experiments/claims/claims.h"
#include "experiments/data/paths.h"
#include "experiments/pages/study_report.h"
#include "experiments/study/study_plan.h"
#include "experiments/study/world.h"
#include "experiments/training/manifest.h"

namespace chainline::experiments {
namespace {

void write_json(const std::filesystem::path& path, const Json& value) {
  const std::string text = value.dump(1) + "\n";
  write_atomically(path, std::as_bytes(std::span(text)));
}

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// The built-in data follow from their spec, and all else from what its files hold.
Plan plan_of(const Study& study) {
  if (study.data.rfind("shapes", 0) == 0) return Plan(jobs_of(study));
  return Plan(jobs_of(study, load_dataset(study.data).sha256));
}

/// What the store has of the plan's jobs, sorted by what they are.
struct Gathered {
  StudyResults results;
  std::size_t missing = 0;
  double seconds = 0;  // that the jobs took, whenever and wherever
};

Gathered gather(const Study& study, const Plan& plan, const Store& store, const Split& test,
                const std::string& command) {
  Gathered all;
  all.results.study = to_json(study);
  std::map<std::string, std::size_t> planned;
  for (std::size_t i = 0; i < plan.size(); ++i) ++planned[plan.job(i).kind];
  // A gradient job compares at two checkpoints.
  all.results.study["planned"] = {{"bases", 1},
                                  {"runs", planned["run"]},
                                  {"gradients", 2 * planned["gradients"]},
                                  {"twins", planned["twins"]}};
  all.results.study["command"] = command;
  all.results.study["constant_accuracy"] = constant_accuracy(test);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const Job& job = plan.job(i);
    const std::string& key = plan.key(i);
    if (!store.is_finished(key) && !store.is_adopted(key, false)) {
      ++all.missing;
      continue;
    }
    StoredResult stored = store.read(key);
    all.seconds += stored.seconds;
    Json& result = stored.result;
    if (job.kind == "base" || job.kind == "reading") {
      // One entry for the base that is fine-tuned: how the last stage was trained, and what it reads.
      if (all.results.bases.empty()) all.results.bases.push_back(Json::object());
      all.results.bases.back().update(result);
    } else if (job.kind == "run") {
      all.results.runs.push_back(std::move(result));
    } else if (job.kind == "gradients") {
      for (Json& at : result.at("studies")) {
        at["run"] = result.at("run");
        all.results.gradients.push_back(std::move(at));
      }
    } else {
      all.results.twins.push_back(std::move(result));
    }
  }
  return all;
}

}  // namespace

std::string reproduction_plan(const ReproduceOptions& options) {
  const Plan plan = plan_of(options.study);
  return plan_table(plan, Store(options.out / "runs", options.adopted), options.jobs);
}

Reproduction reproduce(const ReproduceOptions& options) {
  check<ValueError>(!options.out.empty(), "reproduce: out: expected a folder, got none");
  Manifest manifest;
  manifest.started = time_now();
  manifest.command = options.command;
  manifest.device = options.study.device;
  manifest.seeds = {{"study", options.study.seed}};
  manifest.config = to_json(options.study);
  std::filesystem::create_directories(options.out);

  const Plan plan = plan_of(options.study);
  const Store store(options.out / "runs", options.adopted);
  const auto keep = [&] {
    if (!options.keep.empty()) write_results(plan, store, options.keep);
  };
  Reproduction done;
  if (!options.report_only) {
    PlanOptions running;
    running.jobs = options.jobs;
    running.title = "reproduce";
    try {
      done.outcome = run_plan(plan, store, study_kinds(), running);
    } catch (...) {  // interrupted, or a job failed: what is done is kept all the same
      keep();
      throw;
    }
  }
  keep();
  const World world(options.study);
  const Gathered gathered = gather(options.study, plan, store, world.test_split(), options.command);
  done.missing = gathered.missing;

  manifest.set_data(options.study.data, world.data());
  AnalysisOptions analysis(options.study.seed);
  analysis.replicates = options.study.bootstrap;
  Json results = {{"study", to_json(options.study)},
                  {"data",
                   {{"spec", options.study.data},
                    {"name", world.data().name},
                    {"licence", world.data().licence},
                    {"sha256", world.data().sha256}}},
                  {"jobs", {{"all", plan.size()}, {"missing", gathered.missing}}},
                  {"command", options.command}};
  results["analysis"] = analyse(gathered.results, analysis);
  results["gates"] = judge_gates(results["analysis"]);
  results["claims"] = judge_claims(results["analysis"], results["gates"], options.command);
  write_json(options.out / "runs.json", to_json(gathered.results));
  write_json(options.out / "results.json", results);
  manifest.outputs["results.json"] = options.out / "results.json";
  manifest.outputs["runs.json"] = options.out / "runs.json";
  manifest.metrics = {{"job_seconds", gathered.seconds},
                      {"this_call_seconds", done.outcome.seconds},
                      {"peak_memory_mib", peak_memory_mib()}};
  write_manifest(options.out, manifest);
  done.report = options.out / "report.html";
  const Report report =
      study_report(results, gathered.results, to_json(manifest), world, options.study);
  write_report(done.report, report);
  export_figures(report, options.out / "figures", options.copies);
  done.results = std::move(results);
  return done;
}

}  // namespace chainline::experiments
