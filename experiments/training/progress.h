#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "experiments/training/terminal.h"

namespace chainline::experiments {

/// Shows on standard error how far a training is: on a terminal by a StatusLine, elsewhere by a
/// plain line every ten seconds.
class Progress {
 public:
  Progress(std::string title, std::int64_t first, std::int64_t total);

  /// After `step` of `total` steps.
  void update(std::int64_t step, double loss, double samples_per_second);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(std::int64_t step, double loss, double samples_per_second);

  std::string title_;
  std::int64_t first_, total_;
  StatusLine line_;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

/// One progress line of at most `columns` characters: title, bar, percent, step, loss, speed, time
/// left. 0 columns mean a line without bar and limit, for files (line_with_bar).
std::string progress_line(const std::string& title, std::int64_t step, std::int64_t total,
                          double loss, double samples_per_second, double seconds_left,
                          std::int64_t columns);

}  // namespace chainline::experiments
