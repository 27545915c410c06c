#pragma once

#include <span>

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Lays tensors side by side along a dimension.
///
/// Shapes   alike except along dim, at least one tensor, rank >= 1  ->  their sizes along dim added
/// DTypes   any, all alike
/// Errors   ShapeError, DTypeError, DeviceError naming the first tensor that differs from number 0
/// Bits     exact: values are copied
Tensor cat(std::span<const Tensor> tensors, std::int64_t dim);
inline Tensor cat(std::initializer_list<Tensor> tensors, std::int64_t dim) {
  return cat(std::span<const Tensor>(tensors.begin(), tensors.size()), dim);
}

/// Lays tensors of one shape side by side along a dimension that is inserted before `dim`.
Tensor stack(std::span<const Tensor> tensors, std::int64_t dim);
inline Tensor stack(std::initializer_list<Tensor> tensors, std::int64_t dim) {
  return stack(std::span<const Tensor>(tensors.begin(), tensors.size()), dim);
}

/// The gradient of x.narrow(dim, start, length): grad at its place, +0 around it. It also pads.
///
/// Shapes   grad (..., length, ...)  ->  (..., full_size, ...)
/// DTypes   any
/// Errors   ShapeError when [start, start + length) is not in [0, full_size)
/// Bits     exact: values are copied
Tensor narrow_backward(const Tensor& grad, std::int64_t dim, std::int64_t start,
                       std::int64_t full_size);

}  // namespace chainline::ops

CHAINLINE_KERNEL(cat, void(std::span<const Tensor> tensors, std::int64_t dim, Tensor& y));
CHAINLINE_KERNEL(narrow_backward,
                 void(const Tensor& grad, std::int64_t dim, std::int64_t start, Tensor& dx));
