#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace chainline::experiments {

/// The orthogonal directions along which points vary most.
struct Pca {
  Tensor mean;                   // (d) f64
  Tensor components;             // (k, d) f64, orthonormal rows, by descending variance
  std::vector<double> variance;  // (k) of the points along each, with n - 1 in the denominator
  std::vector<double> ratio;     // (k) variance as a share of that of all directions

  /// The coordinates of points (m, d), f32 or f64, along the components: (m, k) f64.
  ///
  /// **Errors** ShapeError for points of another size.
  Tensor transform(const Tensor& points) const;
};

/// The first `count` principal components of n points of d numbers.
///
///     C = (x - mean)^T (x - mean) / (n - 1),   C v_k = variance_k v_k
///
/// They are exact up to rounding, of the smaller of (d, d) and the Gram matrix (n, n), whose
/// vectors u give v = (x - mean)^T u / |(x - mean)^T u|. A component's loading of largest absolute
/// value is positive (the first of equal ones). There are fewer than `count` when the points don't
/// fill as many dimensions: what varies by less than max(n, d) eps of the first is rounding.
///
/// **Shapes** (n, d), n >= 2
/// **DTypes** f32, f64; all arithmetic in f64.
/// **Errors** ShapeError for another rank or fewer than two points; DTypeError for integers;
/// ValueError for count < 1, numbers that are not finite, or points that are all the same.
/// **Bits** exact.
Pca principal_components(const Tensor& points, std::int64_t count);

}  // namespace chainline::experiments
