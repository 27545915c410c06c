#include "experiments/training/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace chainline::experiments {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kPlainLine{10};
constexpr std::int64_t kBar = 30, kSmallestBar = 8;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool on_terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr && std::strcmp(term, "dumb") != 0;
}

std::int64_t columns() {
  if (const char* wanted = std::getenv("COLUMNS")) {
    const long n = std::strtol(wanted, nullptr, 10);
    if (n > 0) return n;
  }
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto s = static_cast<std::int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string progress_line(const std::string& title, std::int64_t step, std::int64_t total,
                          double loss, double samples_per_second, double seconds_left,
                          std::int64_t columns) {
  const double share = static_cast<double>(step) / static_cast<double>(total);
  const std::string text = fmt::format(
      "{:3.0f} %  step {}/{}  loss {:.4f}  {:.0f} samples/s  {} left", std::floor(100 * share),
      step, total, loss, samples_per_second, duration_text(seconds_left));
  const auto used = static_cast<std::int64_t>(title.size() + text.size()) + 4;
  if (columns == 0) return title + ": " + text;
  const std::int64_t width = std::min(kBar, columns - used);
  std::string bar = " ";
  if (width >= kSmallestBar) {
    const auto full = static_cast<std::int64_t>(share * static_cast<double>(width));
    bar = " [" + std::string(static_cast<std::size_t>(full), '=') +
          std::string(static_cast<std::size_t>(width - full), ' ') + "] ";
  }
  return (title + bar + text)
      .substr(0, static_cast<std::size_t>(std::max<std::int64_t>(columns, 1)));
}

Progress::Progress(std::string title, std::int64_t first, std::int64_t total)
    : title_(std::move(title)),
      first_(first),
      total_(total),
      terminal_(on_terminal()),
      colour_(terminal_ && !is_set("NO_COLOR")) {}

Progress::~Progress() {
  if (line_open_) std::fputc('\n', stderr);
}

void Progress::update(std::int64_t step, double loss, double samples_per_second) {
  const Clock::time_point now = Clock::now();
  const bool due =
      terminal_ ? now - drawn_ >= kRedraw : now - std::max(drawn_, start_) >= kPlainLine;
  if (!due && step != total_) return;
  drawn_ = now;
  draw(step, loss, samples_per_second);
}

void Progress::draw(std::int64_t step, double loss, double samples_per_second) {
  const double spent = std::chrono::duration<double>(drawn_ - start_).count();
  const double left = spent / static_cast<double>(std::max<std::int64_t>(step - first_, 1)) *
                      static_cast<double>(total_ - step);
  if (!terminal_) {
    const std::string line = progress_line(title_, step, total_, loss, samples_per_second, left, 0);
    std::fprintf(stderr, "%s\n", line.c_str());
    return;
  }
  // One column less than there are: a full line would make some terminals begin the next.
  const std::string line =
      progress_line(title_, step, total_, loss, samples_per_second, left, columns() - 1);
  std::fprintf(stderr, "\r\033[K%s%s%s", colour_ ? "\033[36m" : "", line.c_str(),
               colour_ ? "\033[0m" : "");
  std::fflush(stderr);
  line_open_ = true;
}

}  // namespace chainline::experiments
