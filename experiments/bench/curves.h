#pragma once

#include <string>
#include <vector>

#include "experiments/bench/results.h"

namespace chainline::experiments {

/// A curve is a row of calls that differ in one size: "scaling/batch=1", "scaling/batch=2", ... The
/// same work costs the same at each point when GFLOP/s stays the same; a cliff is where it doesn't.
struct Curve {
  std::string axis;  ///< "batch"
  int threads = 1;
  std::vector<double> x;       ///< ascending
  std::vector<double> gflops;  ///< per second, as many as x
};

/// How far speeds are apart, as a ratio of at least 1, and where.
struct Cliff {
  double ratio = 1;
  double fast_x = 0, slow_x = 0;
};

/// Whether the call is a point of a curve: its last part is axis=number, and it counts flops.
bool is_curve(const Timing& timing);

/// The curves of some points, by axis and threads in the order in which they come.
std::vector<Curve> curves_of(const std::vector<Timing>& timings);

/// The largest ratio of speeds between neighbours.
Cliff largest_step(const Curve& curve);
/// The ratio between the fastest and the slowest point.
Cliff largest_gap(const Curve& curve);

/// The curves as bars of GFLOP/s, each with its largest step and gap.
std::string curve_card(const std::string& op, const std::vector<Timing>& timings);

}  // namespace chainline::experiments
