#include "experiments/bench/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "experiments/bench/cards.h"
#include "experiments/bench/computes.h"
#include "experiments/program/text_table.h"

namespace chainline::experiments {
namespace {

constexpr double kBarWidth = 40;  // letters of the fastest point's bar

struct Place {
  std::string axis;
  double x;
};

/// "batch" and 64 of "scaling/batch=64".
std::optional<Place> place_of(const std::string& call) {
  const std::size_t slash = call.rfind('/'), equals = call.rfind('=');
  if (slash == std::string::npos || equals == std::string::npos || equals < slash)
    return std::nullopt;
  char* end = nullptr;
  const double x = std::strtod(call.c_str() + equals + 1, &end);
  if (*end != '\0' || end == call.c_str() + equals + 1) return std::nullopt;
  return Place{call.substr(slash + 1, equals - slash - 1), x};
}

Cliff between(const Curve& curve, std::size_t a, std::size_t b) {
  if (curve.gflops[a] < curve.gflops[b]) std::swap(a, b);
  return {curve.gflops[a] / curve.gflops[b], curve.x[a], curve.x[b]};
}

std::string cliff_text(const Curve& curve, const Cliff& cliff) {
  return fmt::format("{:.2f} x ({} {:g}, {} {:g})", cliff.ratio, curve.axis, cliff.fast_x,
                     curve.axis, cliff.slow_x);
}

std::string bars(const Curve& curve, const std::vector<Timing>& timings) {
  const double best = *std::max_element(curve.gflops.begin(), curve.gflops.end());
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    std::string samples, time, share;
    for (const Timing& t : timings) {
      const auto place = place_of(t.call);
      if (!place || t.seconds.empty() || t.threads != curve.threads || place->axis != curve.axis ||
          place->x != curve.x[i])
        continue;
      time = fmt::format("{} ± {:.0f} %", time_text(median(t.seconds)), 100 * spread(t.seconds));
      const auto rate = t.counters.find("samples/s");
      if (rate != t.counters.end()) samples = fmt::format("{:.1f}", rate->second);
      const auto peak = t.counters.find("of_peak");
      if (peak != t.counters.end()) share = fmt::format("{:.2f}", peak->second);
    }
    const auto letters = static_cast<std::size_t>(curve.gflops[i] / best * kBarWidth + 0.5);
    rows.push_back({fmt::format("{:g}", curve.x[i]), time, samples, share,
                    fmt::format("{:.1f}", curve.gflops[i]), std::string(letters, '#')});
  }
  return text_table({{curve.axis, true},
                     {"time", true},
                     {"samples/s", true},
                     {"of peak", true},
                     {"GFLOP/s", true},
                     {""}},
                    rows);
}

}  // namespace

bool is_curve(const Timing& timing) { return place_of(timing.call).has_value(); }

std::vector<Curve> curves_of(const std::vector<Timing>& timings) {
  std::vector<Curve> curves;
  for (const Timing& t : timings) {
    const auto place = place_of(t.call);
    const auto speed = t.counters.find("GFLOP/s");
    if (!place || speed == t.counters.end()) continue;
    auto curve = std::find_if(curves.begin(), curves.end(), [&](const Curve& c) {
      return c.axis == place->axis && c.threads == t.threads;
    });
    if (curve == curves.end()) {
      curves.push_back({place->axis, t.threads, {}, {}});
      curve = curves.end() - 1;
    }
    const auto at = std::upper_bound(curve->x.begin(), curve->x.end(), place->x);
    curve->gflops.insert(curve->gflops.begin() + (at - curve->x.begin()), speed->second);
    curve->x.insert(at, place->x);
  }
  return curves;
}

Cliff largest_step(const Curve& curve) {
  Cliff largest;
  for (std::size_t i = 1; i < curve.x.size(); ++i) {
    const Cliff step = between(curve, i - 1, i);
    if (step.ratio > largest.ratio) largest = step;
  }
  return largest;
}

Cliff largest_gap(const Curve& curve) {
  const auto [slow, fast] = std::minmax_element(curve.gflops.begin(), curve.gflops.end());
  return between(curve, static_cast<std::size_t>(fast - curve.gflops.begin()),
                 static_cast<std::size_t>(slow - curve.gflops.begin()));
}

std::string curve_card(const std::string& op, const std::vector<Timing>& timings) {
  const std::string line = computes(op);
  std::string text = op + "\n" + (line.empty() ? "" : "  " + line + "\n");
  for (const Curve& curve : curves_of(timings)) {
    text += fmt::format("\n{}, {}\n", curve.axis, threads_text(curve.threads));
    text += bars(curve, timings);
    text +=
        fmt::format("largest step between neighbours {}, best against worst {}\n",
                    cliff_text(curve, largest_step(curve)), cliff_text(curve, largest_gap(curve)));
  }
  for (const Timing& t : timings) {
    if (!t.refused.empty())
      text += fmt::format("{}, {}: refused: {}\n", t.call, threads_text(t.threads), t.refused);
  }
  return text;
}

}  // namespace chainline::experiments
