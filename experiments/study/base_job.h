#pragma once

#include <filesystem>
#include <functional>

#include "experiments/data/json.h"
#include "experiments/study/study.h"
#include "experiments/training/model.h"
#include "experiments/training/run.h"

namespace chainline::experiments {

/// Trains a base stage, from scratch or from the base of the stage before: {"parameters", "train"}.
/// The checkpoint stays in `folder`. Readers alone are on its cards: no user, third or stranger has
/// been seen yet.
Json do_base(const Study& study, const BaseStage& stage, const std::filesystem::path& folder,
             const std::filesystem::path& start, const std::function<void(double)>& progress);

/// What a result says of its training: {"steps", "samples", "seconds", "weights_sha256", "curve"}.
Json trained_json(const TrainedRun& run, const Samples& samples,
                  const std::filesystem::path& folder);

/// The base's checkpoint, on the study's device.
LoadedModel load_base(const Study& study, const std::filesystem::path& folder);

}  // namespace chainline::experiments
