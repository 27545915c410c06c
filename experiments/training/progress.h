#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace chainline::experiments {

/// Shows on standard error how far a training is.
///
/// On a terminal it is one line that is drawn over itself, in colour unless NO_COLOR is set; where
/// standard error is a file, or TERM is "dumb", a plain line every ten seconds.
class Progress {
 public:
  Progress(std::string title, std::int64_t first, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// After `step` of `total` steps.
  void update(std::int64_t step, double loss, double samples_per_second);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(std::int64_t step, double loss, double samples_per_second);

  std::string title_;
  std::int64_t first_, total_;
  bool terminal_, colour_;
  Clock::time_point start_ = Clock::now(), drawn_{};
  bool line_open_ = false;
};

/// "3 s", "12:05" or "1:02:03".
std::string duration_text(double seconds);

/// One progress line of at most `columns` characters: title, bar, percent, step, loss, speed, time
/// left. The bar shrinks and goes first where there is little room; 0 columns mean a line without
/// bar and limit, for files.
std::string progress_line(const std::string& title, std::int64_t step, std::int64_t total,
                          double loss, double samples_per_second, double seconds_left,
                          std::int64_t columns);

}  // namespace chainline::experiments
