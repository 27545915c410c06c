#pragma once

#include <string>
#include <vector>

namespace chainline::experiments {

/// One column of a table for a terminal: figures to the right, words to the left.
struct TextColumn {
  std::string head;
  bool figures = false;
};

/// Aligned lines, the heads first; columns are two blanks apart and no line ends in blanks. Widths
/// count the code points of UTF-8.
///
/// Errors   ShapeError for a row that has not as many cells as there are columns
std::string text_table(const std::vector<TextColumn>& columns,
                       const std::vector<std::vector<std::string>>& rows);

}  // namespace chainline::experiments
