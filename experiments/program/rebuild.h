#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "experiments/program/train_options.h"
#include "experiments/training/trace.h"

namespace chainline::experiments {

/// A training made again from what its trace says: data, first weights and settings.
struct RebuiltTraining {
  Trace trace;
  PreparedTraining training;
  Json identity;  ///< training_identity(), as it is now
};

/// Reads folder/trace.jsonl and does what `chainline train` did before its first step, from the
/// present folder, with the settings files that it names, unless they have changed. With a device,
/// on that one. A training with fast arithmetic takes the kernels of its checkpoint.
///
/// **Errors** FileError for a trace that is missing or broken, that doesn't say how its training was
/// started, or whose settings files are other ones now; those of TrainOptions::prepare
RebuiltTraining rebuild(const std::filesystem::path& folder,
                        const std::optional<std::string>& device = std::nullopt);

}  // namespace chainline::experiments
