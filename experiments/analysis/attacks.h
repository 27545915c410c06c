#pragma once

#include <utility>
#include <vector>

#include "experiments/analysis/selection.h"

namespace chainline::experiments {

/// "memorization" of analyse(): counterfactual memorization per user.
Json memorization_table(const Runs& runs, const std::string& layer);

/// "attacks" of analyse(): who was IN, told by likelihood ratios and by thresholds.
Json attack_table(const Runs& runs, const AnalysisOptions& options);

/// What an attack by threshold proves to leak at least, over all runs: each run's users are judged by
/// the threshold with the largest TPR - FPR in the other runs, so that none is chosen on its own
/// trials; counts are added and audited_epsilon() bounds epsilon as if users were independent.
/// `direction` -1: members have low values. Null for one run.
///
///     {"bound", "true_positives", "members", "false_positives", "others"}
Json epsilon_bound(const UserRuns& runs, int direction, double delta, double confidence);

/// The measures of users on the same trainings, each with the sign that memorization gives it.
using Attacks = std::vector<std::pair<UserRuns, int>>;

/// What several attacks on the same trainings prove together: the largest epsilon_bound() of them,
/// each at a level by which all hold at once (1 - confidence over their number, Bonferroni). The
/// largest of bounds that hold one by one is wrong too often. Null where none has a bound.
///
///     {"bound", "measures": how many attacks}
Json joint_epsilon_bound(const Attacks& attacks, double delta, double confidence);

/// "privacy" of analyse(): what noise for privacy leaves of the effects, beside its guarantee.
Json privacy_table(const Runs& runs, const std::string& layer, const AnalysisOptions& options);

}  // namespace chainline::experiments
