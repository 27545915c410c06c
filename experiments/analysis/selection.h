#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/analysis/estimate.h"
#include "experiments/analysis/study_results.h"
#include "experiments/statistics/user_runs.h"

namespace chainline::experiments {

/// All conditions of a study, in the order of its tables.
const std::vector<std::string>& study_conditions();

/// The share of images that carry a watermark, for C0 and the W conditions; nullopt for others.
std::optional<double> rate_of(const std::string& condition);

/// How a model was tuned, beside on what.
struct RunSettings {
  std::string mix, optimizer;
  std::int64_t batch = 0;
  double rate_factor = 1;
  std::int64_t lora_rank = 0;  ///< 0 where all weights were trained

  friend bool operator==(const RunSettings&, const RunSettings&) = default;
};

/// A run's coordinates, and its JSON.
struct StudyRun {
  std::string condition, tuning, measures;
  std::int64_t run = 0;
  RunSettings settings;
  double private_noise = 0;
  std::vector<int> in;         ///< by user; may be empty for runs of utility alone
  const Json* json = nullptr;  ///< into StudyResults::runs

  /// "run 3 of W100", for errors.
  std::string where() const;
};

/// The runs of a study, sorted by number. Of runs that agree in everything but in what was measured
/// each stays, the one with more measures first.
class Runs {
 public:
  /// **Errors** FileError for a run without its coordinates; `results` must outlive this.
  explicit Runs(const StudyResults& results);

  /// The settings that most runs with all measures have, of C0 first where as many have others;
  /// nullopt without a run of that tuning.
  std::optional<RunSettings> main_settings(const std::string& tuning) const;
  /// Tunings of which there are runs: "lora" first.
  std::vector<std::string> tunings() const;

  /// Runs of a condition at the main settings of a tuning, without noise for privacy, that have the
  /// member `part` ("users", "probes", "utility"); at most one of each number. B has no settings.
  std::vector<StudyRun> main(const std::string& condition, const std::string& tuning,
                             const std::string& part) const;

  /// Runs that pass and have the member, in order; at most one of each number.
  std::vector<StudyRun> where(const std::function<bool(const StudyRun&)>& passes,
                              const std::string& part) const;

  const std::vector<StudyRun>& all() const { return runs_; }

 private:
  std::vector<StudyRun> runs_;
};

std::vector<std::int64_t> seeds_of(const std::vector<StudyRun>& runs);
/// Seeds, and the largest number of users.
Sources sources_of(const std::vector<StudyRun>& runs);

/// The names of the measures of users, in the order of their tables, and the sign that memorization
/// gives the difference IN - OUT of each.
struct UserMeasure {
  std::string name;
  int direction = 1;
};
const std::vector<UserMeasure>& user_measures();

/// A measure of one run by user, NaN for users without it (and, for exposure_fit, those whose fit is
/// not to be trusted); empty where the run has it not at all. "decision" is that of the username
/// probe at `layer`.
std::vector<double> user_values(const StudyRun& run, const std::string& measure,
                                const std::string& layer);

/// Runs of which a measure is there, the users without a value left out.
struct MeasuredRuns {
  UserRuns values;
  Sources sources;
};

/// Runs whose IN or OUT users all lack the measure are left out.
MeasuredRuns measured(const std::vector<StudyRun>& runs, const std::string& measure,
                      const std::string& layer);

/// The same of a function of each run: its values by user, NaN where there is none.
MeasuredRuns measured(const std::vector<StudyRun>& runs,
                      const std::function<std::vector<double>(const StudyRun&)>& values);

/// Pairs of runs with the same number.
std::vector<std::pair<StudyRun, StudyRun>> paired(const std::vector<StudyRun>& a,
                                                  const std::vector<StudyRun>& b);

}  // namespace chainline::experiments
