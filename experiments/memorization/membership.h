#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/memorization/user_bootstrap.h"

namespace chainline::experiments {

/// What an attack finds at a rate of false alarms fixed beforehand.
struct OperatingPoint {
  double allowed = 0;    // the largest false positive rate that was asked for
  double threshold = 0;  // scores at or above it are called members
  std::int64_t false_positives = 0, true_positives = 0;
  double false_positive_rate = 0;  // the one reached, at most the allowed
  double true_positive_rate = 0;
  Interval true_positive_interval;  // Clopper-Pearson, as if items were independent
};

/// How well scores tell members (1) from the others (0).
struct MembershipReport {
  std::int64_t members = 0, others = 0;
  double auc = 0;
  Interval auc_by_user;  // bootstrap over users
  /// The largest TPR - FPR of all thresholds. Its threshold is chosen on the same items, so it is
  /// above 0 without any leak: half the time above 0.59 sqrt(1 / members + 1 / others).
  double largest_advantage = 0;
  std::vector<OperatingPoint> points;  // one per allowed rate
};

/// The lowest threshold of which no more than `allowed` of the others are called members. With
/// fewer than 1 / allowed others that is none of them: the rate reached is 0 and says so.
///
/// **Errors** ValueError as RankedScores has them, or for a rate outside of [0, 1].
OperatingPoint at_false_positive_rate(std::span<const double> scores, std::span<const int> members,
                                      double allowed, double confidence = 0.95);

/// The figures of an attack, by default at 1 % and 0.1 % false alarms.
///
/// **Errors** ValueError as RankedScores and at_false_positive_rate have them, or unless there is a
/// user for each score.
/// **Source** Carlini et al.: Membership Inference Attacks From First Principles (2022) on why low
///            rates
MembershipReport evaluate_membership(std::span<const double> scores, std::span<const int> members,
                                     std::span<const std::int64_t> users,
                                     const UserBootstrap& bootstrap,
                                     const std::vector<double>& allowed = {0.01, 0.001});

/// The loss attack at a threshold fixed beforehand (the mean training loss, say).
struct LossAttack {
  double true_positive_rate = 0, false_positive_rate = 0;
  double advantage = 0;  // TPR - FPR
};

/// Member iff loss < threshold.
///
/// **Errors** ValueError for NaN, labels other than 0 and 1, sizes that differ, or a class missing.
/// **Source** Yeom, Giacomelli, Fredrikson and Jha: Privacy Risk in Machine Learning (2018)
LossAttack loss_attack(std::span<const double> losses, std::span<const int> members,
                       double threshold);

/// Scores of the reference attack, log p_tuned(x) - log p_base(x): what fine-tuning added, with the
/// difficulty of x taken out.
///
/// **Errors** ShapeError for sizes that differ.
std::vector<double> reference_scores(std::span<const double> log_p_tuned,
                                     std::span<const double> log_p_base);

}  // namespace chainline::experiments
