#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/program/device_option.h"
#include "experiments/program/settings.h"
#include "experiments/training/run.h"

namespace chainline::experiments {

/// A training that is ready to begin.
struct PreparedTraining {
  TrainSettings settings;  ///< with the model's own configuration
  Device device;
  Dataset data;
  LoadedModel model;
  std::unique_ptr<Watermarker> watermarker;  ///< null at rate 0
  std::unique_ptr<Samples> train, test;
  RunPlan plan;
};

/// The command line of `chainline train`. What was not typed leaves the config file's value.
struct TrainOptions {
  std::string data, out, config, from;
  std::optional<std::int64_t> steps, batch, micro_batch, people, vocabulary, lora_rank;
  std::optional<double> learning_rate, watermark_rate, dp_clip, dp_noise;
  std::optional<int> fields;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> freeze;
  std::optional<std::string> math, kernels, normalization, dp_unit;
  bool recompute = false, memory = false, no_graph = false, trace = false;
  std::int64_t checkpoint_every = 200;
  DeviceOption device;

  void add_to(CLI::App& app);

  TrainSettings settings() const;
  /// Reads the data and makes or loads the model, on its device.
  ///
  /// **Errors** those of everything that is read; ValueError for options that don't fit together.
  PreparedTraining prepare() const;
  /// What `--trace` writes down, with these words behind `chainline`.
  TraceOrigin origin(std::vector<std::string> words) const;
};

}  // namespace chainline::experiments
