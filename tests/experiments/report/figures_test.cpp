// The kinds of charts beside the line chart, and logarithmic axes.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "experiments/report/dots.h"
#include "experiments/report/heat_map.h"
#include "experiments/report/multiples.h"
#include "experiments/report/scatter.h"
#include "experiments/report/style.h"
#include "experiments/report/ticks.h"
#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;
using Values = std::vector<double>;

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t i = text.find(part); i != text.npos; i = text.find(part, i + 1)) ++found;
  return found;
}

std::string wide_of(const std::string& html) {
  const std::size_t begin = html.find("<svg class=\"wide\"");
  return html.substr(begin, html.find("</svg>", begin) - begin);
}

std::string narrow_of(const std::string& html) {
  return html.substr(html.find("<svg class=\"narrow\""));
}

TEST(PowerTicks, ArePowersOfTheBase) {
  EXPECT_EQ(power_ticks(2, 0, 3, 9).values, (Values{1, 2, 4, 8}));
  EXPECT_EQ(power_ticks(2, -2.1, 1, 9).values, (Values{0.25, 0.5, 1, 2}));
  EXPECT_EQ(power_ticks(2, 0, 8, 5).values, (Values{1, 4, 16, 64, 256}));
  EXPECT_EQ(power_ticks(10, -3, 2, 7).values, (Values{0.001, 0.01, 0.1, 1, 10, 100}));
  EXPECT_EQ(power_ticks(10, -3, 2, 3).values, (Values{0.01, 1, 100}));
}

TEST(PowerTicks, DivideDecadesWhereThereIsRoom) {
  EXPECT_EQ(power_ticks(10, -1, 1, 9).values, (Values{0.1, 0.2, 0.5, 1, 2, 5, 10}));
  // From 3.2 to 4: no two of 1, 2, 5, 10.
  EXPECT_EQ(power_ticks(10, std::log10(3.2), std::log10(4), 5).values,
            (Values{3.2, 3.4, 3.6, 3.8, 4}));
}

Series series_of(std::string name, Values x, Values y) {
  Series series;
  series.name = std::move(name);
  series.x = std::move(x);
  series.y = std::move(y);
  return series;
}

LineChart log_chart() {
  LineChart chart;
  chart.x.label = "batch";
  chart.x.scale = Scale::log2;
  chart.y.label = "y";
  chart.y.scale = Scale::log10;
  chart.series = {series_of("run", {1, 2, 4, 8, 16}, {1, 1e-2, 1e-4, 1e-6, 1e-8})};
  return chart;
}

/// The numbers that follow `attribute` in an SVG, in their order.
Values all_of(const std::string& svg, const std::string& attribute) {
  Values values;
  const std::string begin = " " + attribute + "=\"";
  for (std::size_t i = svg.find(begin); i != svg.npos; i = svg.find(begin, i + 1))
    values.push_back(std::stod(svg.substr(i + begin.size())));
  return values;
}

// Equal ratios are equal distances, up to the digit that coordinates have.
TEST(LogAxes, PutEqualRatiosAtEqualDistances) {
  const std::string svg = wide_of(draw_chart(log_chart(), "f", "t"));
  const Values x = all_of(svg, "cx"), y = all_of(svg, "cy");
  ASSERT_GE(x.size(), 5u);
  for (std::size_t i = 1; i + 1 < 5; ++i) {
    EXPECT_NEAR(x[i + 1] - x[i], x[i] - x[i - 1], 0.11);
    EXPECT_NEAR(y[i + 1] - y[i], y[i] - y[i - 1], 0.11);
  }
  EXPECT_GT(y[1], y[0]);
}

TEST(LogAxes, WritePowersAsPowersAndSizesAsNumbers) {
  LineChart chart = log_chart();
  chart.x.extra_ticks = {{1200, "full"}};
  const std::string svg = draw_chart(chart, "f", "t");
  EXPECT_NE(svg.find(">10⁻⁸</text>"), svg.npos);
  EXPECT_NE(svg.find(">16</text>"), svg.npos);
  EXPECT_NE(svg.find(">full</text>"), svg.npos);
}

