#pragma once

#include <string_view>

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline {

/// What can be asked of two numbers, and of one. One kernel each: the members differ only in the
/// question.
enum class Comparison { equal, not_equal, less, less_equal, logical_and, logical_or };
enum class Property { logical_not, is_finite };

}  // namespace chainline

namespace chainline::ops {

/// Compares element by element; sizes of 1 and missing leading dimensions stretch.
///
///   y = 1 where the relation holds, 0 elsewhere
///   NaN equals nothing and is neither less nor greater: not_equal is 1 there, the others 0
///
/// Shapes   a, b of shapes that broadcast  ->  y of their common shape
/// DTypes   f32, f64, i64, u8, both alike  ->  u8
/// Errors   ShapeError when the shapes do not broadcast; DTypeError, DeviceError when the operands
///          differ
/// Bits     exact
Tensor equal(const Tensor& a, const Tensor& b);
Tensor not_equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);

/// Joins conditions: 0 is false, every other value true; y is 0 or 1.
///
/// Shapes   a, b of shapes that broadcast  ->  y of their common shape
/// DTypes   u8  ->  u8
/// Errors   ShapeError when the shapes do not broadcast; DTypeError, DeviceError
/// Bits     exact
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);

/// 1 where x is a number, 0 where it is NaN or infinite.
///
/// Shapes   x (...)  ->  y (...)
/// DTypes   f32, f64, i64, u8  ->  u8
/// Errors   DTypeError
/// Bits     exact
Tensor is_finite(const Tensor& x);

}  // namespace chainline::ops

/// y is dense; the operands have its shape and any strides.
CHAINLINE_KERNEL(compare, void(Comparison comparison, const Tensor& a, const Tensor& b, Tensor& y));
CHAINLINE_KERNEL(test_property, void(Property property, const Tensor& x, Tensor& y));
