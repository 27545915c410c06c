#pragma once

#include <optional>
#include <string>
#include <vector>

namespace chainline::experiments {

/// One curve. `low` and `high`, when given, are an interval for every point: whiskers where the
/// points have marks, a band where they are too many for marks.
struct Series {
  std::string name;
  std::vector<double> x, y;
  std::vector<double> low, high;
  bool dashed = false;  // for controls and baselines
  int smooth = 0;       // above 0: the mean of up to this many points to either side is drawn, over
                        // the points themselves in a faint stroke
};

/// Equal distances are equal differences, or equal ratios. On log2 ticks are powers of two, for
/// sizes of batches; on log10 powers of ten or 1, 2, 5 times such.
enum class Scale { linear, log2, log10 };

/// A place on an axis with a name of its own, for instance {8192, "full"}.
struct NamedTick {
  double at = 0;
  std::string name;
};

struct Axis {
  std::string label;
  std::optional<double> low, high;  // shown even where the data end earlier
  bool percent = false;             // 0.5 is written 50 %
  std::vector<std::string> names;   // of the places 0, 1, 2, ... along x, instead of numbers
  Scale scale = Scale::linear;
  std::vector<NamedTick> extra_ticks;  // along x, instead of the numbers they would cover
};

/// A level to hold the curves against, for instance chance.
struct ReferenceLine {
  double y = 0;
  std::string label;
};

struct LineChart {
  Axis x, y;
  std::vector<Series> series;  // at most 6: more cannot be told apart
  std::vector<ReferenceLine> references;
};

/// Refuses what cannot be drawn: no finite point, lists of different lengths, x in descending
/// order, an interval that does not hold its point, too many series, and on a logarithmic axis what
/// is not above 0. A point whose y is not finite is a gap. On a logarithmic axis alone an interval
/// may reach 0 or below; it then ends at the edge of the plot.
///
/// **Errors** ValueError `report: figure: expected X, got Y`.
void check_chart(const LineChart& chart, const std::string& figure);

/// The chart as inline SVG, in a wide version with labels at the curves' ends and in a narrow one
/// with a legend; the style sheet shows one of them. `figure` begins the ids within.
std::string draw_chart(const LineChart& chart, const std::string& figure, const std::string& title);

}  // namespace chainline::experiments