TEST(LogAxes, LetAnIntervalReachTheEdgeButNoPoint) {
  LineChart chart = log_chart();
  chart.series[0].low = {0.5, -1, 0, 1e-7, 1e-9};
  chart.series[0].high = {2, 1, 1, 1, 1};
  const std::string svg = draw_chart(chart, "f", "t");
  EXPECT_EQ(svg.find("nan"), svg.npos);
  EXPECT_EQ(svg.find("inf"), svg.npos);
  chart = log_chart();
  chart.series[0].y[2] = 0;
  EXPECT_EQ(message_of<ValueError>([&] { check_chart(chart, "f"); }),
            "report: f: series run: expected y above 0 on a logarithmic axis, got 0 at point 2");
  chart = log_chart();
  chart.series[0].x[0] = 0;
  EXPECT_EQ(message_of<ValueError>([&] { check_chart(chart, "f"); }),
            "report: f: series run: expected x above 0 on a logarithmic axis, got 0 at point 0");
  chart = log_chart();
  chart.references = {{-1, "below"}};
  EXPECT_EQ(message_of<ValueError>([&] { check_chart(chart, "f"); }),
            "report: f: reference below: expected a level above 0 on a logarithmic axis, got -1");
}

ScatterChart scatter_of(std::size_t points) {
  ScatterPanel panel;
  panel.x.label = "one";
  panel.y.label = "two";
  panel.groups = {{"IN", {}, {}}, {"OUT", {}, {}}};
  for (std::size_t i = 0; i < points; ++i) {
    panel.groups[i % 2].x.push_back(static_cast<double>(i % 7));
    panel.groups[i % 2].y.push_back(static_cast<double>(i % 11));
  }
  return {{panel}};
}

