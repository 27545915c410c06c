#include "experiments/analysis/user_auc.h"

#include <numeric>

#include "experiments/statistics/hierarchical.h"
#include "experiments/statistics/statistics.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

std::vector<RankedScores> ranked(const UserRuns& runs) {
  std::vector<RankedScores> scores;
  for (std::size_t r = 0; r < runs.values.size(); ++r)
    scores.emplace_back(runs.values[r], runs.in[r]);
  return scores;
}

}  // namespace

std::vector<double> user_aucs(const UserRuns& runs) {
  check_user_runs("user_aucs", runs);
  std::vector<double> aucs;
  for (const RankedScores& scores : ranked(runs)) aucs.push_back(scores.auc());
  return aucs;
}

std::vector<double> user_auc_replicates(const UserRuns& runs, const UserRuns& subtracted,
                                        std::int64_t replicates, const Generator& generator) {
  check_user_runs("user_auc_replicates", runs);
  const bool difference = !subtracted.values.empty();
  check<ShapeError>(!difference || subtracted.in == runs.in,
                    "user_auc_replicates: subtracted: expected the same runs and users");
  const std::vector<RankedScores> a = ranked(runs), b = ranked(subtracted);
  return hierarchical_replicates(runs.in, replicates, generator, [&](const RunWeights& weights) {
    double sum = 0, draws = 0;
    for (std::size_t r = 0; r < weights.size(); ++r) {
      const double drawn = std::accumulate(weights[r].begin(), weights[r].end(), 0.0) /
                           static_cast<double>(weights[r].size());
      if (drawn == 0) continue;
      sum += drawn * (a[r].auc(weights[r]) - (difference ? b[r].auc(weights[r]) : 0));
      draws += drawn;
    }
    return sum / draws;
  });
}

}  // namespace chainline::experiments
