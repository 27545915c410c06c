#include "experiments/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "experiments/report/frame.h"
#include "experiments/report/html.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::size_t kMaxSeries = 6;  // colours and marks of the style sheet
constexpr std::size_t kMaxMarks = 40;  // a curve of more points has no marks
constexpr double kLineHeight = 15;

/// A coordinate with a digit after the point, "-0.0" avoided.
std::string at(double value) {
  const std::string text = fmt::format("{:.1f}", value);
  return text == "-0.0" ? "0.0" : text;
}

/// A value in a description: four significant digits, or percent with one decimal.
std::string value_text(const Axis& axis, double value) {
  return axis.percent ? fmt::format("{:.1f} %", 100 * value) : fmt::format("{:.4g}", value);
}

std::string x_text(const Axis& axis, double x) {
  const auto place = static_cast<std::size_t>(std::max(x, 0.0));
  return place < axis.names.size() ? axis.names[place] : value_text(axis, x);
}

bool has_marks(const Series& series) { return series.x.size() <= kMaxMarks; }

void draw_axes(const LineChart& chart, const PlotFrame& frame, std::string& svg) {
  for (const double value : frame.y_ticks.values) {
    const double y = frame.to_y(value);
    svg += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>",
                       at(frame.left), at(frame.right), at(y), at(y));
    svg += fmt::format("<text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
                       at(frame.left - 7), at(y + 4),
                       tick_label(chart.y, value, frame.y_ticks.decimals));
  }
  svg += fmt::format("<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n",
                     at(frame.left), at(frame.right), at(frame.bottom), at(frame.bottom));
  const auto x_tick = [&](double value, const std::string& label) {
    const double x = frame.to_x(value);
    svg += fmt::format("<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", at(x),
                       at(x), at(frame.bottom), at(frame.bottom + 4));
    svg += fmt::format("<text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                       at(x), at(frame.bottom + 18), escape_html(label));
  };
  if (chart.x.names.empty()) {
    for (const double value : frame.x_ticks.values)
      x_tick(value, tick_label(chart.x, value, frame.x_ticks.decimals));
  } else {
    std::size_t longest = 1;
    for (const std::string& name : chart.x.names) longest = std::max(longest, name.size());
    const double needed = static_cast<double>(longest) * kTextLetter + 6;
    const double step = frame.to_x(1) - frame.to_x(0);
    const auto every = static_cast<std::size_t>(std::max(1.0, std::ceil(needed / step)));
    for (std::size_t i = 0; i < chart.x.names.size(); i += every)
      x_tick(static_cast<double>(i), chart.x.names[i]);
  }
  svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                     at((frame.left + frame.right) / 2), at(frame.height - 8),
                     escape_html(chart.x.label));
  svg += fmt::format("<text x=\"0\" y=\"14\">{}</text>\n", escape_html(chart.y.label));
}

struct Point {
  double x, y;
};

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

std::string path(const std::vector<Point>& points) {
  std::string d;
  for (const Point& point : points) d += (d.empty() ? "M" : " L") + at(point.x) + ' ' + at(point.y);
  return d;
}

void draw_curve(const Series& series, std::size_t number, const std::vector<double>& y,
                std::string_view style, const PlotFrame& frame, double shift, std::string& svg) {
  for (const std::vector<Point>& stroke : strokes(series.x, y, frame, shift))
    svg += fmt::format("<path class=\"curve {} l{}\" d=\"{}\"/>\n", style, number, path(stroke));
}

/// Each series has a mark of its own besides its colour: disc, square, triangle, diamond, triangle
/// upside down, flat bar.
std::string mark(std::size_t series, double x, double y) {
  if (series == 0)
    return fmt::format("<circle class=\"mark f0\" cx=\"{}\" cy=\"{}\" r=\"4\"/>", at(x), at(y));
  std::vector<Point> corners;
  if (series == 1) corners = {{-3.6, -3.6}, {3.6, -3.6}, {3.6, 3.6}, {-3.6, 3.6}};
  if (series == 2) corners = {{0, -4.8}, {4.6, 3.4}, {-4.6, 3.4}};
  if (series == 3) corners = {{0, -5}, {5, 0}, {0, 5}, {-5, 0}};
  if (series == 4) corners = {{0, 4.8}, {4.6, -3.4}, {-4.6, -3.4}};
  if (series == 5) corners = {{-5, -2.2}, {5, -2.2}, {5, 2.2}, {-5, 2.2}};
  for (Point& corner : corners) corner = {corner.x + x, corner.y + y};
  return fmt::format("<path class=\"mark f{}\" d=\"{} Z\"/>", series, path(corners));
}

