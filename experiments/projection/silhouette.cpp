#include "experiments/projection/silhouette.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "experiments/projection/points.h"
#include "experiments/statistics/statistics.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

/// Sums of the distances of every point from all points of a group, (n, groups), made once for any
/// way to join groups to clusters.
class GroupDistances {
 public:
  GroupDistances(const Tensor& points, const std::vector<std::size_t>& group_of, std::size_t groups)
      : group_of_(group_of), sizes_(groups, 0.0) {
    const std::vector<double> rows = rows_of_points("silhouette", points, 1);
    const std::int64_t n = points.shape()[0];
    check<ShapeError>(static_cast<std::int64_t>(group_of.size()) == n,
                      "silhouette: labels: expected ", n, ", got ", group_of.size());
    for (const std::size_t group : group_of) ++sizes_[group];
    sums_.assign(static_cast<std::size_t>(n) * groups, 0.0);
    const std::vector<double> squared = squared_distances(rows, n, points.shape()[1]);
    parallel_for(n, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        for (std::int64_t j = 0; j < n; ++j)
          sums_[static_cast<std::size_t>(i) * groups + group_of_[static_cast<std::size_t>(j)]] +=
              std::sqrt(squared[static_cast<std::size_t>(i * n + j)]);
    });
  }

  /// The silhouette of the clusters that the groups make; cluster_of[g] is group g's.
  Silhouette of(const std::vector<std::size_t>& cluster_of, std::size_t clusters) const {
    const std::size_t groups = sizes_.size();
    std::vector<double> cluster_sizes(clusters, 0.0), sums(clusters);
    for (std::size_t g = 0; g < groups; ++g) cluster_sizes[cluster_of[g]] += sizes_[g];
    Silhouette result;
    for (std::size_t i = 0; i < group_of_.size(); ++i) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (std::size_t g = 0; g < groups; ++g) sums[cluster_of[g]] += sums_[i * groups + g];
      const std::size_t own = cluster_of[group_of_[i]];
      double b = std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < clusters; ++c)
        if (c != own) b = std::min(b, sums[c] / cluster_sizes[c]);
      const bool alone = cluster_sizes[own] == 1;
      const double a = alone ? 0 : sums[own] / (cluster_sizes[own] - 1);
      const double most = std::max(a, b);
      result.values.push_back(alone || most == 0 ? 0 : (b - a) / most);
    }
    result.mean = mean(result.values);
    return result;
  }

 private:
  std::vector<std::size_t> group_of_;
  std::vector<double> sizes_, sums_;
};

std::vector<std::size_t> itself(std::size_t n) {
  std::vector<std::size_t> same(n);
  for (std::size_t i = 0; i < n; ++i) same[i] = i;
  return same;
}

}  // namespace

Silhouette silhouette(const Tensor& points, std::span<const std::int64_t> labels) {
  std::map<std::int64_t, std::size_t> index;
  std::vector<std::size_t> group_of;
  for (const std::int64_t label : labels)
    group_of.push_back(index.emplace(label, index.size()).first->second);
  check<ValueError>(index.size() >= 2, "silhouette: labels: expected at least two clusters, got ",
                    index.size());
  return GroupDistances(points, group_of, index.size()).of(itself(index.size()), index.size());
}

SilhouetteTest silhouette_test(const Tensor& points, const std::vector<int>& seen,
                               const std::vector<std::int64_t>& user_ids,
                               const std::vector<std::int64_t>& images, std::uint64_t seed,
                               std::int64_t relabellings) {
  const Users users("silhouette", seen, user_ids);
  const auto ones = std::count(users.labels.begin(), users.labels.end(), 1);
  check<ValueError>(ones > 0 && ones < static_cast<std::ptrdiff_t>(users.labels.size()),
                    "silhouette: seen: expected users of both classes, got ", ones, " seen of ",
                    users.labels.size());
  const GroupDistances distances(points, users.of_item, users.labels.size());
  const auto by_class = [&](const std::vector<int>& labels) {
    return distances.of(std::vector<std::size_t>(labels.begin(), labels.end()), 2);
  };
  SilhouetteTest test;
  test.silhouette = by_class(users.labels);
  test.of_users = distances.of(itself(users.labels.size()), users.labels.size()).mean;
  std::vector<double> means(static_cast<std::size_t>(relabellings));
  for_each_relabelling(
      users, exchangeable_users(users, images), seed, relabellings,
      [&](std::size_t r, const std::vector<int>& labels) { means[r] = by_class(labels).mean; });
  test.control = Control(std::move(means), test.silhouette.mean);
  return test;
}

}  // namespace chainline::experiments
