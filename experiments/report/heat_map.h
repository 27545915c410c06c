#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/report/chart.h"

namespace chainline::experiments {

/// Numbers in a grid, each in a cell that is the stronger the further the number lies from the lower
/// end or, where there is a middle, from the middle. The numbers stand in the cells, and those below
/// the middle have a corner of their own, so that nothing is said by colour alone.
struct HeatMap {
  std::string row_label, column_label;
  std::vector<std::string> rows, columns;       // names
  std::vector<std::vector<double>> values;      // values[row][column]; NaN for none
  std::vector<std::vector<std::string>> notes;  // below the numbers, or empty: intervals, counts
  std::optional<double> middle;                 // for differences: 0; for ratios: 1
  std::optional<double> low, high;              // of the colours; by default of the values
  int digits = 2;                               // after the point
  bool percent = false;
};

/// How opaque a cell is at least and at most, and from where on its text has the other of the two
/// colours for text in cells: so the contrast is at least 4.5 : 1 everywhere.
inline constexpr double kFaintestCell = 0.04, kStrongestCell = 0.94, kReverseText = 0.68;

/// Refuses a map without a number, rows of different lengths, more than 40 rows or 14 columns,
/// infinite values, low >= high, a middle that is not finite, digits outside of 0 .. 6.
///
/// **Errors** ValueError `report: figure: expected X, got Y`.
void check_chart(const HeatMap& map, const std::string& figure);

/// As draw_chart of a LineChart. The narrow version exchanges rows and columns where that makes the
/// cells wider.
std::string draw_chart(const HeatMap& map, const std::string& figure, const std::string& title);

}  // namespace chainline::experiments
