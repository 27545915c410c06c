#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace chainline::experiments {

/// How far a picture's neighbours are neighbours in truth (Venna and Kaski, 2001): with r(i, j) the
/// rank of j by its distance from i in the space, and N_i the k nearest of i in the picture,
///
///     1 - 2 / (n k (2n - 3k - 1)) sum_i sum_{j in N_i} max(0, r(i, j) - k)
///
/// It is 1 when no stranger is drawn near. Of points equally far the one with the lower index comes
/// first.
///
/// **Shapes** space (n, d), picture (n, e)
/// **Errors** ShapeError when the numbers of points differ; ValueError unless 1 <= k < n / 2; and as
/// rows_of_points().
/// **Bits** exact.
double trustworthiness(const Tensor& space, const Tensor& picture, std::int64_t neighbours = 5);

}  // namespace chainline::experiments
