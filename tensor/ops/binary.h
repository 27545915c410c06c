#pragma once

#include <string_view>

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline {

/// The arithmetic of two numbers. The family has one kernel and not six, because its members differ
/// in nothing but this name: strides, broadcasting, chunks and dtypes are one and the same loop.
enum class BinaryOp { add, sub, mul, div, maximum, minimum };

std::string_view name(BinaryOp op);

/// visit_floating (tensor/dtype.h) for what integers can do too: also i64.
template <class Use>
void visit_arithmetic(DType dtype, std::string_view op, const Use& use) {
  if (dtype == DType::i64) return use(Type<std::int64_t>{});
  visit_floating(dtype, op, use);
}

}  // namespace chainline

namespace chainline::ops {

/// Arithmetic element by element; sizes of 1 and missing leading dimensions stretch.
///
///   y = a + b,   a - b,   a * b,   a / b
///   maximum, minimum: the larger, the smaller; NaN when either is NaN; of two equals, a
///
/// Shapes   a, b of shapes that broadcast  ->  y of their common shape
/// DTypes   f32, f64, bf16, and i64 except in div; both alike; integers wrap around
/// Errors   ShapeError when the shapes do not broadcast; DTypeError, DeviceError when the operands
///          differ, and for a division of integers
/// Bits     exact; bf16: those of f32, rounded once
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

/// Arithmetic with one number, which is rounded to the dtype of x once, to f32 for bf16.
///
///   y = x + value,   x * value,   x / value
///
/// Shapes   x (...)  ->  y (...)
/// DTypes   f32, f64, bf16, and i64 except in div_scalar
/// Errors   ValueError for a value that is no integer where x is i64; DTypeError as above
/// Bits     exact; bf16: those of f32, rounded once
Tensor add_scalar(const Tensor& x, double value);
Tensor mul_scalar(const Tensor& x, double value);
Tensor div_scalar(const Tensor& x, double value);

}  // namespace chainline::ops

/// y is dense; a and b have its shape and any strides.
CHAINLINE_KERNEL(binary, void(BinaryOp op, const Tensor& a, const Tensor& b, Tensor& y));
CHAINLINE_KERNEL(binary_scalar, void(BinaryOp op, const Tensor& x, double value, Tensor& y));
