#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "experiments/statistics/statistics.h"
#include "tensor/random.h"

namespace chainline::experiments {

/// How an interval over users is drawn.
struct UserBootstrap {
  explicit UserBootstrap(const Generator& random, std::int64_t draws = 2000, double level = 0.95)
      : generator(random), replicates(draws), confidence(level) {}

  Generator generator;
  std::int64_t replicates;
  double confidence;

  /// A percentile interval from drawing users with replacement, each with all of its items: items
  /// of one user are not independent, and an interval over items would be too short. `statistic`
  /// gets how often each item counts. users[i] is the user of item i, any number.
  ///
  /// **Errors** those of bootstrap_interval.
  Interval interval(std::span<const std::int64_t> users,
                    const std::function<double(std::span<const double>)>& statistic) const;
};

}  // namespace chainline::experiments
