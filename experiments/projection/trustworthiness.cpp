#include "experiments/projection/trustworthiness.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "experiments/projection/points.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

/// The other points by their distance from point i.
std::vector<std::int64_t> by_distance(const std::vector<double>& squared, std::int64_t n,
                                      std::int64_t i) {
  const double* from = &squared[static_cast<std::size_t>(i * n)];
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return from[a] < from[b]; });
  return order;
}

}  // namespace

double trustworthiness(const Tensor& space, const Tensor& picture, std::int64_t neighbours) {
  const std::vector<double> x = rows_of_points("trustworthiness", space, 1);
  const std::vector<double> y = rows_of_points("trustworthiness", picture, 1);
  const std::int64_t n = space.shape()[0], k = neighbours;
  check<ShapeError>(picture.shape()[0] == n, "trustworthiness: picture: expected ", n,
                    " points, got ", picture.shape()[0]);
  check<ValueError>(k >= 1 && 2 * k < n, "trustworthiness: neighbours: expected at least 1 and ",
                    "less than half of the ", n, " points, got ", k);
  const std::vector<double> far = squared_distances(x, n, space.shape()[1]);
  const std::vector<double> drawn = squared_distances(y, n, picture.shape()[1]);
  std::vector<std::int64_t> strangers(static_cast<std::size_t>(n), 0);
  parallel_for(n, 8, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> rank(static_cast<std::size_t>(n));
    for (std::int64_t i = begin; i < end; ++i) {
      std::int64_t r = 0;
      for (const std::int64_t j : by_distance(far, n, i)) rank[static_cast<std::size_t>(j)] = ++r;
      const std::vector<std::int64_t> near = by_distance(drawn, n, i);
      for (std::int64_t j = 0; j < k; ++j)
        strangers[static_cast<std::size_t>(i)] += std::max<std::int64_t>(
            0, rank[static_cast<std::size_t>(near[static_cast<std::size_t>(j)])] - k);
    }
  });
  const auto sum =
      static_cast<double>(std::accumulate(strangers.begin(), strangers.end(), std::int64_t{0}));
  return 1 - 2 * sum /
                 (static_cast<double>(n) * static_cast<double>(k) *
                  static_cast<double>(2 * n - 3 * k - 1));
}

}  // namespace chainline::experiments
