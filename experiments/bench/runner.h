#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tensor/device.h"

namespace chainline::experiments {

/// The program with the benchmarks, `chainline_bench`, which lies beside `chainline`. It is a
/// program of its own so that this one needs neither Google Benchmark nor the libraries that ours
/// are compared with, and starts none of their threads.
class BenchRunner {
 public:
  /// Runs the benchmarks of a device.
  ///
  /// **Errors** DeviceError when it was not built.
  explicit BenchRunner(Device device = {});

  /// The names of all benchmarks.
  std::vector<std::string> names() const;

  struct Options {
    std::string start;  ///< of the names, up to a slash or whole; empty for all
    int threads = 1, repetitions = 9;
    double min_seconds = 0.05;  ///< of a repetition
  };
  /// Runs them, with a line on standard error for each, and writes their results as JSON. An
  /// answer that was refused stands in the results.
  ///
  /// **Errors** Error when it ended otherwise than it should.
  void run(const Options& options, const std::filesystem::path& out) const;

 private:
  std::filesystem::path program_;
  std::vector<std::string> device_;  ///< the option, where it is another than the CPU
};

}  // namespace chainline::experiments
