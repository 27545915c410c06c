#include "experiments/report/multiples.h"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/report/plot.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::size_t kMaxPanels = 24;
constexpr double kBetween = 18;  // columns

/// The first series of each name, whose place is its colour and mark.
std::vector<const Series*> kinds_of(const SmallMultiples& chart) {
  std::vector<const Series*> kinds;
  for (const ChartPanel& panel : chart.panels)
    for (const Series& series : panel.series)
      if (std::none_of(kinds.begin(), kinds.end(),
                       [&](const Series* kind) { return kind->name == series.name; }))
        kinds.push_back(&series);
  return kinds;
}

std::vector<std::size_t> numbers_of(const ChartPanel& panel,
                                    const std::vector<const Series*>& kinds) {
  std::vector<std::size_t> numbers;
  for (const Series& series : panel.series)
    for (std::size_t k = 0; k < kinds.size(); ++k)
      if (kinds[k]->name == series.name) numbers.push_back(k);
  return numbers;
}

std::string description(const SmallMultiples& chart) {
  std::string text = fmt::format("{} line charts of {} against {} with the same axes.",
                                 chart.panels.size(), chart.y.label, chart.x.label);
  for (const ChartPanel& panel : chart.panels) {
    text += " " + panel.title + ".";
    for (const Series& series : panel.series) text += series_text(series, chart.x, chart.y);
  }
  for (const ReferenceLine& reference : chart.references)
    text += " Reference: " + reference.label + ".";
  return text;
}

std::string draw_version(const SmallMultiples& chart, const std::string& figure,
                         const std::string& title, bool narrow) {
  const std::vector<const Series*> kinds = kinds_of(chart);
  std::vector<Key> keys;
  for (std::size_t k = 0; k < kinds.size(); ++k) keys.push_back(series_key(*kinds[k], k));
  for (const ReferenceLine& reference : chart.references) keys.push_back(reference_key(reference));
  PlotFrame frame;
  frame.width = narrow ? 358 : 792;
  std::string body;
  // The axis' label stands above the first row of panels.
  const double label = draw_keys(keys, 0, frame.width, 14, body) + 4;
  body += svg_text(0, label, chart.y.label);
  std::vector<Series> all;
  for (const ChartPanel& panel : chart.panels)
    all.insert(all.end(), panel.series.begin(), panel.series.end());
  fit_y(frame, chart.y, all, chart.references, narrow ? 4 : 5);
  const double room = label_room(frame, chart.y);
  const std::size_t most = narrow ? 2 : static_cast<std::size_t>(chart.columns);
  const std::size_t columns = std::min(most, chart.panels.size());
  const double width = (frame.width - room - 8 - kBetween * static_cast<double>(columns - 1)) /
                       static_cast<double>(columns);
  const double height = narrow ? 110 : 140, row_height = height + 34;
  frame.right = width;
  fit_x(frame, chart.x, all, narrow ? 3 : 5);
  double bottom = 0;
  for (std::size_t p = 0; p < chart.panels.size(); ++p) {
    const ChartPanel& panel = chart.panels[p];
    const std::size_t column = p % columns, row = p / columns;
    frame.left = room + static_cast<double>(column) * (width + kBetween);
    frame.right = frame.left + width;
    frame.top = label + 30 + static_cast<double>(row) * row_height;
    frame.bottom = frame.top + height;
    const bool lowest = p + columns >= chart.panels.size();  // nothing stands below it
    body += svg_text(frame.left, frame.top - 8, panel.title, Anchor::start, "strong");
    draw_axes(chart.x, chart.y, frame, lowest, column == 0, body);
    draw_references(chart.references, frame, body);
    draw_series(panel.series, numbers_of(panel, kinds), chart.x, chart.y, frame, true, body);
    bottom = std::max(bottom, frame.bottom);
  }
  body += svg_text((room + frame.width) / 2, bottom + 38, chart.x.label, Anchor::middle);
  return open_svg(narrow, frame.width, bottom + 46, figure, title, description(chart)) + body +
         "</svg>\n";
}

}  // namespace

void check_chart(const SmallMultiples& chart, const std::string& figure) {
  const auto expect = [&](bool holds, const auto&... sentence) {
    check<ValueError>(holds, "report: ", figure, ": ", sentence...);
  };
  expect(!chart.panels.empty() && chart.panels.size() <= kMaxPanels, "expected 1 .. ", kMaxPanels,
         " panels, got ", chart.panels.size());
  expect(chart.columns >= 2 && chart.columns <= 4, "expected 2 .. 4 columns, got ", chart.columns);
  const std::size_t kinds = kinds_of(chart).size();
  expect(kinds <= kMaxSeries, "expected at most ", kMaxSeries, " series, got ", kinds);
  for (const ChartPanel& panel : chart.panels) {
    expect(!panel.title.empty(), "expected a title of every panel, got none");
    for (const Series& series : panel.series)
      expect(std::count_if(panel.series.begin(), panel.series.end(),
                           [&](const Series& other) { return other.name == series.name; }) == 1,
             "panel ", panel.title, ": expected series of different names, got ", series.name,
             " twice");
    check_chart(LineChart{chart.x, chart.y, panel.series, chart.references},
                figure + ": panel " + panel.title);
  }
}

std::string draw_chart(const SmallMultiples& chart, const std::string& figure,
                       const std::string& title) {
  check_chart(chart, figure);
  return draw_version(chart, figure, title, false) + draw_version(chart, figure, title, true);
}

}  // namespace chainline::experiments
