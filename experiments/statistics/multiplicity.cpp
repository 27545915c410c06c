#include "experiments/statistics/multiplicity.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "tensor/error.h"

namespace chainline::experiments {

std::vector<double> holm(const std::vector<double>& p) {
  for (std::size_t i = 0; i < p.size(); ++i)
    check<ValueError>(p[i] >= 0 && p[i] <= 1, "holm: p ", i, ": expected 0 .. 1, got ", p[i]);
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> corrected(p.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, p[order[i]] * static_cast<double>(p.size() - i));
    corrected[order[i]] = std::min(1.0, largest);
  }
  return corrected;
}

}  // namespace chainline::experiments
