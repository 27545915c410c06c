#pragma once

#include <cstdint>

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline {

/// What is looked for along a dimension.
enum class Extremum { largest, smallest };

}  // namespace chainline

namespace chainline::ops {

/// The largest, the smallest element along dimension d; NaN when one is among them.
///
/// Shapes   x (..., N, ...)  ->  x's without dimension d, or with size 1 in its place (keepdim)
/// DTypes   f32, f64
/// Errors   ShapeError for a dimension that x lacks, or of size 0; DTypeError
/// Bits     exact: a NaN is the quiet one, a zero is +0, so that the order of the search is free
Tensor amax(const Tensor& x, std::int64_t d, bool keepdim = false);
Tensor amin(const Tensor& x, std::int64_t d, bool keepdim = false);

/// Where the largest element along dimension d is first met. NaN counts as the largest.
///
/// Shapes   x (..., N, ...)  ->  x's without dimension d
/// DTypes   f32, f64  ->  i64
/// Errors   ShapeError for a dimension that x lacks, or of size 0; DTypeError
/// Bits     exact
Tensor argmax(const Tensor& x, std::int64_t d);

}  // namespace chainline::ops

/// x and y are dense; y has one element for every row of x along dimension d.
CHAINLINE_KERNEL(extremum, void(Extremum which, const Tensor& x, std::int64_t d, Tensor& y));
CHAINLINE_KERNEL(argmax, void(const Tensor& x, std::int64_t d, Tensor& y));
