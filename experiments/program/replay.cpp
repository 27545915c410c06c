#include "experiments/trace/replay.h"

#include <fmt/core.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "experiments/plan/job.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/rebuild.h"
#include "experiments/study/study_plan.h"
#include "experiments/trace/difference.h"
#include "experiments/training/terminal.h"

namespace chainline::experiments {
namespace {

struct ReplayCommand {
  std::string folder;
  std::optional<std::string> out, device;
  std::optional<std::int64_t> steps;

  std::vector<std::string> adopted;

  void run() const;
  void run_job() const;
};

/// A folder that is gone with its owner.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "chainline-replay-XXXXXX").string();
    check<FileError>(mkdtemp(name.data()) != nullptr, name,
                     ": cannot be made: ", std::strerror(errno));
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code none;
    std::filesystem::remove_all(path_, none);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The first step in which two trainings part; nothing where one of them left no trace, or they don't.
void print_parting(const std::filesystem::path& then, const std::filesystem::path& now) {
  if (!std::filesystem::exists(then / kTraceFile) || !std::filesystem::exists(now / kTraceFile))
    return;
  const Trace a = read_trace(then / kTraceFile), b = read_trace(now / kTraceFile);
  for (std::size_t i = 0; i < std::min(a.lines.size(), b.lines.size()); ++i) {
    const LineDifference d = difference(a.lines[i], b.lines[i]);
    if (!d.any()) continue;
    fmt::print("  step {} is the first that differs\n{}", a.lines[i].step,
               describe(d, a.lines[i], "the run", b.lines[i], "the replay", a.header.parameters));
    return;
  }
}

/// A job of a study is done again as a whole.
void ReplayCommand::run_job() const {
  check<ValueError>(!out && !device && !steps, "replay: ", folder,
                    ": expected no --out, --device or --steps for a job of a study, which is done "
                    "again as a whole");
  std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // "runs/KEY16/"
  const std::filesystem::path runs = path.has_parent_path() ? path.parent_path() : ".";
  const Store store(runs, {adopted.begin(), adopted.end()});
  const ScratchFolder scratch;
  StatusLine line;
  const JobReplay replayed =
      replay_job(store, path, scratch.path(), study_kinds(), [&](double share) {
        if (line.exists())
          line.draw(
              line_with_bar("replay", share, fmt::format("{:.0f} %", 100 * share), line.columns()));
      });
  line.clear();
  if (!replayed.same_code)
    fmt::print("{} was done by other code than this program's\n", replayed.name);
  if (replayed.differences.empty()) {
    fmt::print("replayed {}: identical\n", replayed.name);
    return;
  }
  fmt::print("replayed {}: {} values of its result differ\n", replayed.name,
             replayed.differences.size());
  for (std::size_t i = 0; i < std::min<std::size_t>(replayed.differences.size(), 5); ++i) {
    const Json& change = replayed.differences[i];
    fmt::print("  {}: {}\n", change.at("path").get<std::string>(),
               change.contains("value") ? "now " + excerpt(change["value"]) : "is gone");
  }
  print_parting(path, scratch.path());
  throw CLI::RuntimeError(1);
}

void ReplayCommand::run() const {
  if (std::filesystem::exists(std::filesystem::path(folder) / "job.json")) return run_job();
  check<ValueError>(adopted.empty(), "replay: adopt: expected it with a job of a study, got ",
                    folder, ", which is none");
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
      "replay", "Do again what a trace or a study's job records, and compare every bit");
  auto c = std::make_shared<ReplayCommand>();
  app->add_option("folder", c->folder,
                  "Folder of a run that was trained with --trace, or of a job of a study")
      ->required()
      ->check(named("a folder"));
  app->add_option("--steps", c->steps, "Only the first steps (all)")->check(whole_number(1));
  app->add_option("--device", c->device,
                  "Compute on cpu or cuda, whatever the training did: in the exact class the bits "
                  "are the same")
      ->check(named("a device"));
  app->add_option("--out", c->out, "Folder for the replay's own trace.jsonl (none is kept)")
      ->check(named("a folder"));
  app->add_option(
         "--adopt", c->adopted,
         "For a job: results that it needs, where they are not beside it (as in reproduce)")
      ->take_all()
      ->expected(1)
      ->check(named("a folder or a file"));
  app->footer(
      "Of a run each step is compared, and the first that differs named. Of a job of a study "
      "(OUT/runs/KEY)\nit is the whole result, which has the hash chain of its training's trace in "
      "it.\n\n"
      "Run it from the folder in which the training was started: the command that the trace holds "
      "may\nname files from there. Nothing in the run's folder is changed.\n"
      "Exit code: 0 identical, 1 a step differs, 2 usage, 3 the trace or a file it needs is "
      "broken.\n\n"
      "Example:\n  chainline train --data shapes --out runs/a --steps 20 --trace\n"
      "  chainline replay runs/a\n\n"
      "  chainline reproduce --scale smoke --out out/smoke\n"
      "  chainline replay out/smoke/runs/3f2a...");
  app->callback([c] { c->run(); });
}

}  // namespace chainline::experiments