TEST(ScatterChart, DrawsEveryPointAndGroupsByTurns) {
  const std::string svg = wide_of(draw_chart(scatter_of(2000), "f", "t"));
  const std::size_t legend = svg.find("class=\"axis\"");
  EXPECT_EQ(count(svg.substr(legend), "m-2.6 0a"), 1000);    // discs
  EXPECT_EQ(count(svg.substr(legend), "m-2.3-2.3h"), 1000);  // squares
  EXPECT_LT(svg.size(), 150'000u);
  const std::size_t second = svg.find("point f1", svg.find("point f0", legend));
  EXPECT_NE(svg.find("point f0", second), svg.npos) << "the first group lies below all the second";
}

TEST(ScatterChart, CountsItsPointsForThoseWhoCannotSeeThem) {
  const std::string svg = draw_chart(scatter_of(20), "f", "t");
  EXPECT_NE(svg.find("two against one. IN: 10 points around ("), svg.npos);
}

// Two points 100 apart along x and two 100 apart along y.
TEST(ScatterChart, GivesMapsTheSameScaleOnBothAxes) {
  ScatterChart chart = scatter_of(1);
  chart.panels[0].map = true;
  chart.panels[0].groups = {{"IN", {0, 100, 0}, {0, 0, 100}}};
  const std::string svg = wide_of(draw_chart(chart, "f", "t"));
  Values x, y;
  std::string points = svg.substr(svg.find("class=\"plane\""));
  for (std::size_t i = points.find('M'); i != points.npos; i = points.find('M', i + 1)) {
    x.push_back(std::stod(points.substr(i + 1)));
    y.push_back(std::stod(points.substr(points.find(' ', i))));
  }
  ASSERT_EQ(x.size(), 3u);
  EXPECT_NEAR(x[1] - x[0], y[0] - y[2], 0.11);
  EXPECT_EQ(count(svg, "class=\"soft\""), 0);  // no numbers
}

TEST(ScatterChart, RefusesWhatItCannotDraw) {
  const auto refusal = [](auto change) {
    ScatterChart chart = scatter_of(4);
    change(chart);
    return message_of<ValueError>([&] { check_chart(chart, "f"); });
  };
  EXPECT_EQ(refusal([](ScatterChart& c) { c.panels.clear(); }),
            "report: f: expected one panel or two, got 0");
  EXPECT_EQ(refusal([](ScatterChart& c) { c.panels[0].groups.clear(); }),
            "report: f: expected a point to draw, got none");
  EXPECT_EQ(refusal([](ScatterChart& c) { c.panels[0].groups[0].x[1] = std::nan(""); }),
            "report: f: group IN: expected finite coordinates, got nan, 2 at point 1");
  EXPECT_EQ(refusal([](ScatterChart& c) { c.panels[0].groups[0].x.pop_back(); }),
            "report: f: group IN: expected as many x as y, got 1 and 2");
  EXPECT_EQ(refusal([](ScatterChart& c) {
              for (const char* name : {"c", "d", "e", "f", "g"})
                c.panels[0].groups.push_back({name, {0}, {0}});
            }),
            "report: f: expected at most 6 groups, got 7");
}

DotChart dots() {
  DotChart chart;
  chart.x.label = "effect";
  chart.references = {{0, "no effect"}};
  chart.groups = {{"", {{"W50", 0.25, 0.125, 0.5, "p 0.01", false}, {"C0", -0.5, -1, 0}}}};
  return chart;
}

TEST(DotChart, WritesEveryNumberBesideItsRow) {
  const std::string html = draw_chart(dots(), "f", "t");
  EXPECT_EQ(count(html, ">0.250 [0.125, 0.500], p 0.01</text>"), 2);  // in both versions
  EXPECT_EQ(count(html, ">−0.500 [−1.000, 0.000]</text>"), 2);
  EXPECT_NE(html.find(" W50: 0.250 [0.125, 0.500], p 0.01. C0:"), html.npos);
}

// The reference at 0 lies under the end of the interval that ends at 0.
TEST(DotChart, PutsIntervalsAndReferencesOnOneScale) {
  const std::string svg = wide_of(draw_chart(dots(), "f", "t"));
  const std::size_t line = svg.find("class=\"reference\" x1=\"");
  ASSERT_NE(line, svg.npos);
  const std::string x = svg.substr(line + 22, svg.find('"', line + 22) - line - 22);
  EXPECT_NE(svg.find(" H" + x + " "), svg.npos) << x;
}

TEST(DotChart, DrawsControlsHollowAndSaysSo) {
  DotChart chart = dots();
  EXPECT_EQ(count(draw_chart(chart, "f", "t"), "hollow"), 0);
  chart.groups[0].rows[1].control = true;
  const std::string svg = wide_of(draw_chart(chart, "f", "t"));
  EXPECT_EQ(count(svg, "class=\"hollow"), 2);  // the row and the key
  EXPECT_NE(svg.find(">control</text>"), svg.npos);
}

TEST(DotChart, RefusesWhatItCannotDraw) {
  const auto refusal = [](auto change) {
    DotChart chart = dots();
    change(chart, chart.groups[0].rows[0]);
    return message_of<ValueError>([&] { check_chart(chart, "f"); });
  };
  EXPECT_EQ(refusal([](DotChart& c, DotRow&) { c.groups.clear(); }),
            "report: f: expected a point to draw, got none");
  EXPECT_EQ(refusal([](DotChart&, DotRow& r) { r.value = 2; }),
            "report: f: row W50: expected an interval around 2, got 0.125 .. 0.5");
  EXPECT_EQ(refusal([](DotChart&, DotRow& r) { r.high = std::nan(""); }),
            "report: f: row W50: expected both ends of an interval or none, got 0.125 .. nan");
  EXPECT_EQ(refusal([](DotChart& c, DotRow&) {
              c.zone = Zone{1, 0, "z"};
            }),
            "report: f: zone z: expected finite ends in order, got 1 .. 0");
}

HeatMap map_of(Values first, Values second) {
  HeatMap map;
  map.row_label = "rule";
  map.column_label = "batch";
  map.rows = {"fixed", "as b"};
  for (std::size_t c = 0; c < first.size(); ++c) map.columns.push_back(std::to_string(c));
  map.values = {std::move(first), std::move(second)};
  return map;
}

TEST(HeatMap, IsStrongerTheLargerTheNumber) {
  const std::string svg = wide_of(draw_chart(map_of({0, 1}, {2, 4}), "f", "t"));
  EXPECT_EQ(all_of(svg, "fill-opacity"), (Values{0.040, 0.265, 0.490, 0.940}));
  for (const char* number : {">0.00</text>", ">1.00</text>", ">4.00</text>"})
    EXPECT_NE(svg.find(number), svg.npos) << number;
}

TEST(HeatMap, TellsTheSidesOfAMiddleApartWithoutColour) {
  HeatMap map = map_of({-1, 0}, {0.5, std::nan("")});
  map.middle = 0;
  const std::string svg = wide_of(draw_chart(map, "f", "t"));
  EXPECT_NE(svg.find(">−1.00</text>"), svg.npos);
  EXPECT_NE(svg.find(">+0.50</text>"), svg.npos);
  EXPECT_NE(svg.find(">0.00</text>"), svg.npos);
  EXPECT_NE(svg.find(">–</text>"), svg.npos);  // what was not measured
  EXPECT_EQ(count(svg, "class=\"corner"), 2);  // the cell below the middle, and the key
}

/// Relative luminance as WCAG 2 defines it.
double luminance(const std::array<double, 3>& colour) {
  constexpr std::array<double, 3> kWeights = {0.2126, 0.7152, 0.0722};
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double c = colour[i] / 255;
    sum += kWeights[i] * (c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return sum;
}

std::array<double, 3> rgb(Theme theme, const char* name) {
  const std::string text(theme_colour(theme, name));
  const auto part = [&](std::size_t i) { return std::stod("0x" + text.substr(i, 2)); };
  return {part(1), part(3), part(5)};
}

TEST(HeatMap, KeepsItsNumbersLegibleInBothThemes) {
  for (const Theme theme : {Theme::light, Theme::dark})
    for (const char* side : {"above", "below"}) {
      double before = -1;
      for (double shade = kFaintestCell; shade <= kStrongestCell; shade += 0.001) {
        std::array<double, 3> cell = rgb(theme, side);
        const std::array<double, 3> paper = rgb(theme, "paper");
        for (std::size_t i = 0; i < 3; ++i) cell[i] = shade * cell[i] + (1 - shade) * paper[i];
        const double back = luminance(cell);
        const double text = luminance(rgb(theme, shade >= kReverseText ? "reverse" : "cell"));
        EXPECT_GE((std::max(back, text) + 0.05) / (std::min(back, text) + 0.05), 4.5)
            << side << " at " << shade;
        // In grey too, a stronger cell is farther from the paper.
        const double distance = std::abs(back - luminance(paper));
        EXPECT_GT(distance, before);
        before = distance;
      }
    }
}

TEST(HeatMap, TurnsOnPhonesWhereItsCellsGetWider) {
  Values row;
  for (int i = 0; i < 12; ++i) row.push_back(i);
  const std::string html = draw_chart(map_of(row, row), "f", "t");
  EXPECT_GT(all_of(wide_of(html), "width")[0], 40);
  EXPECT_GT(all_of(narrow_of(html), "width")[0], 40);
}

TEST(HeatMap, RefusesWhatItCannotDraw) {
  const auto refusal = [](auto change) {
    HeatMap map = map_of({0, 1}, {2, 3});
    change(map);
    return message_of<ValueError>([&] { check_chart(map, "f"); });
  };
  EXPECT_EQ(refusal([](HeatMap& m) { m.values[1].pop_back(); }),
            "report: f: expected 2 values a row, got 1");
  EXPECT_EQ(refusal([](HeatMap& m) { m.values[1][0] = std::numeric_limits<double>::infinity(); }),
            "report: f: expected finite values, got inf");
  EXPECT_EQ(refusal([](HeatMap& m) {
              for (Values& row : m.values) row.assign(2, std::nan(""));
            }),
            "report: f: expected a number to draw, got none");
  EXPECT_EQ(refusal([](HeatMap& m) {
              m.notes = {{"a", "b"}};
            }),
            "report: f: expected 2 rows of notes, got 1");
}

SmallMultiples multiples() {
  SmallMultiples chart;
  chart.x.label = "layer";
  chart.y.label = "AUC";
  chart.panels = {{"C0", {series_of("name", {0, 1}, {0, 1}), series_of("id", {0, 1}, {1, 2})}},
                  {"W50", {series_of("id", {0, 1}, {2, 4})}}};
  return chart;
}

// 4 is the upper end of the shared axis, so that the 2 that is the first panel's most stands
// halfway.
TEST(SmallMultiples, ShareTheirAxesAndTheLooksOfTheirSeries) {
  const std::string svg = wide_of(draw_chart(multiples(), "f", "t"));
  EXPECT_EQ(count(svg, ">W50</text>"), 1);
  EXPECT_EQ(count(svg, "curve plain l1"), 3);  // "id" in both panels and in the key
  EXPECT_EQ(count(svg, ">4</text>"), 1);       // the axis is numbered once
  EXPECT_NE(svg.find("<title>id, 1: 4</title>"), svg.npos);
}

TEST(SmallMultiples, RefuseWhatTheyCannotDraw) {
  const auto refusal = [](auto change) {
    SmallMultiples chart = multiples();
    change(chart);
    return message_of<ValueError>([&] { check_chart(chart, "f"); });
  };
  EXPECT_EQ(refusal([](SmallMultiples& c) { c.panels.clear(); }),
            "report: f: expected 1 .. 24 panels, got 0");
  EXPECT_EQ(refusal([](SmallMultiples& c) { c.panels[1].title = ""; }),
            "report: f: expected a title of every panel, got none");
  EXPECT_EQ(refusal([](SmallMultiples& c) { c.panels[1].series[0].y.clear(); }),
            "report: f: panel W50: series id: expected as many x as y, got 2 and 0");
  EXPECT_EQ(refusal([](SmallMultiples& c) { c.panels[1].series.push_back(c.panels[1].series[0]); }),
            "report: f: panel W50: expected series of different names, got id twice");
}

}  // namespace
}  // namespace chainline::experiments
