#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/training/line_file.h"
#include "experiments/training/trainer.h"

namespace chainline::experiments {

/// A line of a training's log.
struct LogLine {
  StepRecord record;
  double samples_per_second = 0;
};

/// log.jsonl: a header, {"format": "chainline training log", "version": 1, ...}, then one object a
/// step with step, loss, gradient_norm, learning_rate, samples, tokens and samples_per_second.
/// Floats have the fewest digits that give them back.
class TrainingLog {
 public:
  /// Opens the log of a run that goes on after `steps` steps, 0 for a new one. Lines of later
  /// steps, which a killed run wrote after its last checkpoint, are cut off.
  ///
  /// **Errors** FileError when the lines of the first `steps` steps are not all there.
  TrainingLog(const std::filesystem::path& path, const Json& header, std::int64_t steps);

  void write(const LogLine& line);
  /// Brings what was written to the disk.
  void sync() { file_.sync(); }

 private:
  LineFile file_;
};

/// The lines of a log without its header.
///
/// **Errors** FileError naming file and line for what TrainingLog doesn't write. A last line
/// without its end, as a kill leaves it, is not one.
std::vector<LogLine> read_log(const std::filesystem::path& path);

}  // namespace chainline::experiments
