#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "tensor/device.h"

namespace chainline::experiments {

/// --device, for a command that computes with tensors.
struct DeviceOption {
  std::string name = "cpu";

  void add_to(CLI::App& command);

  /// The device, after asking whether it is there: a run that can't begin shall not seem to.
  ///
  /// **Errors** ValueError for a name that is none, DeviceError for a device that is not there.
  Device device() const;
};

/// "cpu", or "cuda:0, emulated on the CPU": where, and what that is.
std::string describe(Device device);

}  // namespace chainline::experiments
