#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "experiments/report/chart.h"
#include "experiments/report/ticks.h"

namespace chainline::experiments {

/// Where a value stands on a scale: itself or its logarithm; at the far left for what has none.
double place(Scale scale, double value);

/// The finite numbers seen so far lie between low and high.
struct PlotRange {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

/// Where the data are and where they go on the drawing. The ranges are places, the ticks values.
struct PlotFrame {
  double width = 0, height = 0;                     // of the drawing
  double left = 0, right = 0, top = 0, bottom = 0;  // of the plot within
  PlotRange x, y;
  Ticks x_ticks, y_ticks;
  Scale x_scale = Scale::linear, y_scale = Scale::linear;

  double to_x(double value) const {
    return left +
           (std::max(place(x_scale, value), x.low) - x.low) / (x.high - x.low) * (right - left);
  }
  double to_y(double value) const {
    return bottom -
           (std::max(place(y_scale, value), y.low) - y.low) / (y.high - y.low) * (bottom - top);
  }
};

/// Makes the frame's x hold all values of the series, in at most `most` ticks.
void fit_x(PlotFrame& frame, const Axis& axis, const std::vector<Series>& series, int most);

/// Makes the frame's y hold all values, intervals and levels, and widens it to ticks at both ends.
void fit_y(PlotFrame& frame, const Axis& axis, const std::vector<Series>& series,
           const std::vector<ReferenceLine>& references, int most);

/// How much room the labels of the y axis take.
double label_room(const PlotFrame& frame, const Axis& axis);

/// Lays out the wide or the narrow version of a chart that check_chart accepts.
PlotFrame make_frame(const LineChart& chart, bool narrow);

/// What stands beside a tick.
std::string tick_label(const Axis& axis, double value, int decimals);

/// A value in a description: four significant digits, or percent with one decimal.
std::string value_text(const Axis& axis, double value);

/// The same along x, where places may have names.
std::string x_text(const Axis& axis, double x);

}  // namespace chainline::experiments
