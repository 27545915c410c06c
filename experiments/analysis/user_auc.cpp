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

std::vector<std::vector<double>> user_auc_replicates(const std::vector<UserRuns>& measurements,
                                                     std::int64_t replicates,
                                                     const Generator& generator) {
  check<ValueError>(!measurements.empty(),
                    "user_auc_replicates: measurements: expected at least one, got none");
  std::vector<std::vector<RankedScores>> scores;
  for (const UserRuns& runs : measurements) {
    check_user_runs("user_auc_replicates", runs);
    check<ShapeError>(runs.in == measurements[0].in,
                      "user_auc_replicates: measurements: expected the same runs and users");
    scores.push_back(ranked(runs));
  }
  std::vector<std::vector<double>> values(measurements.size());
  const auto statistic = [&](const RunWeights& weights) {
    std::vector<double> sums(scores.size(), 0);
    double draws = 0;
    for (std::size_t r = 0; r < weights.size(); ++r) {
      const double drawn = std::accumulate(weights[r].begin(), weights[r].end(), 0.0) /
                           static_cast<double>(weights[r].size());
      if (drawn == 0) continue;
      draws += drawn;
      for (std::size_t m = 0; m < scores.size(); ++m)
        sums[m] += drawn * scores[m][r].auc(weights[r]);
    }
    for (std::size_t m = 0; m < scores.size(); ++m) values[m].push_back(sums[m] / draws);
    return sums[0] / draws;
  };
  hierarchical_replicates(measurements[0].in, replicates, generator, statistic);
  return values;
}

}  // namespace chainline::experiments
