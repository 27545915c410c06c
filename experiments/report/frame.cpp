#include "experiments/report/frame.h"

#include <fmt/format.h>

#include <vector>

namespace chainline::experiments {
namespace {

constexpr double kTickTextLetter = 7.4;  // mean width of a tick label's character

PlotRange data_range_y(const LineChart& chart) {
  PlotRange range;
  for (const Series& series : chart.series)
    for (const std::vector<double>* values : {&series.y, &series.low, &series.high})
      for (const double value : *values) range.include(value);
  for (const ReferenceLine& reference : chart.references) range.include(reference.y);
  range.include(chart.y.low);
  range.include(chart.y.high);
  if (range.low == range.high) {  // a constant gets room above and below
    const double room = range.low == 0 ? 1 : std::abs(range.low) / 10;
    range.low -= room;
    range.high += room;
  }
  return range;
}

PlotRange data_range_x(const LineChart& chart) {
  PlotRange range;
  for (const Series& series : chart.series)
    for (const double value : series.x) range.include(value);
  range.include(chart.x.low);
  range.include(chart.x.high);
  if (!chart.x.names.empty()) {
    range.low = -0.4;
    range.high = static_cast<double>(chart.x.names.size()) - 0.6;
  }
  if (range.low == range.high) {
    range.low -= 0.5;
    range.high += 0.5;
  }
  return range;
}

}  // namespace

std::string tick_label(const Axis& axis, double value, int decimals) {
  if (axis.percent) return fmt::format("{:.{}f} %", 100 * value, std::max(decimals - 2, 0));
  return fmt::format("{:.{}f}", value + 0.0, decimals);
}

PlotFrame make_frame(const LineChart& chart, bool narrow) {
  PlotFrame frame;
  frame.width = narrow ? 358 : 792;
  frame.height = narrow ? 270 : 340;
  frame.top = 30;  // the y axis' label stands above it
  frame.bottom = frame.height - 46;
  frame.y = data_range_y(chart);
  frame.y_ticks = nice_ticks(frame.y.low, frame.y.high, narrow ? 6 : 7);
  // Ticks bound the plot: one more where the data go beyond the last.
  const std::vector<double>& y = frame.y_ticks.values;
  if (y.size() > 1) {
    const double step = y[1] - y[0];
    const double slack = 1e-9 * step;
    if (frame.y.low < y.front() - slack) frame.y.low = y.front() - step;
    if (frame.y.high > y.back() + slack) frame.y.high = y.back() + step;
    frame.y_ticks = nice_ticks(frame.y.low, frame.y.high, narrow ? 8 : 9);
  }
  std::size_t widest = 0;
  for (const double value : frame.y_ticks.values)
    widest = std::max(widest, tick_label(chart.y, value, frame.y_ticks.decimals).size());
  frame.left = static_cast<double>(widest) * kTickTextLetter + 9;
  std::size_t longest = 0;
  for (const Series& series : chart.series) longest = std::max(longest, series.name.size());
  for (const ReferenceLine& reference : chart.references)
    longest = std::max(longest, reference.label.size());
  const double label_room = narrow ? 10 : 27 + static_cast<double>(longest) * kTextLetter;
  frame.right = frame.width - std::min(label_room, frame.width * 0.4);
  frame.x = data_range_x(chart);
  frame.x_ticks = nice_ticks(frame.x.low, frame.x.high, narrow ? 5 : 9);
  return frame;
}

}  // namespace chainline::experiments
