#include "experiments/report/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/html.h"
#include "experiments/report/plot.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::size_t kMaxRows = 40, kMaxColumns = 14;

/// The number as it stands in its cell: differences have a sign.
std::string cell_text(const HeatMap& map, double value) {
  if (!std::isfinite(value)) return "–";
  std::string text = fmt::format("{:.{}f}", map.percent ? 100 * value : value, map.digits);
  if (text.find_first_not_of("-0.") == text.npos) text = text.substr(text[0] == '-');
  if (text[0] == '-') return std::string("−").append(text, 1);
  return map.middle == 0.0 && value > 0 ? std::string("+").append(text) : text;
}

HeatMap transposed(const HeatMap& map) {
  HeatMap other = map;
  std::swap(other.rows, other.columns);
  std::swap(other.row_label, other.column_label);
  const std::size_t rows = other.rows.size(), columns = other.columns.size();
  other.values.assign(rows, std::vector<double>(columns));
  if (!map.notes.empty()) other.notes.assign(rows, std::vector<std::string>(columns));
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) {
      other.values[r][c] = map.values[c][r];
      if (!map.notes.empty()) other.notes[r][c] = map.notes[c][r];
    }
  return other;
}

/// What the colours span.
PlotRange range_of(const HeatMap& map) {
  PlotRange range;
  for (const std::vector<double>& row : map.values)
    for (const double value : row) range.include(value);
  if (map.low) range.low = *map.low;
  if (map.high) range.high = *map.high;
  return range;
}

/// From 0 to 1, how far from the lower end or the middle.
double strength(const HeatMap& map, const PlotRange& range, double value) {
  const double whole = map.middle ? std::max(range.high - *map.middle, *map.middle - range.low)
                                  : range.high - range.low;
  const double part = map.middle ? std::abs(value - *map.middle) : value - range.low;
  return whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 0;
}

double longest_name(const std::vector<std::string>& names) {
  double longest = 0;
  for (const std::string& name : names) longest = std::max(longest, text_width(name));
  return longest;
}

double widest_cell(const HeatMap& map) {
  double widest = longest_name(map.columns);
  for (const std::vector<double>& row : map.values)
    for (const double value : row) widest = std::max(widest, text_width(cell_text(map, value)));
  for (const std::vector<std::string>& row : map.notes)
    widest = std::max(widest, longest_name(row) * 10 / 12);  // notes are set smaller
  return widest;
}

std::string description(const HeatMap& map) {
  std::string text =
      "Table of numbers in colours, " + map.row_label + " by " + map.column_label + ".";
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    text += " " + map.rows[r] + ":";
    for (std::size_t c = 0; c < map.columns.size(); ++c)
      text += fmt::format("{} {} at {}", c == 0 ? "" : ",", cell_text(map, map.values[r][c]),
                          map.columns[c]);
    text += ".";
  }
  return text;
}

struct Cell {
  double x, y, width, height;
};

void draw_cell(const HeatMap& map, const PlotRange& range, std::size_t r, std::size_t c,
               const Cell& cell, std::string& svg) {
  const double value = map.values[r][c];
  const std::string note = map.notes.empty() ? "" : map.notes[r][c];
  const std::string number = cell_text(map, value);
  svg += "<g><title>" +
         escape_html(map.rows[r] + ", " + map.columns[c] + ": " + number +
                     (note.empty() ? "" : ", " + note)) +
         "</title>";
  bool reverse = false;
  const auto box = [&](const std::string& style) {
    svg += fmt::format("<rect {} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", style, at(cell.x),
                       at(cell.y), at(cell.width), at(cell.height));
  };
  if (!std::isfinite(value)) {
    box("class=\"plane\"");
  } else {
    const double shade =
        kFaintestCell + (kStrongestCell - kFaintestCell) * strength(map, range, value);
    const bool below = map.middle && value < *map.middle;
    reverse = shade >= kReverseText;
    box(fmt::format("class=\"{}\" fill-opacity=\"{:.3f}\"", below ? "below" : "above", shade));
    if (below)
      svg += fmt::format("<path class=\"{}\" d=\"M{} {} h7 l-7 -7 z\"/>",
                         reverse ? "corner reverse" : "corner", at(cell.x + 1),
                         at(cell.y + cell.height - 1));
  }
  const char* const style = reverse ? "cell reverse" : "cell";
  const double x = cell.x + cell.width / 2, y = cell.y + cell.height / 2;
  svg += svg_text(x, note.empty() ? y + 4 : y - 2, number, Anchor::middle, style);
  if (!note.empty())
    svg += svg_text(x, y + 12, note, Anchor::middle, std::string(style) + " small");
  svg += "</g>\n";
}

