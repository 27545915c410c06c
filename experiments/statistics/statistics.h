#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tensor/random.h"

namespace chainline::experiments {

struct Interval {
  double low = 0, high = 0;
};

/// The 97.5 % quantile of the normal distribution: how many standard errors a two-sided 95 %
/// interval reaches.
inline constexpr double kNormal975 = 1.959963984540054;

/// Wilson's interval for a probability of which `successes` in `trials` were seen; unlike
/// p +- z sqrt(p (1 - p) / n) it stays inside [0, 1] and has a width at 0 and at n successes.
///
///     (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
///
/// It takes the trials for independent; items of one user are not.
///
/// **Errors** ValueError unless 0 <= successes <= trials and trials > 0.
Interval wilson_interval(std::int64_t successes, std::int64_t trials, double z = kNormal975);

double mean(std::span<const double> values);
/// The standard deviation with n - 1 in the denominator; 0 for fewer than two values.
double standard_deviation(std::span<const double> values);

/// The quantile of the values, linear between neighbours (NumPy's default).
///
/// **Errors** ValueError for no values or a share outside of [0, 1].
double quantile(std::vector<double> values, double share);

/// A point of the ROC curve: what a threshold lets through.
struct RocPoint {
  double threshold;  // scores at or above it are called positive
  double false_positive_rate, true_positive_rate;
};

/// Scores and 0/1 labels in the order of the scores, made once for many weightings.
///
/// **Errors** ValueError for NaN scores, labels other than 0 and 1, or without one of the classes.
class RankedScores {
 public:
  RankedScores(std::vector<double> scores, std::vector<int> labels);

  /// The area under the ROC curve: the probability that a random positive scores above a random
  /// negative, ties counting half. With weights an item counts that many times; NaN when a class
  /// has no weight.
  double auc() const;
  double auc(std::span<const double> weights) const;

  /// From (0, 0) to (1, 1), one point per distinct score.
  std::vector<RocPoint> curve() const;

 private:
  std::vector<double> scores_;
  std::vector<int> labels_;
  std::vector<std::size_t> order_;  // descending scores
};

/// RankedScores(scores, labels).auc().
double roc_auc(std::vector<double> scores, std::vector<int> labels);

/// A percentile interval from drawing groups with replacement: in every replicate each stratum
/// (the groups of one class, say) is drawn anew to its own size, and `statistic` gets how often
/// each group was drawn. Replicates whose statistic is NaN do not count.
///
/// **Errors** ValueError for fewer than 2 replicates, or when none has a statistic.
Interval bootstrap_interval(const std::vector<int>& strata, std::int64_t replicates,
                            const Generator& generator,
                            const std::function<double(std::span<const double>)>& statistic,
                            double confidence = 0.95);

/// (1 + the number of controls at or above the observed value) / (1 + the number of controls): the
/// exact one-sided p-value when under the null hypothesis the observed value is one more control.
double permutation_p_value(double observed, std::span<const double> controls);

/// Permutation p-values of several statistics corrected for their number: each is compared with the
/// largest of its control's row, after centring and scaling every statistic by the mean and the
/// standard deviation of its controls. controls[s][r] is statistic s under relabelling r, and the
/// same r must mean the same relabelling for every s.
///
/// **Errors** ShapeError when the rows of the controls differ in length from each other, or their
/// number from that of the observed values.
std::vector<double> max_statistic_p_values(std::span<const double> observed,
                                           const std::vector<std::vector<double>>& controls);

}  // namespace chainline::experiments
