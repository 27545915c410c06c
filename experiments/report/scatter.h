#pragma once

#include <string>
#include <vector>

#include "experiments/report/chart.h"

namespace chainline::experiments {

/// Points that belong together; each group has a colour and a form of its own.
struct PointGroup {
  std::string name;
  std::vector<double> x, y;
};

struct ScatterPanel {
  std::string title;  // "" for a panel that stands alone
  Axis x, y;          // linear
  std::vector<PointGroup> groups;
  bool map = false;  // as of t-SNE: only distances mean something, so both axes have the same scale
                     // and no numbers
};

/// One panel or two side by side; groups of one name are drawn alike in both.
struct ScatterChart {
  std::vector<ScatterPanel> panels;
};

/// Refuses no or more than two panels, a panel without points or with more than 5,000, coordinates
/// that are not finite, more than 6 names of groups.
///
/// **Errors** ValueError `report: figure: expected X, got Y`.
void check_chart(const ScatterChart& chart, const std::string& figure);

/// As draw_chart of a LineChart. Groups are drawn by turns, a few points each, so that none covers
/// another.
std::string draw_chart(const ScatterChart& chart, const std::string& figure,
                       const std::string& title);

}  // namespace chainline::experiments