std::string draw_version(const HeatMap& given, const std::string& figure, const std::string& title,
                         bool narrow) {
  const double width = narrow ? 358 : 792;
  const auto names_of = [&](const HeatMap& map) {
    return std::min(std::max(longest_name(map.rows), text_width(map.row_label)) + 12, width * 0.4);
  };
  const auto cell_of = [&](const HeatMap& map) {
    return (width - names_of(map)) / static_cast<double>(map.columns.size());
  };
  HeatMap map = given;
  if (narrow && cell_of(given) < widest_cell(given) + 4) {
    const HeatMap other = transposed(given);
    if (cell_of(other) > cell_of(given)) map = other;
  }
  const PlotRange range = range_of(map);
  const double left = names_of(map), cell = std::min(cell_of(map), 110.0);
  const double height = map.notes.empty() ? 26 : 38, top = 40;
  const double bottom = top + height * static_cast<double>(map.rows.size());
  const double right = left + cell * static_cast<double>(map.columns.size());
  std::string svg =
      open_svg(narrow, width, bottom + (map.middle ? 28 : 4), figure, title, description(given));
  svg += svg_text((left + right) / 2, 14, map.column_label, Anchor::middle);
  svg += svg_text(0, 33, map.row_label);
  for (std::size_t c = 0; c < map.columns.size(); ++c)
    svg += svg_text(left + cell * (static_cast<double>(c) + 0.5), 33, map.columns[c],
                    Anchor::middle, "soft");
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    const double y = top + height * static_cast<double>(r);
    svg += svg_text(left - 8, y + height / 2 + 4, map.rows[r], Anchor::end, "soft");
    for (std::size_t c = 0; c < map.columns.size(); ++c)
      draw_cell(map, range, r, c,
                {left + cell * static_cast<double>(c) + 1, y + 1, cell - 2, height - 2}, svg);
  }
  if (map.middle) {
    const std::string middle = fmt::format("{:g}", map.percent ? 100 * *map.middle : *map.middle);
    const std::vector<Key> keys = {
        {"<rect class=\"above\" fill-opacity=\"0.6\" x=\"0\" y=\"-6\" width=\"12\" height=\"12\"/>",
         "above " + middle},
        {"<rect class=\"below\" fill-opacity=\"0.6\" x=\"0\" y=\"-6\" width=\"12\" height=\"12\"/>"
         "<path class=\"corner\" d=\"M0 6 h7 l-7 -7 z\"/>",
         "below " + middle}};
    draw_keys(keys, left, width, bottom + 20, svg);
  }
  return svg + "</svg>\n";
}

}  // namespace

void check_chart(const HeatMap& map, const std::string& figure) {
  const auto expect = [&](bool holds, const auto&... sentence) {
    check<ValueError>(holds, "report: ", figure, ": ", sentence...);
  };
  expect(map.rows.size() <= kMaxRows && map.columns.size() <= kMaxColumns, "expected at most ",
         kMaxRows, " rows of ", kMaxColumns, ", got ", map.rows.size(), " of ", map.columns.size());
  expect(map.digits >= 0 && map.digits <= 6, "expected 0 .. 6 digits, got ", map.digits);
  expect(map.values.size() == map.rows.size(), "expected ", map.rows.size(),
         " rows of values, got ", map.values.size());
  expect(map.notes.empty() || map.notes.size() == map.rows.size(), "expected ", map.rows.size(),
         " rows of notes, got ", map.notes.size());
  bool drawable = false;
  for (const std::vector<double>& row : map.values) {
    expect(row.size() == map.columns.size(), "expected ", map.columns.size(), " values a row, got ",
           row.size());
    for (const double value : row) {
      expect(!std::isinf(value), "expected finite values, got ", value);
      drawable |= std::isfinite(value);
    }
  }
  for (const std::vector<std::string>& row : map.notes)
    expect(row.size() == map.columns.size(), "expected ", map.columns.size(), " notes a row, got ",
           row.size());
  expect(drawable, "expected a number to draw, got none");
  expect(!map.low || !map.high || *map.low < *map.high, "expected colours from low to high, got ",
         map.low.value_or(0), " .. ", map.high.value_or(0));
  expect(!map.middle || std::isfinite(*map.middle), "expected a finite middle, got ",
         map.middle.value_or(0));
}

std::string draw_chart(const HeatMap& map, const std::string& figure, const std::string& title) {
  check_chart(map, figure);
  return draw_version(map, figure, title, false) + draw_version(map, figure, title, true);
}

}  // namespace chainline::experiments
