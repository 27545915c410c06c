#include "experiments/statistics/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "tensor/error.h"

namespace chainline::experiments {

Interval wilson_interval(std::int64_t successes, std::int64_t trials, double z) {
  check<ValueError>(trials > 0 && successes >= 0 && successes <= trials,
                    "wilson_interval: successes: expected 0 .. trials of at least one trial, got ",
                    successes, " of ", trials);
  const auto n = static_cast<double>(trials);
  const double p = static_cast<double>(successes) / n;
  const double centre = p + z * z / (2 * n);
  const double reach = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double width = 1 + z * z / n;
  // The ends are 0 and 1 exactly when they should be; rounding must not push them beyond.
  return {std::max(0.0, (centre - reach) / width), std::min(1.0, (centre + reach) / width)};
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double quantile(std::vector<double> values, double share) {
  check<ValueError>(!values.empty(), "quantile: values: expected at least one, got none");
  check<ValueError>(share >= 0 && share <= 1, "quantile: share: expected 0 .. 1, got ", share);
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

RankedScores::RankedScores(std::vector<double> scores, std::vector<int> labels)
    : scores_(std::move(scores)), labels_(std::move(labels)), order_(scores_.size()) {
  check<ValueError>(scores_.size() == labels_.size(), "roc: labels: expected one for each of ",
                    scores_.size(), " scores, got ", labels_.size());
  std::size_t positives = 0;
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    check<ValueError>(!std::isnan(scores_[i]), "roc: score ", i, ": expected a number, got NaN");
    check<ValueError>(labels_[i] == 0 || labels_[i] == 1, "roc: label ", i,
                      ": expected 0 or 1, got ", labels_[i]);
    positives += labels_[i] == 1;
  }
  check<ValueError>(positives > 0 && positives < scores_.size(),
                    "roc: labels: expected both classes, got ", positives, " positives in ",
                    scores_.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::stable_sort(order_.begin(), order_.end(),
                   [this](std::size_t a, std::size_t b) { return scores_[a] > scores_[b]; });
}

double RankedScores::auc() const { return auc(std::vector<double>(scores_.size(), 1.0)); }

double RankedScores::auc(std::span<const double> weights) const {
  double positives = 0, negatives = 0, area = 0;
  for (std::size_t i = 0; i < order_.size();) {
    double tied_positives = 0, tied_negatives = 0;
    const double score = scores_[order_[i]];
    for (; i < order_.size() && scores_[order_[i]] == score; ++i)
      (labels_[order_[i]] == 1 ? tied_positives : tied_negatives) += weights[order_[i]];
    area += tied_negatives * (positives + 0.5 * tied_positives);
    positives += tied_positives;
    negatives += tied_negatives;
  }
  if (positives == 0 || negatives == 0) return std::numeric_limits<double>::quiet_NaN();
  return area / (positives * negatives);
}

std::vector<RocPoint> RankedScores::curve() const {
  const auto positives = static_cast<double>(std::count(labels_.begin(), labels_.end(), 1));
  const double negatives = static_cast<double>(labels_.size()) - positives;
  std::vector<RocPoint> points = {{std::numeric_limits<double>::infinity(), 0, 0}};
  double above[2] = {0, 0};  // by label
  for (std::size_t i = 0; i < order_.size();) {
    const double score = scores_[order_[i]];
    for (; i < order_.size() && scores_[order_[i]] == score; ++i) above[labels_[order_[i]]] += 1;
    points.push_back({score, above[0] / negatives, above[1] / positives});
  }
  return points;
}

double roc_auc(std::vector<double> scores, std::vector<int> labels) {
  return RankedScores(std::move(scores), std::move(labels)).auc();
}

Interval bootstrap_interval(const std::vector<int>& strata, std::int64_t replicates,
                            const Generator& generator,
                            const std::function<double(std::span<const double>)>& statistic,
                            double confidence) {
  check<ValueError>(replicates >= 2 && replicates < std::int64_t{1} << 32,
                    "bootstrap_interval: replicates: expected 2 .. 2^32 - 1, got ", replicates);
  std::map<int, std::vector<std::size_t>> groups;
  for (std::size_t g = 0; g < strata.size(); ++g) groups[strata[g]].push_back(g);
  std::vector<double> values;
  std::vector<double> drawn(strata.size());
  for (std::int64_t r = 0; r < replicates; ++r) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(r));
    std::fill(drawn.begin(), drawn.end(), 0.0);
    for (const auto& stratum : groups)
      for (std::size_t i = 0; i < stratum.second.size(); ++i)
        drawn[stratum.second[random.below(stratum.second.size())]] += 1;
    const double value = statistic(drawn);
    if (!std::isnan(value)) values.push_back(value);
  }
  check<ValueError>(!values.empty(), "bootstrap_interval: statistic: expected numbers, got NaN in ",
                    replicates, " replicates");
  const double tail = (1 - confidence) / 2;
  return {quantile(values, tail), quantile(values, 1 - tail)};
}

double permutation_p_value(double observed, std::span<const double> controls) {
  std::size_t reached = 0;
  for (const double control : controls) reached += control >= observed;
  return static_cast<double>(1 + reached) / static_cast<double>(1 + controls.size());
}

std::vector<double> max_statistic_p_values(std::span<const double> observed,
                                           const std::vector<std::vector<double>>& controls) {
  check<ShapeError>(observed.size() == controls.size(),
                    "max_statistic_p_values: controls: expected a row for each of ",
                    observed.size(), " statistics, got ", controls.size());
  if (observed.empty()) return {};
  std::vector<double> standardized(observed.begin(), observed.end());
  std::vector<double> largest(controls[0].size(), -std::numeric_limits<double>::infinity());
  for (std::size_t s = 0; s < controls.size(); ++s) {
    check<ShapeError>(controls[s].size() == largest.size(),
                      "max_statistic_p_values: controls: row ", s, ": expected ", largest.size(),
                      " relabellings, got ", controls[s].size());
    const double centre = mean(controls[s]);
    const double spread = standard_deviation(controls[s]);
    const auto standard = [&](double value) {
      return spread > 0 ? (value - centre) / spread : value - centre;
    };
    standardized[s] = standard(observed[s]);
    for (std::size_t r = 0; r < largest.size(); ++r)
      largest[r] = std::max(largest[r], standard(controls[s][r]));
  }
  std::vector<double> p_values;
  for (const double value : standardized) p_values.push_back(permutation_p_value(value, largest));
  return p_values;
}

}  // namespace chainline::experiments
