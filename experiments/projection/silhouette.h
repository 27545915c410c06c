#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/probing/relabelling.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

/// How well points sit in their clusters (Rousseeuw, 1987).
struct Silhouette {
  std::vector<double> values;  // (n), in [-1, 1]
  double mean = 0;
};

/// With a the mean distance of a point from the others of its cluster, and b the least mean
/// distance from the points of another one:
///
///     s = (b - a) / max(a, b),   0 for the only point of a cluster and for a = b = 0
///
/// Clusters are the points of one label, whatever numbers the labels are: classes, or users.
///
/// **Shapes** points (n, d), n labels; Euclidean distances
/// **Errors** ShapeError for another number of labels; ValueError for fewer than two clusters; and
/// as rows_of_points().
/// **Bits** exact.
Silhouette silhouette(const Tensor& points, std::span<const std::int64_t> labels);

/// The silhouette of two classes of users beside that after giving the users other labels.
struct SilhouetteTest {
  Silhouette silhouette;  // by class
  Control control;        // means
  double of_users = 0;    // the mean with each user as a cluster: whether pictures show cards
};

/// Labels move with the user, not with the point: a user's points stand together for what is
/// written on the card, and taken one by one they would make any two classes look apart. The
/// relabelling keeps the number of seen users. `images` says which picture each point is of: users
/// who share all of theirs in pairs change places within them (exchangeable_users).
///
/// **Errors** as silhouette() and Users.
SilhouetteTest silhouette_test(const Tensor& points, const std::vector<int>& seen,
                               const std::vector<std::int64_t>& users,
                               const std::vector<std::int64_t>& images, std::uint64_t seed,
                               std::int64_t relabellings);

}  // namespace chainline::experiments
