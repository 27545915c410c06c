#pragma once

#include <functional>
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
  std::vector<int> in;  ///< by user; may be empty for runs of utility alone
  /// By user, whom it shares the pictures with that it was measured on; -1 for nobody. Empty where
  /// the result doesn't say.
  std::vector<std::int64_t> partners;
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

/// A measure of some runs.
struct Measurement {
  std::vector<StudyRun> runs;
  /// [run][user], NaN where there is none; a run without the measure has no users.
  std::vector<std::vector<double>> values;
  std::string reference;  ///< the condition whose values are subtracted, "" for none
};

/// As the runs have it.
Measurement as_measured(const std::vector<StudyRun>& runs, const std::string& measure,
                        const std::string& layer);

/// Less what the run of `reference` with the same number says of the same user on the same pictures,
/// which takes out how users and pictures differ. Runs without such a partner are left out.
///
/// **Errors** FileError for two runs of a number with other users IN.
Measurement less_reference(const std::vector<StudyRun>& runs,
                           const std::vector<StudyRun>& reference, const std::string& measure,
                           const std::string& layer);

/// As effects and attacks take it: loss, phi and prompt, which say more of a user's pictures than of
/// the training, less those of B, the same base before any fine-tuning, where a run has its B (the
/// others are then left out); everything else, B itself, and runs of which none has a B, as it is.
Measurement measurement(const Runs& all, const std::vector<StudyRun>& runs,
                        const std::string& measure, const std::string& layer);

/// Runs of which a measure is there, the users without a value left out. Two users who share their
/// pictures are a group (UserRuns::groups), within which IN could have been dealt otherwise; a user
/// whose partner is left out stays what it was. Where nothing is known of partners, all users of the
/// run are one group.
struct MeasuredRuns {
  UserRuns values;
  Sources sources;
};

/// Runs whose IN or OUT users all lack the measure are left out.
MeasuredRuns measured(const Measurement& measurement);
MeasuredRuns measured(const std::vector<StudyRun>& runs, const std::string& measure,
                      const std::string& layer);

/// Pairs of runs with the same number.
std::vector<std::pair<StudyRun, StudyRun>> paired(const std::vector<StudyRun>& a,
                                                  const std::vector<StudyRun>& b);

}  // namespace chainline::experiments
