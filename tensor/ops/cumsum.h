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

namespace chainline::cpu {
void cumsum(const Tensor& x, std::int64_t d, Tensor& y);
}  // namespace chainline::cpu

namespace chainline::kernel {
/// x and y are dense.
inline constinit Kernel<void(const Tensor&, std::int64_t, Tensor&)> cumsum{"cumsum", cpu::cumsum};
}  // namespace chainline::kernel
