#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// The product of matrices in the last two dimensions; the leading ones count matrices and
/// broadcast.
///
///   y[..., i, j] = sum_k a[..., i, k] * b[..., k, j]
///
/// Operands may have any strides, so a product with a transposed matrix is
/// `matmul(a, b.transpose(-1, -2))` and copies nothing.
///
/// Shapes   a (..., M, K); b (..., K, N)  ->  y (..., M, N); for K = 0 it is zeros
/// DTypes   f32, f64; both alike
/// Errors   ShapeError when an operand has fewer than two dimensions, the inner sizes differ or the
///          leading ones don't broadcast; DTypeError, DeviceError when the operands differ
/// Bits     exact: a chain of fma over ascending k from +0 (rule 2)
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace chainline::ops

namespace chainline {

/// The strides of the leading dimensions of t, those that count its matrices.
inline Strides leading_strides(const Tensor& t) {
  Strides s;
  for (std::int64_t d = 0; d < t.rank() - 2; ++d) s[d] = t.strides()[d];
  return s;
}

}  // namespace chainline

/// a and b have y's leading dimensions (stride 0 where they were broadcast); y is dense.
CHAINLINE_KERNEL(matmul, void(const Tensor& a, const Tensor& b, Tensor& y));
