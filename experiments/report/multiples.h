#pragma once

#include <string>
#include <vector>

#include "experiments/report/chart.h"

namespace chainline::experiments {

/// One of several charts that share their axes.
struct ChartPanel {
  std::string title;  // a condition, a group of layers
  std::vector<Series> series;
};

/// Small multiples: the same axes for every panel, so that panels can be compared by eye. Series of
/// one name are drawn alike in all.
struct SmallMultiples {
  Axis x, y;
  std::vector<ChartPanel> panels;
  std::vector<ReferenceLine> references;  // in every panel
  int columns = 3;                        // of the wide version, 2 .. 4; the narrow one has 2
};

/// check_chart of every panel; more than 24 panels, a panel without a title or a point and more than
/// 6 names of series are refused too.
///
/// **Errors** ValueError `report: figure: expected X, got Y`.
void check_chart(const SmallMultiples& chart, const std::string& figure);

/// As draw_chart of a LineChart.
std::string draw_chart(const SmallMultiples& chart, const std::string& figure,
                       const std::string& title);

}  // namespace chainline::experiments
