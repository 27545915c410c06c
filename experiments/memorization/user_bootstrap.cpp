#include "experiments/memorization/user_bootstrap.h"

#include <map>

namespace chainline::experiments {

Interval UserBootstrap::interval(
    std::span<const std::int64_t> users,
    const std::function<double(std::span<const double>)>& statistic) const {
  std::map<std::int64_t, std::size_t> group;  // in the order of the users' numbers
  for (const std::int64_t user : users) group[user] = 0;
  std::size_t groups = 0;
  for (auto& entry : group) entry.second = groups++;
  std::vector<std::size_t> group_of;
  for (const std::int64_t user : users) group_of.push_back(group[user]);
  std::vector<double> weights(users.size());
  return bootstrap_interval(
      std::vector<int>(groups, 0), replicates, generator,
      [&](std::span<const double> drawn) {
        for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = drawn[group_of[i]];
        return statistic(weights);
      },
      confidence);
}

}  // namespace chainline::experiments
