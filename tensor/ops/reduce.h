#pragma once

#include <cstdint>
#include <vector>

#include "tensor/kernel.h"
#include "tensor/sample_sum.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Sums over some dimensions, always in the same order (docs/numerics.md, rules 3 and 4):
///
///   1. if the last dimension is among them, each of its rows in 32 lanes that fold by halves;
///   2. the others but the first, as one chain over their ascending indices from +0;
///   3. the first dimension, the samples, as one chain in ascending order from +0.
///
/// A tensor of one dimension is one row. A sum over nothing is +0.
///
/// Shapes   x (...)  ->  x's without the dimensions, or with size 1 in their place (keepdim);
///          sum_all: ()
/// DTypes   f32, f64, bf16; sums are kept in the dtype of x, those of bf16 in f32
/// Errors   ShapeError for a dimension that x lacks or that is named twice; DTypeError
/// Bits     exact; bf16: those of f32, rounded once
Tensor sum(const Tensor& x, const std::vector<std::int64_t>& dims, bool keepdim = false);
Tensor sum_all(const Tensor& x);

/// The gradient of broadcast_to: sums over the dimensions that a tensor of `shape` lacks or has
/// size 1 in, in the order of `sum`.
///
/// With `samples` it is the gradient of a parameter that x's samples, its first dimension, share:
/// it continues a sum, or keeps each sample's own gradient apart (tensor/sample_sum.h). A tensor of
/// one dimension is one sample.
///
/// Shapes   x of a shape that `shape` broadcasts to  ->  shape; (B, shape...) per sample
/// DTypes   f32, f64, bf16
/// Errors   ShapeError when `shape` does not broadcast to x's, or when gradients per sample are
///          asked for although x's first dimension remains; DTypeError
/// Bits     exact; rule 4 when the first dimension is summed over
Tensor sum_to(const Tensor& x, const Shape& shape, const SampleSum& samples = {});

/// The sum divided by the number of its terms.
///
/// Shapes, DTypes, Bits   as sum
/// Errors   as sum, and ShapeError for a mean of nothing
Tensor mean(const Tensor& x, const std::vector<std::int64_t>& dims, bool keepdim = false);
Tensor mean_all(const Tensor& x);

/// The sum of squares, and its root, the Euclidean length.
///
///   norm2 = sum_i x[i] * x[i]
///
/// in blocks of 4096 elements of the row-major order, each by rule 3, then over blocks in order.
///
/// Shapes   x (...)  ->  ()
/// DTypes   f32, f64; sums are kept in the dtype of x
/// Errors   DTypeError
/// Bits     exact; rule 5
Tensor norm2(const Tensor& x);
Tensor l2_norm(const Tensor& x);

/// How many elements are NaN or infinite, and whether any is.
///
/// DTypes   any; integers are finite
/// Bits     exact
std::int64_t count_nonfinite(const Tensor& x);
bool any_nonfinite(const Tensor& x);

}  // namespace chainline::ops

/// Adds to `total`, which is dense, has the rank of x, at least 2, and size 1 in the dimensions to
/// sum over. x has any strides.
CHAINLINE_KERNEL(sum, void(const Tensor& x, Tensor& total));
/// x is dense.
CHAINLINE_KERNEL(norm2, void(const Tensor& x, Tensor& y));
CHAINLINE_KERNEL(count_nonfinite, void(const Tensor& x, Tensor& count));
