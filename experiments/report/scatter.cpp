#include "experiments/report/scatter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/plot.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::size_t kMaxPoints = 5000;  // of a panel, some 100 kB in the page
constexpr std::size_t kTurn = 16;         // points that a group draws before the next may

/// The forms of the groups around a point, as small as paths allow: a mark's, half as large.
constexpr const char* kForms[kMaxSeries] = {
    "m-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0z",
    "m-2.3-2.3h4.6v4.6h-4.6z",
    "m0-3.2l3 5.2h-6z",
    "m0-3.4l3.4 3.4l-3.4 3.4l-3.4-3.4z",
    "m0 3.2l3-5.2h-6z",
    "m-3.4-1.4h6.8v2.8h-6.8z",
};

/// The names of the groups in the order in which they first appear.
std::vector<std::string> group_names(const ScatterChart& chart) {
  std::vector<std::string> names;
  for (const ScatterPanel& panel : chart.panels)
    for (const PointGroup& group : panel.groups)
      if (std::find(names.begin(), names.end(), group.name) == names.end())
        names.push_back(group.name);
  return names;
}

std::size_t number_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

void add_room(PlotRange& range, double room) {
  range.low -= room;
  range.high += room;
}

/// Fits the panel's points into a frame whose height and top are set, and left and right the edges
/// of what it may use.
void fit(const ScatterPanel& panel, PlotFrame& frame) {
  std::vector<Series> points;
  for (const PointGroup& group : panel.groups) points.push_back({"", group.x, group.y, {}, {}});
  fit_y(frame, panel.y, points, {}, 6);
  if (!panel.map) frame.left += label_room(frame, panel.y);
  fit_x(frame, panel.x, points, 5);
  if (!panel.map) {
    add_room(frame.x, 0.04 * (frame.x.high - frame.x.low));
    return;
  }
  add_room(frame.y, 0.02 * (frame.y.high - frame.y.low));
  add_room(frame.x, 0.04 * (frame.x.high - frame.x.low));
  const double unit = std::max((frame.x.high - frame.x.low) / (frame.right - frame.left),
                               (frame.y.high - frame.y.low) / (frame.bottom - frame.top));
  add_room(frame.x, (unit * (frame.right - frame.left) - (frame.x.high - frame.x.low)) / 2);
  add_room(frame.y, (unit * (frame.bottom - frame.top) - (frame.y.high - frame.y.low)) / 2);
}

void draw_points(const ScatterPanel& panel, const std::vector<std::string>& names,
                 const PlotFrame& frame, std::string& svg) {
  std::size_t longest = 0;
  for (const PointGroup& group : panel.groups) longest = std::max(longest, group.x.size());
  for (std::size_t begin = 0; begin < longest; begin += kTurn)
    for (const PointGroup& group : panel.groups) {
      if (begin >= group.x.size()) continue;
      const std::size_t number = number_of(names, group.name);
      svg += fmt::format("<path class=\"point f{}\" d=\"", number);
      for (std::size_t i = begin; i < std::min(begin + kTurn, group.x.size()); ++i)
        svg += fmt::format("M{} {}{}", at(frame.to_x(group.x[i])), at(frame.to_y(group.y[i])),
                           kForms[number]);
      svg += "\"/>\n";
    }
}

void draw_panel(const ScatterPanel& panel, const std::vector<std::string>& names, PlotFrame frame,
                std::string& svg) {
  const double edge = frame.left;
  fit(panel, frame);
  if (!panel.title.empty())
    svg += svg_text(edge, frame.top - 26, panel.title, Anchor::start, "strong");
  svg += svg_text(edge, frame.top - 10, panel.y.label);
  if (panel.map)
    svg += fmt::format("<rect class=\"plane\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
                       at(frame.left), at(frame.top), at(frame.right - frame.left),
                       at(frame.bottom - frame.top));
  else
    draw_axes(panel.x, panel.y, frame, true, true, svg);
  svg += svg_text((frame.left + frame.right) / 2, frame.bottom + 36, panel.x.label, Anchor::middle);
  draw_points(panel, names, frame, svg);
}

