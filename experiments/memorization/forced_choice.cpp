#include "experiments/memorization/forced_choice.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "tensor/error.h"

namespace chainline::experiments {

ForcedChoice forced_choice(std::span<const double> true_scores,
                           std::span<const double> decoy_scores,
                           std::span<const std::int64_t> users, const UserBootstrap& bootstrap) {
  const std::size_t n = true_scores.size();
  check<ValueError>(n > 0, "forced_choice: true_scores: expected at least one, got none");
  check<ValueError>(decoy_scores.size() == n && users.size() == n,
                    "forced_choice: expected a decoy and a user for each of ", n, " items, got ",
                    decoy_scores.size(), " and ", users.size());
  std::int64_t right = 0, ties = 0;
  std::vector<double> points;
  for (std::size_t i = 0; i < n; ++i) {
    check<ValueError>(!std::isnan(true_scores[i]) && !std::isnan(decoy_scores[i]),
                      "forced_choice: item ", i, ": expected numbers, got ", true_scores[i],
                      " and ", decoy_scores[i]);
    right += true_scores[i] > decoy_scores[i];
    ties += true_scores[i] == decoy_scores[i];
    points.push_back(true_scores[i] > decoy_scores[i]    ? 1
                     : true_scores[i] == decoy_scores[i] ? 0.5
                                                         : 0);
  }
  const auto items = static_cast<std::int64_t>(n);
  ForcedChoice choice;
  choice.items = items;
  choice.users =
      static_cast<std::int64_t>(std::set<std::int64_t>(users.begin(), users.end()).size());
  choice.correct = static_cast<double>(right) + static_cast<double>(ties) / 2;
  choice.accuracy = choice.correct / static_cast<double>(items);
  choice.wilson = {wilson_interval(right + ties / 2, items).low,
                   wilson_interval(right + (ties + 1) / 2, items).high};
  choice.by_user = bootstrap.interval(users, [&](std::span<const double> weights) {
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < n; ++i) {
      sum += weights[i] * points[i];
      count += weights[i];
    }
    return sum / count;  // a replicate draws as many users as there are, so never none
  });
  return choice;
}

YesNo yes_no(std::span<const double> log_ratios, std::span<const int> seen,
             std::span<const std::int64_t> users, const UserBootstrap& bootstrap) {
  check<ValueError>(users.size() == log_ratios.size(), "yes_no: users: expected one for each of ",
                    log_ratios.size(), " items, got ", users.size());
  const RankedScores ranked({log_ratios.begin(), log_ratios.end()}, {seen.begin(), seen.end()});
  YesNo result;
  result.auc = ranked.auc();
  result.by_user = bootstrap.interval(
      users, [&](std::span<const double> weights) { return ranked.auc(weights); });
  result.seen = std::count(seen.begin(), seen.end(), 1);
  result.unseen = static_cast<std::int64_t>(seen.size()) - result.seen;
  return result;
}

}  // namespace chainline::experiments
