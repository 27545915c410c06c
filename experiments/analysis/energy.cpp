#include "experiments/analysis/energy.h"

#include <cmath>
#include <map>
#include <vector>

#include "tensor/error.h"

namespace chainline::experiments {

double memorization_energy(std::span<const double> d, std::span<const int> in,
                           std::span<const double> weights) {
  check<ShapeError>(d.size() == in.size() && (weights.empty() || weights.size() == d.size()),
                    "memorization_energy: expected one membership and weight for each value");
  const auto weight = [&](std::size_t u) { return weights.empty() ? 1 : weights[u]; };
  double n_in = 0, n_out = 0, m = 0;
  for (std::size_t u = 0; u < d.size(); ++u) {
    (in[u] == 1 ? n_in : n_out) += weight(u);
    if (in[u] != 1) m += weight(u) * d[u];
  }
  if (n_in < 1 || n_out < 2) return std::nan("");
  m /= n_out;
  double inside = 0, variance = 0;
  for (std::size_t u = 0; u < d.size(); ++u)
    (in[u] == 1 ? inside : variance) += weight(u) * (d[u] - m) * (d[u] - m);
  variance /= n_out - 1;
  return inside / n_in - variance * (1 + 1 / n_out);
}

double energy_p(const UserRuns& runs, std::int64_t relabellings, const Generator& generator) {
  check_user_runs("energy_p", runs);
  check<ValueError>(relabellings >= 1, "energy_p: relabellings: expected 1 or more, got ",
                    relabellings);
  std::vector<std::map<int, std::vector<std::size_t>>> members(runs.in.size());
  for (std::size_t r = 0; r < runs.in.size(); ++r)
    for (std::size_t u = 0; u < runs.in[r].size(); ++u)
      members[r][runs.groups.empty() ? 0 : runs.groups[r][u]].push_back(u);
  const auto energy = [&](const std::vector<std::vector<int>>& in) {
    double sum = 0;
    for (std::size_t r = 0; r < in.size(); ++r) sum += memorization_energy(runs.values[r], in[r]);
    return sum / static_cast<double>(in.size());
  };
  const double observed = energy(runs.in);
  const double slack = 1e-12 * std::abs(observed);  // equal sums may differ by their rounding
  std::int64_t reached = 0;
  for (std::int64_t i = 0; i < relabellings; ++i) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
    std::vector<std::vector<int>> dealt = runs.in;
    for (std::size_t r = 0; r < dealt.size(); ++r)
      for (const auto& [group, users] : members[r]) {
        std::vector<int> in;
        for (const std::size_t user : users) in.push_back(runs.in[r][user]);
        random.shuffle(in);
        for (std::size_t k = 0; k < users.size(); ++k) dealt[r][users[k]] = in[k];
      }
    reached += energy(dealt) >= observed - slack;
  }
  return static_cast<double>(1 + reached) / static_cast<double>(1 + relabellings);
}

}  // namespace chainline::experiments
