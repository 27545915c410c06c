#include "experiments/training/progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace chainline::experiments {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kPlainLine{10};

}  // namespace

std::string progress_line(const std::string& title, std::int64_t step, std::int64_t total,
                          double loss, double samples_per_second, double seconds_left,
                          std::int64_t columns) {
  const double share = static_cast<double>(step) / static_cast<double>(total);
  const std::string text = fmt::format(
      "{:3.0f} %  step {}/{}  loss {:.4f}  {:.0f} samples/s  {} left", std::floor(100 * share),
      step, total, loss, samples_per_second, duration_text(seconds_left));
  return line_with_bar(title, share, text, columns);
}

Progress::Progress(std::string title, std::int64_t first, std::int64_t total)
    : title_(std::move(title)), first_(first), total_(total) {}

void Progress::update(std::int64_t step, double loss, double samples_per_second) {
  const Clock::time_point now = Clock::now();
  const bool due =
      line_.exists() ? now - drawn_ >= kRedraw : now - std::max(drawn_, start_) >= kPlainLine;
  if (!due && step != total_) return;
  drawn_ = now;
  draw(step, loss, samples_per_second);
}

void Progress::draw(std::int64_t step, double loss, double samples_per_second) {
  const double spent = std::chrono::duration<double>(drawn_ - start_).count();
  const double left = spent / static_cast<double>(std::max<std::int64_t>(step - first_, 1)) *
                      static_cast<double>(total_ - step);
  const std::string line = progress_line(title_, step, total_, loss, samples_per_second, left,
                                         line_.exists() ? line_.columns() : 0);
  if (line_.exists()) {
    line_.draw(line);
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

}  // namespace chainline::experiments
