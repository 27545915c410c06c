#pragma once

#include <cstdint>

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// The running sum along dimension d: one chain over ascending indices from +0.
///
///   y[n] = (((0 + x[0]) + x[1]) + ...) + x[n]
///
/// Shapes   x (..., N, ...)  ->  y of the same shape
/// DTypes   f32, f64, i64; integers wrap around
/// Errors   ShapeError for a dimension that x lacks; DTypeError
/// Bits     exact
Tensor cumsum(const Tensor& x, std::int64_t d);

}  // namespace chainline::ops

/// x and y are dense.
CHAINLINE_KERNEL(cumsum, void(const Tensor& x, std::int64_t d, Tensor& y));
