#include "experiments/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/report/plot.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// Names at the right end of curves and reference lines, moved apart where they would overlap.
void draw_labels(const LineChart& chart, const PlotFrame& frame, std::string& svg) {
  struct Label {
    Key key;
    bool soft;
    double y;
  };
  std::vector<Label> labels;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const std::vector<double>& y = chart.series[s].y;
    const auto last = std::find_if(y.rbegin(), y.rend(), [](double v) { return std::isfinite(v); });
    if (last != y.rend())
      labels.push_back({series_key(chart.series[s], s), false, frame.to_y(*last)});
  }
  for (const ReferenceLine& reference : chart.references)
    labels.push_back({reference_key(reference), true, frame.to_y(reference.y)});
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.y < b.y; });
  for (std::size_t i = 1; i < labels.size(); ++i)
    labels[i].y = std::max(labels[i].y, labels[i - 1].y + kLineHeight);
  for (std::size_t i = labels.size(); i-- > 0;) {
    const double floor = i + 1 == labels.size() ? frame.bottom : labels[i + 1].y - kLineHeight;
    labels[i].y = std::min(labels[i].y, floor);
  }
  for (const Label& label : labels)
    svg += fmt::format("<g transform=\"translate({} {})\">{}</g>", at(frame.right + 8), at(label.y),
                       label.key.picture) +
           svg_text(frame.right + 25, label.y + 4, label.key.name, Anchor::start,
                    label.soft ? "soft" : "");
}

/// What a reader who cannot see the chart is told.
std::string description(const LineChart& chart) {
  std::string text = "Line chart of " + chart.y.label + " against " + chart.x.label + ".";
  for (const Series& series : chart.series) text += series_text(series, chart.x, chart.y);
  for (const ReferenceLine& reference : chart.references)
    text += " Reference: " + reference.label + ".";
  return text;
}

std::string draw_version(const LineChart& chart, const std::string& figure,
                         const std::string& title, bool narrow) {
  const PlotFrame frame = make_frame(chart, narrow);
  std::string svg = open_svg(narrow, frame.width, frame.height, figure, title, description(chart));
  draw_axes(chart.x, chart.y, frame, true, true, svg);
  svg += svg_text((frame.left + frame.right) / 2, frame.height - 8, chart.x.label, Anchor::middle);
  svg += svg_text(0, 14, chart.y.label);
  draw_references(chart.references, frame, svg);
  std::vector<std::size_t> numbers(chart.series.size());
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  draw_series(chart.series, numbers, chart.x, chart.y, frame, narrow, svg);
  if (!narrow) draw_labels(chart, frame, svg);
  return svg + "</svg>\n";
}

std::string draw_legend(const LineChart& chart) {
  std::vector<Key> keys;
  for (std::size_t s = 0; s < chart.series.size(); ++s)
    keys.push_back(series_key(chart.series[s], s));
  for (const ReferenceLine& reference : chart.references) keys.push_back(reference_key(reference));
  return html_keys(keys);
}

}  // namespace

void check_chart(const LineChart& chart, const std::string& figure) {
  check<ValueError>(chart.series.size() <= kMaxSeries, "report: ", figure, ": expected at most ",
                    kMaxSeries, " series, got ", chart.series.size());
  for (const Series& series : chart.series) check_series(series, chart.x, chart.y, figure);
  check_references(chart.references, chart.y, figure);
  check<ValueError>(std::any_of(chart.series.begin(), chart.series.end(), is_drawable),
                    "report: ", figure, ": expected a point to draw, got none");
}

std::string draw_chart(const LineChart& chart, const std::string& figure,
                       const std::string& title) {
  check_chart(chart, figure);
  return draw_legend(chart) + draw_version(chart, figure, title, false) +
         draw_version(chart, figure, title, true);
}

}  // namespace chainline::experiments
