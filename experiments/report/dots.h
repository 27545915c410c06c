#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "experiments/report/chart.h"

namespace chainline::experiments {

/// A condition and its effect: a point with its interval.
struct DotRow {
  std::string name;
  double value = 0;
  double low = std::numeric_limits<double>::quiet_NaN();  // NaN for a point without an interval
  double high = std::numeric_limits<double>::quiet_NaN();
  std::string note = {};  // after the numbers, for instance "p 0.004"
  bool control = false;   // drawn hollow
};

struct DotGroup {
  std::string name;  // "" for rows without a heading
  std::vector<DotRow> rows;
};

/// What lies between the two is too small to matter, for instance the margins of an equivalence
/// test.
struct Zone {
  double low = 0, high = 0;
  std::string label;
};

/// A forest plot: effects of many conditions below each other, against one axis.
struct DotChart {
  Axis x;  // linear
  std::vector<DotGroup> groups;
  std::vector<ReferenceLine> references;  // upright, at y: no effect, chance
  std::optional<Zone> zone;               // shaded
  int digits = 3;                         // after the point, of the numbers beside the rows
};

/// Refuses a chart without rows, values that are not finite, intervals that do not hold their point,
/// rows without a name, more than 100 rows, digits outside of 0 .. 6.
///
/// **Errors** ValueError `report: figure: expected X, got Y`.
void check_chart(const DotChart& chart, const std::string& figure);

/// As draw_chart of a LineChart. The wide version has names to the left and numbers to the right,
/// the narrow one both above each row's line.
std::string draw_chart(const DotChart& chart, const std::string& figure, const std::string& title);

}  // namespace chainline::experiments
