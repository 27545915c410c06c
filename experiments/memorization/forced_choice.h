#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/memorization/user_bootstrap.h"

namespace chainline::experiments {

/// How often the true answer is likelier than its decoy.
struct ForcedChoice {
  std::int64_t items = 0, users = 0;
  double correct = 0;   // a tie counts half
  double accuracy = 0;  // correct / items
  Interval wilson;      // 95 %, as if items were independent: too short where users have several
  Interval by_user;     // bootstrap over users
};

/// Two-way forced choice between the true id and a decoy: item i is right when
/// true_scores[i] > decoy_scores[i] (log-likelihoods, say). Half a tie is given to neither end of
/// Wilson's interval: the low end counts it wrong, the high end right.
///
/// **Errors** ValueError for no items, scores that are NaN, or sizes that differ.
ForcedChoice forced_choice(std::span<const double> true_scores,
                           std::span<const double> decoy_scores,
                           std::span<const std::int64_t> users, const UserBootstrap& bootstrap);

/// How well an answer to "have you seen this user?" tells seen users from others.
struct YesNo {
  double auc = 0;
  Interval by_user;  // bootstrap over users
  std::int64_t seen = 0, unseen = 0;
};

/// AUC of the log ratio log p(yes) - log p(no) of item i, whose user is seen[i] = 1 or not 0. No
/// threshold is chosen: a model may say yes to everyone and still order them.
///
/// **Errors** ValueError as RankedScores has them, or for sizes that differ.
YesNo yes_no(std::span<const double> log_ratios, std::span<const int> seen,
             std::span<const std::int64_t> users, const UserBootstrap& bootstrap);

}  // namespace chainline::experiments
