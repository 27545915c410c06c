#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace chainline::experiments {

/// What one benchmark took, repetition by repetition.
struct Timing {
  std::string call;       ///< "layer_norm/forward/vit": the op, and what it was called with
  std::string contender;  ///< whose time it is, "openblas"; empty: the library's own
  int threads = 1;        ///< 0 where another device than the CPU computed
  std::string shape;
  std::vector<double> seconds;             ///< of a call, one for each repetition
  std::map<std::string, double> counters;  ///< the medians over the repetitions
  std::map<std::string, double> spreads;   ///< of the counters, as spread() has it
  std::string refused;                     ///< why there are no times; empty when there are

  std::string op() const { return call.substr(0, call.find('/')); }
  /// What two runs of the same benchmark have in common.
  std::string key() const { return call + '|' + contender + '|' + std::to_string(threads); }
};

/// What a run of the benchmarks wrote.
struct BenchResults {
  std::string date, processor, instruction_set;  // empty where the file doesn't say
  /// The other device that computed, empty where none did: its name, the libraries that contend on it
  /// and what it reached at most, in GFLOP/s and GB/s.
  std::string device, libraries;
  double f32_peak = 0, bf16_peak = 0, device_copy = 0;
  bool emulated = false;             ///< the times of such a device say nothing
  double load = 0;                   // of the minute before it started
  std::map<int, double> peak, copy;  // GFLOP/s and GB/s that so many threads reached at most
  std::vector<Timing> timings;
};

/// Reads the JSON of Google Benchmark, as `chainline_bench --benchmark_out=FILE` writes it. The
/// results of other programs can be read too; what they don't tell stays empty.
///
/// A name is op/what/shape/threads=N, or device=cuda in place of the threads, with the contender before
/// them where the benchmark has the counter `vs`. One thread is timed by its processor time, which Google Benchmark calls
/// cpu_time, unless the name ends in /real_time or /manual_time; more threads by real_time.
///
/// Errors   FileError naming the file and what is not as Google Benchmark writes it
BenchResults read_bench_results(const std::filesystem::path& path);

double median(std::vector<double> values);
/// Half the distance between the quartiles, as a share of the median.
double spread(const std::vector<double>& values);

}  // namespace chainline::experiments
