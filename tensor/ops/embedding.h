#pragma once

#include "tensor/kernel.h"
#include "tensor/sample_sum.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Looks up one row of a table for every id.
///
///   y[i, c] = weight[ids[i], c]
///
/// Shapes   weight (V, C); ids (...)  ->  y (..., C)
/// DTypes   weight f32, f64, bf16; ids i64
/// Errors   ShapeError when weight is not (V, C); DTypeError; DeviceError; ValueError naming the
///          first id outside of [0, V) and its position
/// Bits     exact: rows are copied
Tensor embedding(const Tensor& weight, const Tensor& ids);

/// The gradient of embedding with respect to its table.
///
///   dweight[v, c] = sum_b g_b[v, c],   g_b[v, c] = sum of grad_y[b, t, c] over t with ids[b, t] =
///   v
///
/// A row that no token of sample b names has g_b = +0, the empty sum, and is not visited: an
/// accumulator that starts at +0 never becomes -0, so leaving it alone and adding +0 are the same
/// bits. Only a `sum.into` of the caller's own can hold -0; it leaves as +0, as if it were added
/// to.
///
/// Shapes   grad_y (B, ..., C); ids (B, ...)  ->  dweight (V, C), or (B, V, C) with per_sample
/// DTypes   grad_y f32, f64; ids i64
/// Errors   those of embedding; ShapeError when grad_y is not (ids..., C)
/// Bits     exact: tokens in ascending position within a sample as one chain from +0, then the
///          samples in order (docs/numerics.md, rules 4, 6 and 11)
Tensor embedding_backward(const Tensor& grad_y, const Tensor& ids, std::int64_t V,
                          const SampleSum& sum = {});

}  // namespace chainline::ops

CHAINLINE_KERNEL(embedding, void(const Tensor& weight, const Tensor& ids, Tensor& y));
/// Adds to `total`; `continues` says that it is an earlier sum and not fresh zeros.
CHAINLINE_KERNEL(embedding_backward, void(const Tensor& grad_y, const Tensor& ids, std::int64_t V,
                                          bool per_sample, bool continues, Tensor& total));
