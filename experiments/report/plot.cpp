#include "experiments/report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "experiments/report/html.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::size_t kMaxMarks = 40;  // a curve of more points has no marks

bool has_marks(const Series& series) { return series.x.size() <= kMaxMarks; }

bool has_whiskers(const Series& series) { return !series.low.empty() && has_marks(series); }

struct XTick {
  double x;
  std::string label;
};

/// The labels along x that do not touch: those with names of their own first.
std::vector<XTick> x_ticks(const Axis& axis, const PlotFrame& frame) {
  std::vector<XTick> ticks;
  if (!axis.names.empty()) {
    double longest = 0;
    for (const std::string& name : axis.names) longest = std::max(longest, text_width(name));
    const double step = frame.to_x(1) - frame.to_x(0);
    const auto every = static_cast<std::size_t>(std::max(1.0, std::ceil((longest + 6) / step)));
    for (std::size_t i = 0; i < axis.names.size(); i += every)
      ticks.push_back({frame.to_x(static_cast<double>(i)), axis.names[i]});
    return ticks;
  }
  for (const NamedTick& tick : axis.extra_ticks) ticks.push_back({frame.to_x(tick.at), tick.name});
  const std::size_t named = ticks.size();
  for (const double value : frame.x_ticks.values) {
    const XTick tick = {frame.to_x(value), tick_label(axis, value, frame.x_ticks.decimals)};
    const bool covered = std::any_of(
        ticks.begin(), ticks.begin() + static_cast<long>(named), [&](const XTick& other) {
          return std::abs(other.x - tick.x) <
                 (text_width(other.label) + text_width(tick.label)) / 2 + 4;
        });
    if (!covered) ticks.push_back(tick);
  }
  return ticks;
}

/// The mean of the finite values at most `reach` places away, where the value itself is finite; as
/// far to the left as to the right, so that the ends of a falling curve are not bent.
std::vector<double> running_mean(const std::vector<double>& values, int reach) {
  std::vector<double> means = values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    const std::size_t near = std::min({static_cast<std::size_t>(reach), i, values.size() - 1 - i});
    double sum = 0, count = 0;
    for (std::size_t k = i - near; k <= i + near; ++k)
      if (std::isfinite(values[k])) sum += values[k], count += 1;
    means[i] = sum / count;
  }
  return means;
}

/// The curve's points on the drawing; of a curve denser than the drawing the lowest and the highest
/// of each pixel column, so that no peak is lost. Gaps end one stroke and begin the next.
std::vector<std::vector<Point>> strokes(const std::vector<double>& xs,
                                        const std::vector<double>& ys, const PlotFrame& frame,
                                        double shift) {
  std::vector<std::vector<Point>> all(1);
  const bool dense = static_cast<double>(xs.size()) > 2 * (frame.right - frame.left);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (!std::isfinite(ys[i])) {
      if (!all.back().empty()) all.emplace_back();
      continue;
    }
    const Point point = {frame.to_x(xs[i]) + shift, frame.to_y(ys[i])};
    std::vector<Point>& stroke = all.back();
    const std::size_t n = stroke.size();
    const bool same_column = dense && n >= 2 &&
                             std::floor(stroke[n - 1].x) == std::floor(point.x) &&
                             std::floor(stroke[n - 2].x) == std::floor(point.x);
    if (!same_column) {
      stroke.push_back(point);
      continue;
    }
    Point& low = stroke[n - 2].y > stroke[n - 1].y ? stroke[n - 2] : stroke[n - 1];
    Point& high = stroke[n - 2].y > stroke[n - 1].y ? stroke[n - 1] : stroke[n - 2];
    if (point.y > low.y) low.y = point.y;
    if (point.y < high.y) high.y = point.y;
  }
  if (all.back().empty()) all.pop_back();
  return all;
}

void draw_curve(const Series& series, std::size_t number, const std::vector<double>& y,
                std::string_view style, const PlotFrame& frame, double shift, std::string& svg) {
  for (const std::vector<Point>& stroke : strokes(series.x, y, frame, shift))
    svg += fmt::format("<path class=\"curve {} l{}\" d=\"{}\"/>\n", style, number, path(stroke));
}

