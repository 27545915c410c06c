#include "experiments/program/rebuild.h"

#include <algorithm>

#include "experiments/data/paths.h"
#include "experiments/training/kernel_choices.h"
#include "tensor/backend.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

Trace trace_in(const fs::path& folder) {
  const fs::path path = folder / kTraceFile;
  check<FileError>(fs::exists(path), path.string(),
                   ": expected the trace of a training (chainline train --trace), found none");
  return read_trace(path);
}

/// The options of the recorded words, with nothing run.
TrainOptions options_of(const Trace& trace) {
  const std::string where = trace.path.string();
  std::vector<std::string> words = trace.header.origin.command;
  check<FileError>(!words.empty(), where,
                   ": it does not say how its training was started, so only the program that "
                   "started it can run it again");
  TrainOptions options;
  CLI::App program{""};
  program.require_subcommand(1);
  program.fallthrough();
  int threads = 0;  // as in chainline.cpp; the results do not depend on it
  program.add_option("--threads", threads);
  options.add_to(*program.add_subcommand("train", ""));
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    program.parse(words);
  } catch (const CLI::ParseError& e) {
    throw FileError(where + ": command: expected the words of chainline train, got " +
                    excerpt(Json(trace.header.origin.command)) + ": " + e.what());
  }
  return options;
}

void check_files(const Trace& trace) {
  for (const auto& [path, sha256] : trace.header.origin.files) {
    const std::string now = sha256_file_hex(path);
    check<FileError>(now == sha256, path,
                     ": expected the file that the training read, with SHA-256 ", sha256, ", got ",
                     now);
  }
}

}  // namespace

RebuiltTraining rebuild(const fs::path& folder, const std::optional<std::string>& device) {
  Trace trace = trace_in(folder);
  TrainOptions options = options_of(trace);
  if (device) options.device.name = *device;
  check_files(trace);
  PreparedTraining training = options.prepare();
  const fs::path kernels = folder / "checkpoint" / "kernels.json";
  if (training.settings.training.math == Math::fast && fs::exists(kernels)) {
    const std::vector<std::byte> bytes = read_file(kernels, kMaxJsonBytes);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    cuda::backend(training.device.index)
        .set_kernel_choices(kernel_choices_from(text, kernels.string()));
  }
  Json identity = training_identity(training.model.model, *training.train,
                                    training.settings.training, training.plan);
  return {std::move(trace), std::move(training), std::move(identity)};
}

}  // namespace chainline::experiments
