#include <fmt/core.h>

#include <cstdio>

#include "experiments/program/commands.h"
#include "experiments/program/memory_report.h"
#include "experiments/program/train_options.h"
#include "experiments/training/evaluate.h"
#include "experiments/training/manifest.h"
#include "experiments/training/progress.h"
#include "experiments/watermark/ledger.h"
#include "tensor/memory_ledger.h"

namespace chainline::experiments {
namespace {

void train(const TrainOptions& options) {
  Manifest manifest;
  manifest.command = command_line();
  manifest.started = time_now();
  std::optional<MemoryLedger> holders;
  if (options.memory) holders.emplace();
  PreparedTraining t = options.prepare();
  RunPlan& plan = t.plan;
  if (options.trace) {
    std::vector<std::string> words = command_words();
    if (!words.empty()) words.erase(words.begin());
    plan.trace = options.origin(std::move(words));
  }
  manifest.device = describe(t.device);
  const bool fast = t.settings.training.math == Math::fast;
  if (fast) manifest.determinism = "repeatable";
  manifest.set_data(options.data, t.data);

  const TrainedRun run = train_run(t.model.model, *t.train, t.settings.training, plan);
  const std::string report = holders ? memory_report(holders->peak(), run) : "";
  holders.reset();

  const Evaluation test = evaluate(t.model.model, *t.test);
  const double rule = question_only_accuracy(t.data);
  manifest.seeds = {{"training", t.settings.training.seed},
                    {"watermark", t.settings.watermark.spec.seed}};
  manifest.config = to_json(t.settings);
  manifest.config["freeze"] = options.freeze;
  manifest.config["from"] = options.from;
  manifest.outputs["log.jsonl"] = plan.folder / "log.jsonl";
  manifest.outputs["checkpoint/manifest.json"] = plan.folder / "checkpoint" / "manifest.json";
  if (t.watermarker) {
    Ledger ledger = open_ledger(*t.watermarker);
    ledger.lines = t.train->cards();
    write_ledger(plan.folder / "ledger.jsonl", ledger);
    write_people(plan.folder / "people.jsonl", t.watermarker->people());
    manifest.outputs["ledger.jsonl"] = plan.folder / "ledger.jsonl";
    manifest.outputs["people.jsonl"] = plan.folder / "people.jsonl";
  }
  if (fast) {
    manifest.outputs["checkpoint/kernels.json"] = plan.folder / "checkpoint" / "kernels.json";
  }
  if (plan.trace) manifest.outputs[kTraceFile] = plan.folder / kTraceFile;
  manifest.hashes = {{"weights", run.weights_sha256}, {"samples", t.train->sha256()}};
  manifest.metrics = {{"steps", run.steps},
                      {"training_seconds", run.seconds},
                      {"share_waited_for_data", run.share_waited()},
                      {"test_accuracy", test.accuracy()},
                      {"test_loss", test.loss},
                      {"test_questions", test.questions},
                      {"question_only_accuracy", rule}};
  write_manifest(plan.folder, manifest);

  if (t.device != kCpu) fmt::print("device           {}\n", manifest.device);
  fmt::print("steps            {}\n", run.steps);
  fmt::print("test accuracy    {:.1f} % of {} questions (the question-only rule has {:.1f} %)\n",
             100 * test.accuracy(), test.questions, 100 * rule);
  fmt::print("waited for data  {:.2f} % of {} in steps\n", 100 * run.share_waited(),
             duration_text(run.seconds_here));
  fmt::print("weights sha256   {}\n", run.weights_sha256);
  if (plan.trace) {
    const double share = run.seconds_here > 0 ? run.seconds_traced / run.seconds_here : 0;
    fmt::print("trace            {}, for {:.1f} % more time than the steps take\n",
               (plan.folder / kTraceFile).string(), 100 * share);
  }
  fmt::print("checkpoint       {}\n", (plan.folder / "checkpoint").string());
  if (!report.empty()) fmt::print("\n{}", report);
}

}  // namespace

void add_train(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "train", "Train a model, or go on with a training that was interrupted");
  auto options = std::make_shared<TrainOptions>();
  options->add_to(*app);
  app->footer(
      "Example:\n  chainline train --data shapes --out runs/half --watermark-rate 0.5 --seed 1");
  app->callback([options] { train(*options); });
}

}  // namespace chainline::experiments
