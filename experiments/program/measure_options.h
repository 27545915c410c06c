#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/gradients/comparison.h"
#include "experiments/probing/probe.h"
#include "experiments/program/device_option.h"
#include "experiments/training/model.h"
#include "experiments/watermark/truetype.h"

namespace chainline::experiments {

/// What `chainline gradients` and `chainline probe` have in common: the model, the data whose test
/// split is used, the people, and where the numbers go.
struct MeasureOptions {
  std::string checkpoint, data = "shapes", json, font_file;
  std::uint64_t seed = 1;
  std::int64_t people = 40;  // in the pool; half of them are seen in training
  std::int64_t images = 400;
  GradientOptions gradients{0};  // seeds follow from `seed`
  ProbeOptions probes{0};
  DeviceOption device;

  MeasureOptions() { probes.relabellings = 100; }

  void add_to(CLI::App& command);
  /// Refuses a --json that could not be written, before the minutes that the numbers take.
  ///
  /// **Errors** FileError for a folder that is not there.
  void check_json() const;
  /// The checkpoint's model, on the device.
  LoadedModel model() const;
  WatermarkSpec watermark(std::int64_t patch) const;
  std::shared_ptr<const Font> font() const { return font_of(font_file); }
  /// Writes the result where --json says, if it says so.
  void save(const Json& result) const;
};

/// "1,4,16".
std::string join(const std::vector<std::int64_t>& numbers);

}  // namespace chainline::experiments
