#include "experiments/report/frame.h"

#include <fmt/format.h>

#include "experiments/report/svg.h"

namespace chainline::experiments {
namespace {

void include(PlotRange& range, Scale scale, double value) {
  if (scale == Scale::linear || value > 0) range.include(place(scale, value));
}

void include(PlotRange& range, Scale scale, const std::optional<double>& value) {
  if (value) include(range, scale, *value);
}

Ticks ticks_of(const PlotRange& range, Scale scale, int most) {
  if (scale == Scale::log2) return power_ticks(2, range.low, range.high, most);
  if (scale == Scale::log10) return power_ticks(10, range.low, range.high, most);
  return nice_ticks(range.low, range.high, most);
}

/// A range of one value gets room to both sides.
void widen_a_point(PlotRange& range, double room) {
  if (range.low != range.high) return;
  range.low -= room;
  range.high += room;
}

/// A part of the range to both sides, for marks that stand at its ends.
void add_room(PlotRange& range, double part) {
  const double room = part * (range.high - range.low);
  range.low -= room;
  range.high += room;
}

/// 12 as its digits, 1e-05 as a power of ten.
std::string plain_number(double value) {
  const double size = std::abs(value);
  if (value == 0 || (size >= 1e-3 && size < 1e6)) return fmt::format("{:.6g}", value);
  constexpr std::string_view kHigh[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  const std::string text = fmt::format("{:.3g}", value);
  const std::size_t e = text.find('e');
  if (e == text.npos) return text;
  const int exponent = std::stoi(text.substr(e + 1));
  std::string power = "10";
  if (exponent < 0) power += "⁻";
  for (const char digit : std::to_string(std::abs(exponent)))
    power += kHigh[static_cast<std::size_t>(digit - '0')];
  const std::string factor = text.substr(0, e);
  return factor == "1" ? power : factor + "·" + power;
}

}  // namespace

double place(Scale scale, double value) {
  if (scale == Scale::linear) return value;
  if (!(value > 0)) return -std::numeric_limits<double>::infinity();
  return scale == Scale::log2 ? std::log2(value) : std::log10(value);
}

std::string tick_label(const Axis& axis, double value, int decimals) {
  if (axis.scale != Scale::linear)
    return axis.percent ? fmt::format("{:.4g} %", 100 * value) : plain_number(value);
  if (axis.percent) return fmt::format("{:.{}f} %", 100 * value, std::max(decimals - 2, 0));
  return fmt::format("{:.{}f}", value + 0.0, decimals);
}

std::string value_text(const Axis& axis, double value) {
  return axis.percent ? fmt::format("{:.1f} %", 100 * value) : fmt::format("{:.4g}", value);
}

std::string x_text(const Axis& axis, double x) {
  const auto index = static_cast<std::size_t>(std::max(x, 0.0));
  if (index < axis.names.size()) return axis.names[index];
  for (const NamedTick& tick : axis.extra_ticks)
    if (tick.at == x) return tick.name;
  return value_text(axis, x);
}

void fit_x(PlotFrame& frame, const Axis& axis, const std::vector<Series>& series, int most) {
  frame.x_scale = axis.scale;
  frame.x = {};
  for (const Series& s : series)
    for (const double value : s.x) include(frame.x, axis.scale, value);
  for (const NamedTick& tick : axis.extra_ticks) include(frame.x, axis.scale, tick.at);
  include(frame.x, axis.scale, axis.low);
  include(frame.x, axis.scale, axis.high);
  if (!axis.names.empty()) {
    frame.x.low = -0.4;
    frame.x.high = static_cast<double>(axis.names.size()) - 0.6;
  }
  widen_a_point(frame.x, 0.5);
  if (axis.scale != Scale::linear) add_room(frame.x, 0.02);
  frame.x_ticks = ticks_of(frame.x, axis.scale, most);
}

void fit_y(PlotFrame& frame, const Axis& axis, const std::vector<Series>& series,
           const std::vector<ReferenceLine>& references, int most) {
  frame.y_scale = axis.scale;
  frame.y = {};
  for (const Series& s : series)
    for (const std::vector<double>* values : {&s.y, &s.low, &s.high})
      for (const double value : *values) include(frame.y, axis.scale, value);
  for (const ReferenceLine& reference : references) include(frame.y, axis.scale, reference.y);
  include(frame.y, axis.scale, axis.low);
  include(frame.y, axis.scale, axis.high);
  const bool linear = axis.scale == Scale::linear;
  widen_a_point(frame.y, !linear ? 0.5 : frame.y.low == 0 ? 1 : std::abs(frame.y.low) / 10);
  if (!linear) add_room(frame.y, 0.03);
  frame.y_ticks = ticks_of(frame.y, axis.scale, most);
  // Ticks bound the plot: one more where the data go beyond the last.
  const std::vector<double>& y = frame.y_ticks.values;
  if (linear && y.size() > 1) {
    const double step = y[1] - y[0];
    const double slack = 1e-9 * step;
    if (frame.y.low < y.front() - slack) frame.y.low = y.front() - step;
    if (frame.y.high > y.back() + slack) frame.y.high = y.back() + step;
    frame.y_ticks = nice_ticks(frame.y.low, frame.y.high, most + 2);
  }
}

double label_room(const PlotFrame& frame, const Axis& axis) {
  double widest = 0;
  for (const double value : frame.y_ticks.values)
    widest = std::max(widest, text_width(tick_label(axis, value, frame.y_ticks.decimals)));
  return widest + 9;
}

PlotFrame make_frame(const LineChart& chart, bool narrow) {
  PlotFrame frame;
  frame.width = narrow ? 358 : 792;
  frame.height = narrow ? 270 : 340;
  frame.top = 30;  // the y axis' label stands above it
  frame.bottom = frame.height - 46;
  fit_y(frame, chart.y, chart.series, chart.references, narrow ? 6 : 7);
  frame.left = label_room(frame, chart.y);
  double longest = 0;
  for (const Series& series : chart.series) longest = std::max(longest, text_width(series.name));
  for (const ReferenceLine& reference : chart.references)
    longest = std::max(longest, text_width(reference.label));
  frame.right = frame.width - (narrow ? 10 : std::min(27 + longest, frame.width * 0.4));
  fit_x(frame, chart.x, chart.series, narrow ? 5 : 9);
  return frame;
}

}  // namespace chainline::experiments
