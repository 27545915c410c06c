#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Takes each element from one of two tensors; sizes of 1 and missing leading dimensions stretch.
///
///   y = a where condition is not 0, b elsewhere
///
/// The element is copied, bits and all: a NaN in the side that is not taken leaves no trace.
///
/// Shapes   condition, a, b of shapes that broadcast  ->  y of their common shape
/// DTypes   condition u8; a and b any, both alike
/// Errors   ShapeError when the shapes do not broadcast; DTypeError, DeviceError
/// Bits     exact
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

}  // namespace chainline::ops

/// y is dense; the operands have its shape and any strides.
CHAINLINE_KERNEL(where, void(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y));