/// What a name is preceded by: a piece of the curve and, if it has them, a mark.
std::string key(const Series& series, std::size_t number, double x, double y) {
  std::string svg = fmt::format("<path class=\"curve {} l{}\" d=\"M{} {} h12\"/>",
                                series.dashed ? "dashed" : "plain", number, at(x - 2), at(y));
  return has_marks(series) ? svg + mark(number, x + 4, y) : svg;
}

/// The same for a reference line.
std::string reference_key(double x, double y) {
  return fmt::format("<path class=\"reference\" d=\"M{} {} h12\"/>", at(x - 2), at(y));
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

void draw_marks(const LineChart& chart, std::size_t number, const PlotFrame& frame, double shift,
                std::string& svg) {
  const Series& series = chart.series[number];
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.y[i])) continue;
    const double x = frame.to_x(series.x[i]) + shift, y = frame.to_y(series.y[i]);
    std::string tip =
        series.name + ", " + x_text(chart.x, series.x[i]) + ": " + value_text(chart.y, series.y[i]);
    std::string whisker;
    if (!series.low.empty() && std::isfinite(series.low[i]) && std::isfinite(series.high[i])) {
      const std::string top = at(frame.to_y(series.high[i])), end = at(frame.to_y(series.low[i]));
      whisker =
          fmt::format("<path class=\"whisker l{0}\" d=\"M{1} {3} V{4} M{2} {3} h5 M{2} {4} h5\"/>",
                      number, at(x), at(x - 2.5), top, end);
      tip += " [" + value_text(chart.y, series.low[i]) + ", " +
             value_text(chart.y, series.high[i]) + "]";
    }
    svg += "<g><title>" + escape_html(tip) + "</title>" + whisker + mark(number, x, y) + "</g>\n";
  }
}

/// How far series `number` is moved sideways so that whiskers at the same x stay apart.
double sideways(const LineChart& chart, std::size_t number, bool narrow) {
  std::size_t before = 0, all = 0;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const bool whiskers = !chart.series[s].low.empty() && has_marks(chart.series[s]);
    all += whiskers;
    before += whiskers && s < number;
  }
  if (chart.series[number].low.empty() || !has_marks(chart.series[number])) return 0;
  return (static_cast<double>(before) - (static_cast<double>(all) - 1) / 2) * (narrow ? 4 : 7);
}

/// Names at the right end of curves and reference lines, moved apart where they would overlap.
void draw_labels(const LineChart& chart, const PlotFrame& frame, std::string& svg) {
  struct Label {
    std::size_t number;  // of the series; behind them, of the references
    double y;
  };
  std::vector<Label> labels;
  const std::size_t curves = chart.series.size();
  for (std::size_t s = 0; s < curves; ++s) {
    const std::vector<double>& y = chart.series[s].y;
    for (std::size_t i = y.size(); i-- > 0;)
      if (std::isfinite(y[i])) {
        labels.push_back({s, frame.to_y(y[i])});
        break;
      }
  }
  for (std::size_t r = 0; r < chart.references.size(); ++r)
    labels.push_back({curves + r, frame.to_y(chart.references[r].y)});
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.y < b.y; });
  for (std::size_t i = 1; i < labels.size(); ++i)
    labels[i].y = std::max(labels[i].y, labels[i - 1].y + kLineHeight);
  for (std::size_t i = labels.size(); i-- > 0;) {
    const double floor = i + 1 == labels.size() ? frame.bottom : labels[i + 1].y - kLineHeight;
    labels[i].y = std::min(labels[i].y, floor);
  }
  for (const Label& label : labels) {
    const bool curve = label.number < curves;
    const double x = frame.right + 10;
    svg += curve ? key(chart.series[label.number], label.number, x, label.y)
                 : reference_key(x, label.y);
    svg += fmt::format("<text{} x=\"{}\" y=\"{}\">{}</text>\n", curve ? "" : " class=\"soft\"",
                       at(x + 15), at(label.y + 4),
                       escape_html(curve ? chart.series[label.number].name
                                         : chart.references[label.number - curves].label));
  }
}

void draw_references(const LineChart& chart, const PlotFrame& frame, std::string& svg) {
  for (const ReferenceLine& reference : chart.references) {
    const double y = frame.to_y(reference.y);
    svg += fmt::format("<line class=\"reference\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n",
                       at(frame.left), at(frame.right), at(y), at(y));
  }
}

/// What a reader who cannot see the chart is told.
std::string description(const LineChart& chart) {
  std::string text = "Line chart of " + chart.y.label + " against " + chart.x.label + ".";
  for (const Series& series : chart.series) {
    std::vector<std::size_t> shown;
    for (std::size_t i = 0; i < series.y.size(); ++i)
      if (std::isfinite(series.y[i])) shown.push_back(i);
    if (shown.empty()) continue;
    text += " " + series.name + ": " + value_text(chart.y, series.y[shown.front()]) + " at " +
            x_text(chart.x, series.x[shown.front()]);
    if (shown.size() > 1)
      text += ", " + value_text(chart.y, series.y[shown.back()]) + " at " +
              x_text(chart.x, series.x[shown.back()]);
    text += ".";
  }
  for (const ReferenceLine& reference : chart.references)
    text += " Reference: " + reference.label + ".";
  return text;
}

