#include "experiments/trace/bisect.h"

#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/rebuild.h"

namespace chainline::experiments {
namespace {

void check_rebuilt(const RebuiltTraining& r, const std::string& name) {
  std::string sentences;
  for (const auto& [key, value] : r.trace.header.identity.items()) {
    if (r.identity.contains(key) && r.identity[key] == value) continue;
    sentences += "; " + key + identity_in_words(key) + " is now " +
                 (r.identity.contains(key) ? excerpt(r.identity[key]) : "nothing") + ", was " +
                 excerpt(value);
  }
  check<FileError>(sentences.empty(), r.trace.path.string(), ": ", name,
                   " can't be made again from it", sentences);
}

void run(const std::string& folder_a, const std::string& folder_b) {
  RebuiltTraining a = rebuild(folder_a), b = rebuild(folder_b);
  check_rebuilt(a, "A");
  check_rebuilt(b, "B");
  const auto side = [](const std::string& name, const std::string& folder, RebuiltTraining& r) {
    const std::filesystem::path checkpoint = std::filesystem::path(folder) / "checkpoint";
    return BisectSide{name,
                      r.trace,
                      r.training.model.model,
                      *r.training.train,
                      r.training.settings.training,
                      r.identity,
                      std::filesystem::exists(checkpoint) ? checkpoint : std::filesystem::path()};
  };
  const BisectSide side_a = side("A", folder_a, a), side_b = side("B", folder_b, b);
  const Bisection found = bisect(side_a, side_b);
  fmt::print("{}", describe(found, side_a, side_b));
  if (found.step > 0) throw CLI::RuntimeError(1);
}

}  // namespace

void add_bisect(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "bisect", "Name the first step, layer, op and element where two traced trainings part");
  struct Folders {
    std::string a, b;
  };
  auto folders = std::make_shared<Folders>();
  app->add_option("A", folders->a, "Folder of a run that was trained with --trace")
      ->required()
      ->check(named("a folder"));
  app->add_option("B", folders->b, "Folder of another one")->required()->check(named("a folder"));
  app->footer(
      "The records of the two are compared first. The first step that differs is then computed "
      "again in\nboth, op by op: \"added\" is a difference that an op makes from equal inputs, "
      "\"inherited\" one that\nits inputs had. Run it from the folder in which the trainings were "
      "started.\n"
      "Exit code: 0 all records are equal, 1 a step differs, 2 usage, 3 a trace or a file it needs "
      "is broken.\n\n"
      "Example:\n  chainline train --data shapes --out runs/a --steps 20 --trace\n"
      "  chainline train --data shapes --out runs/b --steps 20 --trace --watermark-rate 0.1\n"
      "  chainline bisect runs/a runs/b");
  app->callback([folders] { run(folders->a, folders->b); });
}

}  // namespace chainline::experiments
