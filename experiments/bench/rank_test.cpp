#include "experiments/bench/rank_test.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "experiments/bench/results.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// P(U = 0), P(U = 1), ..., P(U = n m / 2). The numbers of orders are the coefficients of the
/// Gaussian binomial, the product over i = 1 .. n of (1 - q^(m + i)) / (1 - q^i). A coefficient
/// needs the lower ones alone, and those of the tails are small whole numbers, so they are exact.
std::vector<double> distribution(std::size_t n, std::size_t m) {
  const std::size_t size = n * m / 2 + 1;
  std::vector<double> count(size, 0);
  count[0] = 1;
  double all = 1;
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t u = size; u-- > m + i;) count[u] -= count[u - m - i];
    for (std::size_t u = i; u < size; ++u) count[u] += count[u - i];
    all = all * static_cast<double>(m + i) / static_cast<double>(i);
  }
  for (double& c : count) c /= all;
  return count;
}

}  // namespace

RankTest compare_times(const std::vector<double>& before, const std::vector<double>& after,
                       double alpha) {
  check<ValueError>(!before.empty() && !after.empty(),
                    "compare_times: expected times on both sides, got ", before.size(), " and ",
                    after.size());
  std::vector<double> ratios;
  double u = 0;
  for (const double b : before) {
    for (const double a : after) {
      check<ValueError>(b > 0 && a > 0, "compare_times: expected positive times, got ", b, " and ",
                        a);
      ratios.push_back(a / b);
      u += a > b ? 1 : a == b ? 0.5 : 0;
    }
  }
  std::sort(ratios.begin(), ratios.end());
  const auto pairs = static_cast<double>(ratios.size());
  const auto rank = static_cast<std::size_t>(std::ceil(std::min(u, pairs - u)));
  const std::vector<double> probability = distribution(before.size(), after.size());
  double below = 0;  // P(U < k)
  std::size_t k = 0;
  while (k < probability.size() && below + probability[k] <= alpha / 2) below += probability[k++];
  double tail = 1;
  if (rank < probability.size()) {
    tail = std::accumulate(probability.begin(),
                           probability.begin() + static_cast<std::ptrdiff_t>(rank) + 1, 0.0);
  }
  RankTest test{
      std::min(1.0, 2 * tail), median(ratios), {0, std::numeric_limits<double>::infinity()}};
  if (k > 0) test.interval = {ratios[k - 1], ratios[ratios.size() - k]};
  return test;
}

double smallest_p(std::size_t n, std::size_t m) {
  double p = 2;
  for (std::size_t i = 1; i <= n; ++i) p *= static_cast<double>(i) / static_cast<double>(m + i);
  return std::min(1.0, p);
}

}  // namespace chainline::experiments