/// The band between low and high, a polygon for every run of points that have both.
void draw_band(const Series& series, std::size_t number, const PlotFrame& frame, std::string& svg) {
  const auto flush = [&](std::vector<Point>& upper, std::vector<Point>& lower) {
    if (upper.size() > 1) {
      upper.insert(upper.end(), lower.rbegin(), lower.rend());
      svg += fmt::format("<path class=\"band f{}\" d=\"{} Z\"/>\n", number, path(upper));
    }
    upper.clear();
    lower.clear();
  };
  std::vector<Point> upper, lower;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.low[i]) || !std::isfinite(series.high[i])) {
      flush(upper, lower);
      continue;
    }
    upper.push_back({frame.to_x(series.x[i]), frame.to_y(series.high[i])});
    lower.push_back({frame.to_x(series.x[i]), frame.to_y(series.low[i])});
  }
  flush(upper, lower);
}

void draw_marks(const Series& series, std::size_t number, const Axis& x_axis, const Axis& y_axis,
                const PlotFrame& frame, double shift, std::string& svg) {
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.y[i])) continue;
    const double x = frame.to_x(series.x[i]) + shift, y = frame.to_y(series.y[i]);
    std::string tip =
        series.name + ", " + x_text(x_axis, series.x[i]) + ": " + value_text(y_axis, series.y[i]);
    std::string whisker;
    if (!series.low.empty() && std::isfinite(series.low[i]) && std::isfinite(series.high[i])) {
      const std::string top = at(frame.to_y(series.high[i])), end = at(frame.to_y(series.low[i]));
      whisker =
          fmt::format("<path class=\"whisker l{0}\" d=\"M{1} {3} V{4} M{2} {3} h5 M{2} {4} h5\"/>",
                      number, at(x), at(x - 2.5), top, end);
      tip += " [" + value_text(y_axis, series.low[i]) + ", " + value_text(y_axis, series.high[i]) +
             "]";
    }
    svg += "<g><title>" + escape_html(tip) + "</title>" + whisker + mark(number, x, y) + "</g>\n";
  }
}

/// How far each series is moved sideways so that whiskers at the same x stay apart.
std::vector<double> sideways(const std::vector<Series>& series, double apart) {
  const auto whiskers = std::count_if(series.begin(), series.end(), has_whiskers);
  std::vector<double> shifts;
  double place = -static_cast<double>(whiskers - 1) / 2;
  for (const Series& s : series) shifts.push_back(has_whiskers(s) ? apart * place++ : 0);
  return shifts;
}

}  // namespace

void draw_axes(const Axis& x, const Axis& y, const PlotFrame& frame, bool x_labels, bool y_labels,
               std::string& svg) {
  for (const double value : frame.y_ticks.values) {
    const double height = frame.to_y(value);
    svg += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>",
                       at(frame.left), at(frame.right), at(height), at(height));
    if (y_labels)
      svg += svg_text(frame.left - 7, height + 4, tick_label(y, value, frame.y_ticks.decimals),
                      Anchor::end, "soft");
  }
  svg += fmt::format("<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n",
                     at(frame.left), at(frame.right), at(frame.bottom), at(frame.bottom));
  for (const XTick& tick : x_ticks(x, frame)) {
    svg += fmt::format("<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", at(tick.x),
                       at(tick.x), at(frame.bottom), at(frame.bottom + 4));
    if (x_labels) svg += svg_text(tick.x, frame.bottom + 18, tick.label, Anchor::middle, "soft");
  }
}

void draw_references(const std::vector<ReferenceLine>& references, const PlotFrame& frame,
                     std::string& svg) {
  for (const ReferenceLine& reference : references) {
    const double y = frame.to_y(reference.y);
    svg += fmt::format("<line class=\"reference\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n",
                       at(frame.left), at(frame.right), at(y), at(y));
  }
}

