#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/program/device_option.h"
#include "experiments/reproduce/defaults.h"
#include "experiments/training/model.h"
#include "experiments/watermark/truetype.h"

namespace chainline::experiments {

/// What `chainline gradients` and `chainline probe` have in common: the model, the data whose test
/// split is used, the people, and where the numbers go.
struct MeasureOptions {
  std::string checkpoint, data = "shapes", json;
  ReproduceOptions numbers = cpu_defaults();
  DeviceOption device;

  void add_to(CLI::App& command);
  /// Refuses a --json that could not be written, before the minutes that the numbers take.
  ///
  /// **Errors** FileError for a folder that is not there.
  void check_json() const;
  /// The checkpoint's model, on the device.
  LoadedModel model() const;
  WatermarkSpec watermark(std::int64_t patch) const;
  std::shared_ptr<const Font> font() const { return font_of(numbers.font); }
  /// Writes the result where --json says, if it says so.
  void save(const Json& result) const;
};

/// "1,4,16".
std::string join(const std::vector<std::int64_t>& numbers);

}  // namespace chainline::experiments