std::string draw_version(const LineChart& chart, const std::string& figure,
                         const std::string& title, bool narrow) {
  const PlotFrame frame = make_frame(chart, narrow);
  const std::string name = narrow ? "narrow" : "wide", id = figure + '-' + name;
  std::string svg = fmt::format(
      "<svg class=\"{0}\" viewBox=\"0 0 {1:g} {2:g}\" role=\"img\" aria-labelledby=\"{3}-title "
      "{3}-desc\">\n",
      name, frame.width, frame.height, escape_html(id));
  svg += fmt::format("<title id=\"{0}-title\">{1}</title>\n<desc id=\"{0}-desc\">{2}</desc>\n",
                     escape_html(id), escape_html(title), escape_html(description(chart)));
  draw_axes(chart, frame, svg);
  draw_references(chart, frame, svg);
  for (std::size_t s = 0; s < chart.series.size(); ++s)
    if (!chart.series[s].low.empty() && !has_marks(chart.series[s]))
      draw_band(chart.series[s], s, frame, svg);
  for (std::size_t s = 0; s < chart.series.size(); ++s)
    if (chart.series[s].smooth > 0)
      draw_curve(chart.series[s], s, chart.series[s].y, "faint", frame, 0, svg);
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    draw_curve(series, s, series.smooth > 0 ? running_mean(series.y, series.smooth) : series.y,
               series.dashed ? "dashed" : "plain", frame, sideways(chart, s, narrow), svg);
  }
  for (std::size_t s = 0; s < chart.series.size(); ++s)
    if (has_marks(chart.series[s])) draw_marks(chart, s, frame, sideways(chart, s, narrow), svg);
  if (!narrow) draw_labels(chart, frame, svg);
  return svg + "</svg>\n";
}

std::string draw_legend(const LineChart& chart) {
  std::string html = "<ul class=\"legend\">\n";
  for (std::size_t s = 0; s < chart.series.size(); ++s)
    html += "<li><svg viewBox=\"0 0 16 12\" aria-hidden=\"true\">" + key(chart.series[s], s, 4, 6) +
            "</svg>" + escape_html(chart.series[s].name) + "</li>\n";
  for (const ReferenceLine& reference : chart.references)
    html += "<li><svg viewBox=\"0 0 16 12\" aria-hidden=\"true\">" + reference_key(4, 6) +
            "</svg>" + escape_html(reference.label) + "</li>\n";
  return html + "</ul>\n";
}

}  // namespace

void check_chart(const LineChart& chart, const std::string& figure) {
  const auto expect = [&](bool holds, const auto&... sentence) {
    check<ValueError>(holds, "report: ", figure, ": ", sentence...);
  };
  bool drawable = false;
  expect(chart.series.size() <= kMaxSeries, "expected at most ", kMaxSeries, " series, got ",
         chart.series.size());
  for (const Series& s : chart.series) {
    expect(s.x.size() == s.y.size(), "series ", s.name, ": expected as many x as y, got ",
           s.x.size(), " and ", s.y.size());
    expect(s.low.size() == s.high.size() && (s.low.empty() || s.low.size() == s.y.size()),
           "series ", s.name, ": expected an interval for each of ", s.y.size(), " points, got ",
           s.low.size(), " and ", s.high.size(), " ends");
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      expect(std::isfinite(s.x[i]) && (i == 0 || s.x[i] >= s.x[i - 1]), "series ", s.name,
             ": expected ascending x, got ", s.x[i], " at point ", i);
      drawable |= std::isfinite(s.y[i]);
      expect(s.low.empty() || (!(s.low[i] > s.y[i]) && !(s.high[i] < s.y[i])), "series ", s.name,
             ": expected an interval around ", s.y[i], ", got ", s.low.empty() ? 0 : s.low[i],
             " .. ", s.low.empty() ? 0 : s.high[i]);
    }
  }
  for (const ReferenceLine& reference : chart.references)
    expect(std::isfinite(reference.y), "reference ", reference.label,
           ": expected a finite level, got ", reference.y);
  expect(drawable, "expected a point to draw, got none");
}

std::string draw_chart(const LineChart& chart, const std::string& figure,
                       const std::string& title) {
  check_chart(chart, figure);
  return draw_legend(chart) + draw_version(chart, figure, title, false) +
         draw_version(chart, figure, title, true);
}

}  // namespace chainline::experiments
