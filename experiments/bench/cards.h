#pragma once

#include <string>

#include "experiments/bench/results.h"

namespace chainline::experiments {

/// What the figures were measured on: the processor, and its limits measured in the same run.
std::string machine_card(const BenchResults& results);

/// A kernel card for each op, in the order of the file: what it computes; for every call its shape,
/// the median time on so many threads and the spread of the repetitions, GFLOP/s or GB/s, the share
/// of the f32 peak or of the copy bandwidth, how much the threads gained, and the time of each
/// contender as a share of ours. A call whose answer was wrong has no figures. Scaling benchmarks
/// are drawn as curves (curves.h).
std::string kernel_cards(const BenchResults& results);

/// 0.000160 s as "160.0 us": four digits at least, of the unit that leaves one to four before the
/// point.
std::string time_text(double seconds);

/// "1 thread", "2 threads"; for 0 "the device".
std::string threads_text(int threads);

}  // namespace chainline::experiments
