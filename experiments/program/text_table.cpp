#include "experiments/program/text_table.h"

#include <algorithm>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

std::size_t width(const std::string& text) {
  const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts));
}

}  // namespace

std::string text_table(const std::vector<TextColumn>& columns,
                       const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> lines(1);
  for (const TextColumn& column : columns) lines[0].push_back(column.head);
  lines.insert(lines.end(), rows.begin(), rows.end());

  std::vector<std::size_t> widths(columns.size(), 0);
  for (const auto& line : lines) {
    check<ShapeError>(line.size() == columns.size(), "text_table: expected ", columns.size(),
                      " cells in a row, got ", line.size());
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], width(line[c]));
  }

  std::string text;
  for (const auto& line : lines) {
    std::string written;
    for (std::size_t c = 0; c < line.size(); ++c) {
      const std::string blanks(widths[c] - width(line[c]), ' ');
      written += (c == 0 ? "" : "  ");
      written += columns[c].figures ? blanks + line[c] : line[c] + blanks;
    }
    written.erase(written.find_last_not_of(' ') + 1);
    text += written + "\n";
  }
  return text;
}

}  // namespace chainline::experiments
