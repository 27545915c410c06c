#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "experiments/data/json.h"

namespace chainline::experiments {

enum class Answer { yes, no, open };

/// One question that a claim puts to the figures.
struct Trial {
  std::string what;
  Answer answer = Answer::open;
  double mean = kNone, low = kNone, high = kNone, p = kNone, p_corrected = kNone;
  std::int64_t runs = 0, users = 0;
  std::string threshold;
  std::string note;        ///< why it is open, where that is not its interval
  double scale = 1;        ///< 100 where the sentence says percent points
  double minimum = kNone;  ///< of tests by p that still wait for their correction
  /// What the effect must lie in: correct_trials() says no where wider limits lie outside.
  double from = kNone, to = kNone;
  std::vector<double> per_run;  ///< what those limits are of; empty: the answer stands as it is
  double wide_low = kNone, wide_high = kNone, confidence = kNone;  ///< those limits, two-sided
  double p_no = kNone;  ///< the least level of the whole claim at which they say no

  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
};

/// A question about what is not there.
Trial missing_trial(const std::string& what, const std::string& needed);

/// "It is above 0, by `minimum` at least": yes if the corrected p is below the level and the mean
/// reaches the minimum; no if Student's interval of the row (T of analyse()) lies below `from`, which
/// is the minimum unless a claim lowers it, at a confidence that counts the claim's trials; else
/// open. The answer comes with
/// correct_trials().
Trial above_trial(const std::string& what, const Json& row, double minimum, double p);

/// The answers of the m trials of a claim together: Holm over those that have a p; and no, of those
/// over runs (above_trial, or with per_run), where Student's limits at the level / m lie outside of
/// what is claimed. So the chance that any of them says no to what is true, and the claim is called
/// not supported, is at most the level. Below kFewestRuns they are open.
void correct_trials(std::vector<Trial>& trials);

/// Opens a trial of fewer than kFewestRuns runs.
void require_runs(Trial& trial);

/// "It lies between": yes if the interval does, no if it lies outside, else open.
Trial between_trial(const std::string& what, double mean, double low, double high, double from,
                    double to);

/// "It is below (above) `limit`": yes if the interval is, no if it is not anywhere, else open.
Trial below_trial(const std::string& what, double mean, double low, double high, double limit);
Trial beyond_trial(const std::string& what, double mean, double low, double high, double limit);

Json to_json(const Trial& trial);
/// "W100 - C0 +12.0 (95 % +9.1 to +15.2, p 0.001)", with what keeps it open.
std::string sentence(const Trial& trial);

/// Rows of the analysis, found by members; nullptr where none is.
const Json* find_row(const Json& rows, const Json& wanted);
/// A place in nested objects; nullptr where there is none, or null.
const Json* find_path(const Json& json, const std::vector<std::string>& keys);

}  // namespace chainline::experiments
