#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "experiments/report/chart.h"
#include "experiments/report/ticks.h"

namespace chainline::experiments {

/// The mean width of a character of the drawing's 12-pixel text.
inline constexpr double kTextLetter = 6.7;

/// The finite numbers seen so far lie between low and high.
struct PlotRange {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void include(const std::optional<double>& value) {
    if (value) include(*value);
  }
};

/// Where the data are and where they go on the drawing.
struct PlotFrame {
  double width, height;             // of the drawing
  double left, right, top, bottom;  // of the plot within
  PlotRange x, y;
  Ticks x_ticks, y_ticks;

  double to_x(double v) const { return left + (v - x.low) / (x.high - x.low) * (right - left); }
  double to_y(double v) const { return bottom - (v - y.low) / (y.high - y.low) * (bottom - top); }
};

/// Lays out the wide or the narrow version of a chart that check_chart accepts.
PlotFrame make_frame(const LineChart& chart, bool narrow);

/// What stands beside a tick.
std::string tick_label(const Axis& axis, double value, int decimals);

}  // namespace chainline::experiments
