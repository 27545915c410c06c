#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Turns every row of the last dimension into probabilities. An entry of -inf gets exactly 0; a row
/// of nothing but -inf, which no key may be attended from, gets zeros.
///
///   y[r, c] = exp(x[r, c] - max_r) / sum_k exp(x[r, k] - max_r),   max_r = max_k x[r, k]
///
/// Shapes   x (..., C)  ->  y (..., C)
/// DTypes   f32, f64
/// Errors   ShapeError when C is 0
/// Bits     exact; sums over a row by rule 3
Tensor softmax(const Tensor& x);

/// The gradient of softmax, given its result y: dx = y * (grad_y - sum_k grad_y[k] * y[k]).
///
/// Errors   ShapeError, DTypeError, DeviceError when grad_y and y differ
/// Bits     exact; sums over a row by rule 3
Tensor softmax_backward(const Tensor& grad_y, const Tensor& y);

/// The logarithm of softmax, without its underflow. A row of nothing but -inf stays -inf.
///
///   y[r, c] = (x[r, c] - max_r) - log(sum_k exp(x[r, k] - max_r))
///
/// Shapes   x (..., C)  ->  y (..., C)
/// DTypes   f32, f64
/// Errors   ShapeError when C is 0
/// Bits     exact; sums over a row by rule 3
Tensor log_softmax(const Tensor& x);

/// The gradient of log_softmax, given its result y: dx = grad_y - exp(y) * sum_k grad_y[k].
///
/// Errors   ShapeError, DTypeError, DeviceError when grad_y and y differ
/// Bits     exact; sums over a row by rule 3
Tensor log_softmax_backward(const Tensor& grad_y, const Tensor& y);

}  // namespace chainline::ops

CHAINLINE_KERNEL(softmax, void(const Tensor& x, Tensor& y));
CHAINLINE_KERNEL(softmax_backward, void(const Tensor& grad_y, const Tensor& y, Tensor& dx));
CHAINLINE_KERNEL(log_softmax, void(const Tensor& x, Tensor& y));
CHAINLINE_KERNEL(log_softmax_backward, void(const Tensor& grad_y, const Tensor& y, Tensor& dx));
