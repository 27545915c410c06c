#pragma once

#include <cstdint>
#include <string>

namespace chainline::experiments {

/// The last line of a terminal, drawn over itself on standard error: in colour unless NO_COLOR is
/// set, as wide as COLUMNS or the terminal says.
class StatusLine {
 public:
  StatusLine();
  /// Leaves what was drawn last, on a line of its own.
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  /// Whether there is such a line; where standard error is a file, or TERM is "dumb", there is none.
  bool exists() const { return exists_; }
  /// How long a text may be.
  std::int64_t columns() const;
  void draw(const std::string& text);
  /// Takes the text away, for messages of other lines; the next draw() comes below them.
  void clear();

 private:
  bool exists_, colour_;
  bool drawn_ = false;
};

/// "TITLE [=====     ] TEXT" in at most `columns` characters, the bar filled to `share` of 0 .. 1
/// and `longest_bar` long. The bar shrinks and goes first where there is little room; 0 columns mean
/// "TITLE: TEXT" without a limit, for files.
std::string line_with_bar(const std::string& title, double share, const std::string& text,
                          std::int64_t columns, std::int64_t longest_bar = 30);

/// "3 s", "12:05" or "1:02:03".
std::string duration_text(double seconds);

}  // namespace chainline::experiments
