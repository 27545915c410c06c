#pragma once

#include <cstdint>
#include <string_view>

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline {

/// The functions of one number. The family has one kernel, because its members differ in nothing
/// but the function: strides, chunks and dtypes are one and the same loop.
enum class UnaryOp {
  neg,
  abs,
  sign,
  square,
  sqrt,
  rsqrt,
  reciprocal,
  relu,
  exp,
  log,
  tanh,
  erf,
  sigmoid,
  sin,
  cos
};

std::string_view name(UnaryOp op);

}  // namespace chainline

namespace chainline::ops {

/// A function of every element. NaN stays NaN.
///
///   neg -x,   abs |x|,   square x * x,   reciprocal 1 / x,   rsqrt 1 / sqrt(x)
///   sign -1, 0 or 1 (a zero keeps its sign),   relu x where x is not below 0, else 0
///   sigmoid 1 / (1 + e^-x),   erf 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x
///
/// Shapes   x (...)  ->  y (...)
/// Units    sin and cos take radians; log is the natural one
/// DTypes   f32, f64
/// Errors   DTypeError
/// Bits     exact; elementary functions by rule 9, with the errors that tensor/math.h states
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor sign(const Tensor& x);
Tensor square(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor relu(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);

/// Moves what lies outside of [low, high] to the nearer bound; NaN stays.
///
/// Shapes   x (...)  ->  y (...)
/// DTypes   f32, f64; the bounds are rounded to the dtype of x
/// Errors   ValueError when low is above high or either is NaN; DTypeError
/// Bits     exact
Tensor clamp(const Tensor& x, double low, double high);

/// The n-th power, by squaring: over the binary digits of |n| from the lowest, the power is
/// multiplied by x, x^2, x^4, ... where the digit is 1; a negative n takes the reciprocal of that.
/// x^0 is 1 for every x, NaN too.
///
/// Shapes   x (...)  ->  y (...)
/// DTypes   f32, f64
/// Errors   DTypeError
/// Bits     exact: the order of the products is the definition
Tensor pow_int(const Tensor& x, std::int64_t n);

}  // namespace chainline::ops

/// y is dense; x has its shape and any strides.
CHAINLINE_KERNEL(unary, void(UnaryOp op, const Tensor& x, Tensor& y));
CHAINLINE_KERNEL(clamp, void(const Tensor& x, double low, double high, Tensor& y));
CHAINLINE_KERNEL(pow_int, void(const Tensor& x, std::int64_t n, Tensor& y));
