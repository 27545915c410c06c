#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/analysis/analysis.h"
#include "experiments/statistics/statistics.h"
#include "tensor/random.h"

namespace chainline::experiments {

/// A number of a figure, null where it is none: JSON knows neither NaN nor infinity.
Json number(double value);

/// The number at a place, NaN for null or a missing key.
double number_at(const Json& object, const std::string& key);

/// The numbers of a list of numbers, booleans and nulls, null as NaN.
///
/// **Errors** FileError naming `where`.
std::vector<double> numbers(const Json& list, const std::string& where);

/// Where an estimate comes from.
struct Sources {
  std::vector<std::int64_t> seeds;  ///< run numbers
  std::int64_t users = 0;           ///< of a run, at most
};

/// E of analyse(): `interval` absent where one value alone is there.
Json estimate(double mean, const std::optional<Interval>& interval, const Sources& sources);

/// The stream of random numbers for one figure, named by what it is for, so that figures don't
/// depend on which others there are.
Generator stream(const AnalysisOptions& options, const std::string& what);

/// Student's limits over runs as "t_low" and "t_high", null for one run; other names by `suffix`.
void add_student(Json& into, std::span<const double> per_run, double confidence,
                 const char* low = "t_low", const char* high = "t_high");

/// T of analyse() from one number per run; `controls` by run and relabelling, empty without.
/// `interval` of E; absent: null.
Json run_estimate(std::span<const double> per_run, const std::vector<std::vector<double>>& controls,
                  const std::optional<Interval>& interval, const Sources& sources,
                  const AnalysisOptions& options, const std::string& what);

/// P of a mean over runs at or above the one seen, if the true one is 0 (Student, one-sided); null
/// for one run, or runs that do not vary.
Json student_p(std::span<const double> per_run);

/// Sets "p_corrected" of each object that has a "p", Holm over all of them.
void add_holm(const std::vector<Json*>& objects, const char* p = "p",
              const char* corrected = "p_corrected");

}  // namespace chainline::experiments