void draw_series(const std::vector<Series>& series, const std::vector<std::size_t>& numbers,
                 const Axis& x, const Axis& y, const PlotFrame& frame, bool narrow,
                 std::string& svg) {
  const std::vector<double> shifts = sideways(series, narrow ? 4 : 7);
  for (std::size_t s = 0; s < series.size(); ++s)
    if (!series[s].low.empty() && !has_marks(series[s]))
      draw_band(series[s], numbers[s], frame, svg);
  for (std::size_t s = 0; s < series.size(); ++s)
    if (series[s].smooth > 0)
      draw_curve(series[s], numbers[s], series[s].y, "faint", frame, 0, svg);
  for (std::size_t s = 0; s < series.size(); ++s)
    draw_curve(series[s], numbers[s],
               series[s].smooth > 0 ? running_mean(series[s].y, series[s].smooth) : series[s].y,
               series[s].dashed ? "dashed" : "plain", frame, shifts[s], svg);
  for (std::size_t s = 0; s < series.size(); ++s)
    if (has_marks(series[s])) draw_marks(series[s], numbers[s], x, y, frame, shifts[s], svg);
}

Key series_key(const Series& series, std::size_t number) {
  return {fmt::format("<path class=\"curve {} l{}\" d=\"M0 0 h12\"/>",
                      series.dashed ? "dashed" : "plain", number) +
              (has_marks(series) ? mark(number, 6, 0) : ""),
          series.name};
}

Key reference_key(const ReferenceLine& reference) {
  return {"<path class=\"reference\" d=\"M0 0 h12\"/>", reference.label};
}

std::string series_text(const Series& series, const Axis& x, const Axis& y) {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < series.y.size(); ++i)
    if (std::isfinite(series.y[i])) shown.push_back(i);
  if (shown.empty()) return "";
  const auto point = [&](std::size_t i) {
    return value_text(y, series.y[i]) + " at " + x_text(x, series.x[i]);
  };
  std::string text = " " + series.name + ": " + point(shown.front());
  if (shown.size() > 1) text.append(", ").append(point(shown.back()));
  return text + ".";
}

void check_series(const Series& s, const Axis& x, const Axis& y, const std::string& figure) {
  const auto expect = [&](bool holds, const auto&... sentence) {
    check<ValueError>(holds, "report: ", figure, ": series ", s.name, ": ", sentence...);
  };
  const bool log_y = y.scale != Scale::linear;
  expect(s.x.size() == s.y.size(), "expected as many x as y, got ", s.x.size(), " and ",
         s.y.size());
  expect(s.low.size() == s.high.size() && (s.low.empty() || s.low.size() == s.y.size()),
         "expected an interval for each of ", s.y.size(), " points, got ", s.low.size(), " and ",
         s.high.size(), " ends");
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    expect(std::isfinite(s.x[i]) && (i == 0 || s.x[i] >= s.x[i - 1]), "expected ascending x, got ",
           s.x[i], " at point ", i);
    expect(x.scale == Scale::linear || s.x[i] > 0, "expected x above 0 on a logarithmic axis, got ",
           s.x[i], " at point ", i);
    expect(!log_y || !std::isfinite(s.y[i]) || s.y[i] > 0,
           "expected y above 0 on a logarithmic axis, got ", s.y[i], " at point ", i);
    expect(s.low.empty() || (!(s.low[i] > s.y[i]) && !(s.high[i] < s.y[i])),
           "expected an interval around ", s.y[i], ", got ", s.low.empty() ? 0 : s.low[i], " .. ",
           s.low.empty() ? 0 : s.high[i]);
  }
}

void check_references(const std::vector<ReferenceLine>& references, const Axis& y,
                      const std::string& figure) {
  for (const ReferenceLine& reference : references) {
    check<ValueError>(std::isfinite(reference.y), "report: ", figure, ": reference ",
                      reference.label, ": expected a finite level, got ", reference.y);
    check<ValueError>(y.scale == Scale::linear || reference.y > 0, "report: ", figure,
                      ": reference ", reference.label,
                      ": expected a level above 0 on a logarithmic axis, got ", reference.y);
  }
}

bool is_drawable(const Series& series) {
  return std::any_of(series.y.begin(), series.y.end(), [](double y) { return std::isfinite(y); });
}

}  // namespace chainline::experiments
