#include "experiments/report/chart.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "experiments/report/ticks.h"
#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;
using Values = std::vector<double>;

TEST(NiceTicks, AreRoundNumbersWithinTheRange) {
  EXPECT_EQ(nice_ticks(0, 10, 6).values, (Values{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(nice_ticks(0, 10, 11).values, (Values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(nice_ticks(-1, 1, 5).values, (Values{-1, -0.5, 0, 0.5, 1}));
  EXPECT_EQ(nice_ticks(0.93, 1.004, 7).values, (Values{0.94, 0.96, 0.98, 1}));
  EXPECT_EQ(nice_ticks(0, 1199, 7).values, (Values{0, 200, 400, 600, 800, 1000}));
  EXPECT_EQ(nice_ticks(0.13, 0.88, 5).values, (Values{0.2, 0.4, 0.6, 0.8}));
  EXPECT_EQ(nice_ticks(3e6, 3.1e6, 3).values, (Values{3e6, 3.05e6, 3.1e6}));
}

TEST(NiceTicks, CountTheDecimalsTheyNeed) {
  EXPECT_EQ(nice_ticks(0, 10, 6).decimals, 0);
  EXPECT_EQ(nice_ticks(0, 1, 6).decimals, 1);
  EXPECT_EQ(nice_ticks(0.001, 0.0015, 6).decimals, 4);
}

TEST(NiceTicks, NeverExceedTheirNumberAndKeepAtLeastOne) {
  for (const double span : {1e-9, 0.37, 1.0, 9.99, 12345.0, 1e12})
    for (int most = 2; most < 15; ++most) {
      const Ticks ticks = nice_ticks(-span / 3, span, most);
      EXPECT_LE(ticks.values.size(), static_cast<std::size_t>(most)) << span;
      EXPECT_GE(ticks.values.size(), 1u) << span;
    }
}

TEST(NiceTicks, OfAPointAreThePoint) { EXPECT_EQ(nice_ticks(3, 3, 5).values, Values{3}); }

TEST(NiceTicks, RefuseWhatIsNoRange) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(message_of<ValueError>([&] { nice_ticks(0, inf, 5); }),
            "nice_ticks: range: expected finite bounds in order and at least 2 ticks, got 0 .. inf "
            "and 5");
  EXPECT_NE(message_of<ValueError>([&] { nice_ticks(1, 0, 5); }).find("got 1 .. 0"),
            std::string::npos);
}

LineChart chart_of(Values x, Values y) {
  LineChart chart;
  chart.x.label = "step";
  chart.y.label = "loss";
  chart.series = {{"run", std::move(x), std::move(y), {}, {}, false, 0}};
  return chart;
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t i = text.find(part); i != text.npos; i = text.find(part, i + 1)) ++found;
  return found;
}

// y from 0 to 4 on a wide drawing: the plot is 30 .. 294 high, so 1 lies at 294 - 264 / 4 = 228.
TEST(Chart, PutsPointsWhereTheyBelong) {
  const std::string svg = draw_chart(chart_of({0, 1, 2, 3}, {0, 4, 1, 2}), "f", "title");
  EXPECT_NE(svg.find("cy=\"228.0\""), svg.npos);
  EXPECT_NE(svg.find("cy=\"294.0\""), svg.npos);
  EXPECT_NE(svg.find("cy=\"30.0\""), svg.npos);
}

TEST(Chart, TellsItsValuesToThoseWhoCannotSeeIt) {
  LineChart chart = chart_of({0, 1}, {0.25, 0.5});
  chart.y.percent = true;
  chart.references = {{0.5, "chance 50 %"}};
  const std::string svg = draw_chart(chart, "f", "A title");
  EXPECT_NE(svg.find("<title id=\"f-wide-title\">A title</title>"), svg.npos);
  EXPECT_NE(svg.find("Line chart of loss against step. run: 25.0 % at 0, 50.0 % at 1. Reference: "
                     "chance 50 %."),
            svg.npos);
  EXPECT_NE(svg.find("<title>run, 1: 50.0 %</title>"), svg.npos);
}

TEST(Chart, BreaksTheCurveWhereAValueIsMissing) {
  const double nan = std::nan("");
  const std::string whole = draw_chart(chart_of({0, 1, 2, 3, 4}, {1, 2, 3, 2, 1}), "f", "t");
  const std::string broken = draw_chart(chart_of({0, 1, 2, 3, 4}, {1, 2, nan, 2, 1}), "f", "t");
  const std::string stroke = "<path class=\"curve plain l0\" d=\"M";
  EXPECT_EQ(count(broken, stroke), count(whole, stroke) + 2);  // one more in each version
  EXPECT_EQ(broken.find("nan"), broken.npos);
}

// Means over one neighbour to either side, none at the ends: 0, 3, 3, 0 of a plot 0 .. 6.
TEST(Chart, DrawsARunningMeanOverFaintPoints) {
  LineChart chart = chart_of({0, 1, 2, 3}, {0, 3, 6, 0});
  chart.series[0].smooth = 1;
  const std::string svg = draw_chart(chart, "f", "t");
  EXPECT_EQ(count(svg, "class=\"curve faint l0\""), 2);
  const std::size_t mean = svg.find("curve plain l0\" d=\"M", svg.find("<svg class=\"wide\""));
  const std::string d = svg.substr(mean, svg.find('>', mean) - mean);
  EXPECT_EQ(count(d, " 162.0"), 2) << d;  // halfway between 30 and 294
  EXPECT_EQ(count(d, " 294.0"), 2) << d;
}

// 100,000 points on at most 792 columns: two a column and no more; the single spike survives.
TEST(Chart, ThinsDenseCurvesAndKeepsTheirPeaks) {
  Values x, y;
  for (int i = 0; i < 100'000; ++i) {
    x.push_back(i);
    y.push_back(i == 54'321 ? 10.0 : i % 2 == 0 ? 0.0 : 1.0);
  }
  const std::string svg = draw_chart(chart_of(x, y), "f", "t");
  EXPECT_LT(svg.size(), 60'000u);
  EXPECT_NE(svg.find(" 30.0 L"), svg.npos);  // 10 is the upper end of the plot
}

TEST(Chart, ShowsIntervalsAsWhiskersOrAsABand) {
  LineChart few = chart_of({0, 1}, {1, 2});
  few.series[0].low = {0.5, 1.5};
  few.series[0].high = {1.5, 2.5};
  EXPECT_EQ(count(draw_chart(few, "f", "t"), "class=\"whisker l0\""), 4);  // two in each version
  Values x, y, low, high;
  for (int i = 0; i < 100; ++i) {
    x.push_back(i);
    y.push_back(i);
    low.push_back(i - 1);
    high.push_back(i + 1);
  }
  LineChart many = chart_of(x, y);
  many.series[0].low = low;
  many.series[0].high = high;
  const std::string svg = draw_chart(many, "f", "t");
  EXPECT_EQ(count(svg, "class=\"whisker"), 0);
  EXPECT_EQ(count(svg, "class=\"band f0\""), 2);
}

TEST(Chart, DrawsASinglePointAndAConstant) {
  for (const double value : {0.0, -3.0, 1e-12}) {
    const std::string svg = draw_chart(chart_of({5}, {value}), "f", "t");
    EXPECT_EQ(svg.find("nan"), svg.npos);
    EXPECT_EQ(svg.find("inf"), svg.npos);
  }
}

}  // namespace
}  // namespace chainline::experiments
