#pragma once

#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace chainline::experiments {

/// Points (n, d) of f32 or f64 as rows of f64, checked for what every method here asks.
///
/// **Errors** ShapeError for another rank or fewer than `least` points; DTypeError for integers;
/// ValueError for a number that is not finite; all in the name of `subject`.
std::vector<double> rows_of_points(std::string_view subject, const Tensor& points,
                                   std::int64_t least);

/// The squared Euclidean distances (n, n) of n points of d numbers, each a sum over ascending
/// coordinates from +0; symmetric, with zeros on the diagonal.
///
/// **Bits** exact.
std::vector<double> squared_distances(const std::vector<double>& rows, std::int64_t n,
                                      std::int64_t d);

}  // namespace chainline::experiments
