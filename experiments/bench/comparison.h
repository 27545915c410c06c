#pragma once

#include <string>
#include <vector>

#include "experiments/bench/rank_test.h"
#include "experiments/bench/results.h"

namespace chainline::experiments {

/// The level of the comparison: below it a corrected p calls two times different.
inline constexpr double kComparisonLevel = 0.01;

/// A benchmark that both runs have.
struct ComparedCall {
  Timing before, after;
  RankTest test;
  double p = 1;  ///< corrected for the number of calls compared (Holm)

  bool different() const { return p < kComparisonLevel; }
};

struct BenchComparison {
  std::vector<ComparedCall> calls;
  std::vector<std::string> only_before, only_after;  ///< names
};

/// Compares what both runs timed: for each benchmark the Mann-Whitney U test on the repetitions,
/// two-sided, at the level kComparisonLevel after Holm's correction for the number of benchmarks,
/// and the ratio of the times with its interval (rank_test.h). Contenders are left out.
///
/// The test knows the noise within a run. What differs between runs besides the library, another
/// load or clock, it takes for a difference; comparison_text shows the limits of both machines.
///
/// **Errors** FileError when no benchmark is in both.
BenchComparison compare_results(const BenchResults& before, const BenchResults& after,
                                const std::string& before_name);

/// A table of it, and what was tested and how.
std::string comparison_text(const BenchComparison& comparison, const BenchResults& before,
                            const BenchResults& after, const std::string& before_name);

}  // namespace chainline::experiments
