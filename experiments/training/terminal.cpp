#include "experiments/training/terminal.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace chainline::experiments {
namespace {

constexpr std::int64_t kSmallestBar = 8;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool on_terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr && std::strcmp(term, "dumb") != 0;
}

}  // namespace

StatusLine::StatusLine() : exists_(on_terminal()), colour_(exists_ && !is_set("NO_COLOR")) {}

StatusLine::~StatusLine() {
  if (drawn_) std::fputc('\n', stderr);
}

std::int64_t StatusLine::columns() const {
  std::int64_t n = 0;
  if (const char* wanted = std::getenv("COLUMNS")) n = std::strtol(wanted, nullptr, 10);
  if (n <= 0) {
    winsize size{};
    n = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  }
  return n - 1;  // a full line would make some terminals begin the next
}

void StatusLine::draw(const std::string& text) {
  std::fprintf(stderr, "\r\033[K%s%s%s", colour_ ? "\033[36m" : "", text.c_str(),
               colour_ ? "\033[0m" : "");
  std::fflush(stderr);
  drawn_ = true;
}

void StatusLine::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

std::string line_with_bar(const std::string& title, double share, const std::string& text,
                          std::int64_t columns, std::int64_t longest_bar) {
  if (columns == 0) return title + ": " + text;
  const auto used = static_cast<std::int64_t>(title.size() + text.size()) + 4;
  const std::int64_t width = std::min(longest_bar, columns - used);
  std::string bar = " ";
  if (width >= kSmallestBar) {
    const auto full = static_cast<std::int64_t>(share * static_cast<double>(width));
    bar = " [" + std::string(static_cast<std::size_t>(full), '=') +
          std::string(static_cast<std::size_t>(width - full), ' ') + "] ";
  }
  return (title + bar + text)
      .substr(0, static_cast<std::size_t>(std::max<std::int64_t>(columns, 1)));
}

std::string duration_text(double seconds) {
  const auto s = static_cast<std::int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace chainline::experiments
