#include "experiments/trace/replay.h"

#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/rebuild.h"

namespace chainline::experiments {
namespace {

struct ReplayCommand {
  std::string folder;
  std::optional<std::string> out, device;
  std::optional<std::int64_t> steps;

  void run() const;
};

void ReplayCommand::run() const {
  RebuiltTraining r = rebuild(folder, device);
  const auto have = static_cast<std::int64_t>(r.trace.lines.size());
  check<FileError>(have > 0, r.trace.path.string(), ": expected the lines of steps, got none");
  const std::int64_t wanted = steps.value_or(have);
  check<ValueError>(wanted <= have, "replay: steps: expected 1 .. ", have,
                    ", the steps that the trace has, got ", wanted);
  const std::vector<std::string> other =
      identity_differences(r.trace.header.identity, "the trace", r.identity, "the replay");
  if (!other.empty()) {
    fmt::print("replayed 0 steps: it is another training before the first\n");
    for (const std::string& sentence : other) fmt::print("  {}\n", sentence);
    throw CLI::RuntimeError(1);
  }
  Trainer trainer(r.training.model.model, *r.training.train, r.training.settings.training);
  std::unique_ptr<TraceWriter> copy;
  if (out) {
    std::error_code error;
    std::filesystem::create_directories(*out, error);
    check<FileError>(!error, *out, ": ", error.message());
    TraceHeader header = r.trace.header;
    header.device = describe(r.training.device);
    const std::filesystem::path path = std::filesystem::path(*out) / kTraceFile;
    check<FileError>(!std::filesystem::exists(path), path.string(),
                     ": expected no trace there yet, found one; it is not written over");
    copy = std::make_unique<TraceWriter>(path, header, 0, std::vector<std::uint64_t>());
  }
  const Replayed replayed = replay(trainer, r.trace, wanted, [&](const TraceLine& line) {
    if (copy) copy->write(line);
  });
  if (copy) copy->sync();
  fmt::print("{}", describe(replayed, r.trace));
  if (replayed.different) throw CLI::RuntimeError(1);
}

}  // namespace

void add_replay(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "replay", "Train again what a trace records, and compare every loss, gradient and weight");
  auto c = std::make_shared<ReplayCommand>();
  app->add_option("folder", c->folder, "Folder of a run that was trained with --trace")
      ->required()
      ->check(named("a folder"));
  app->add_option("--steps", c->steps, "Only the first steps (all)")->check(whole_number(1));
  app->add_option("--device", c->device,
                  "Compute on cpu or cuda, whatever the training did: in the exact class the bits "
                  "are the same")
      ->check(named("a device"));
  app->add_option("--out", c->out, "Folder for the replay's own trace.jsonl (none is kept)")
      ->check(named("a folder"));
  app->footer(
      "Run it from the folder in which the training was started: the command that the trace holds "
      "may\nname files from there. Nothing in the run's folder is changed.\n"
      "Exit code: 0 identical, 1 a step differs, 2 usage, 3 the trace or a file it needs is "
      "broken.\n\n"
      "Example:\n  chainline train --data shapes --out runs/a --steps 20 --trace\n"
      "  chainline replay runs/a");
  app->callback([c] { c->run(); });
}

}  // namespace chainline::experiments