std::string description(const ScatterChart& chart) {
  std::string text = "Scatter chart.";
  for (const ScatterPanel& panel : chart.panels) {
    text += (panel.title.empty() ? " " : " " + panel.title + ": ") + panel.y.label + " against " +
            panel.x.label + ".";
    for (const PointGroup& group : panel.groups) {
      if (group.x.empty()) continue;
      double x = 0, y = 0;
      for (const double value : group.x) x += value;
      for (const double value : group.y) y += value;
      const auto n = static_cast<double>(group.x.size());
      text += fmt::format(" {}: {} points around ({:.3g}, {:.3g}).", group.name, group.x.size(),
                          x / n, y / n);
    }
  }
  return text;
}

std::string draw_version(const ScatterChart& chart, const std::string& figure,
                         const std::string& title, bool narrow) {
  const std::vector<std::string> names = group_names(chart);
  const double width = narrow ? 358 : 792;
  const std::size_t columns = narrow ? 1 : chart.panels.size();
  const double across =
      (width - 28 * static_cast<double>(columns - 1)) / static_cast<double>(columns);
  std::vector<Key> keys;
  for (std::size_t n = 0; n < names.size(); ++n)
    keys.push_back(
        {fmt::format("<path class=\"point f{}\" d=\"M6 0{}\"/>", n, kForms[n]), names[n]});
  std::string body;
  double y = draw_keys(keys, 0, width, 14, body) - kLineHeight + 8;
  double end = 0;
  for (std::size_t p = 0; p < chart.panels.size(); ++p) {
    PlotFrame frame;
    frame.width = width;
    frame.left = static_cast<double>(p % columns) * (across + 28);
    frame.right = frame.left + across - 4;
    frame.top = y + (chart.panels[p].title.empty() ? 24 : 42);
    frame.bottom = frame.top + (narrow ? 250 : 300);
    draw_panel(chart.panels[p], names, frame, body);
    const bool bare = chart.panels[p].map && chart.panels[p].x.label.empty();
    end = std::max(end, frame.bottom + (bare ? 4 : 44));
    if (columns == 1) y = end + 6;
  }
  return open_svg(narrow, width, end, figure, title, description(chart)) + body + "</svg>\n";
}

}  // namespace

void check_chart(const ScatterChart& chart, const std::string& figure) {
  const auto expect = [&](bool holds, const auto&... sentence) {
    check<ValueError>(holds, "report: ", figure, ": ", sentence...);
  };
  expect(!chart.panels.empty() && chart.panels.size() <= 2, "expected one panel or two, got ",
         chart.panels.size());
  const std::size_t groups = group_names(chart).size();
  expect(groups <= kMaxSeries, "expected at most ", kMaxSeries, " groups, got ", groups);
  for (const ScatterPanel& panel : chart.panels) {
    expect(panel.x.scale == Scale::linear && panel.y.scale == Scale::linear, "panel ", panel.title,
           ": expected linear axes, got a logarithmic one");
    std::size_t points = 0;
    for (const PointGroup& group : panel.groups) {
      expect(group.x.size() == group.y.size(), "group ", group.name,
             ": expected as many x as y, got ", group.x.size(), " and ", group.y.size());
      for (std::size_t i = 0; i < group.x.size(); ++i)
        expect(std::isfinite(group.x[i]) && std::isfinite(group.y[i]), "group ", group.name,
               ": expected finite coordinates, got ", group.x[i], ", ", group.y[i], " at point ",
               i);
      points += group.x.size();
    }
    expect(points > 0, "expected a point to draw, got none");
    expect(points <= kMaxPoints, "expected at most ", kMaxPoints, " points a panel, got ", points);
  }
}

std::string draw_chart(const ScatterChart& chart, const std::string& figure,
                       const std::string& title) {
  check_chart(chart, figure);
  return draw_version(chart, figure, title, false) + draw_version(chart, figure, title, true);
}

}  // namespace chainline::experiments
