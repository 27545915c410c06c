#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Picks along one dimension, by an index of its own for every position.
///
///   y[i, j, k] = x[i, index[i, j, k], k]        (dim = 1 of 3)
///
/// Shapes   x and index of one rank >= 1, index not larger than x except along dim  ->  y as index
/// DTypes   x any; index i64
/// Errors   ShapeError; DTypeError; DeviceError; ValueError naming the first index outside of
///          [0, x.shape()[dim]) and its position; negative ones are outside
/// Bits     exact: values are copied
Tensor gather(const Tensor& x, std::int64_t dim, const Tensor& index);

/// Adds each element of src to the element of x that gather would have picked: the gradient of
/// gather is scatter_add to zeros.
///
///   y = x,   then   y[i, index[i, j, k], k] += src[i, j, k]   for j ascending        (dim = 1 of
///   3)
///
/// Shapes   x, index as for gather; src as index  ->  y as x
/// DTypes   x, src f32 or f64, alike; index i64
/// Errors   those of gather
/// Bits     exact: each element of y is one chain from x's, in ascending position along dim
Tensor scatter_add(const Tensor& x, std::int64_t dim, const Tensor& index, const Tensor& src);

/// Picks rows within each sample; the index -1 picks a row of zeros. It splices image tokens into
/// text, and pads.
///
///   y[b, t, c] = x[b, index[b, t], c],   +0 where index[b, t] = -1
///
/// Shapes   x (B, S, C); index (B, T)  ->  y (B, T, C)
/// DTypes   x any; index i64
/// Errors   ShapeError; DTypeError; DeviceError; ValueError naming the first index outside of
///          [-1, S) and its position
/// Bits     exact: rows are copied
Tensor gather_rows(const Tensor& x, const Tensor& index);

/// The gradient of gather_rows: each row adds what its copies were given.
///
///   dx[b, s, c] = sum of grad[b, t, c] over t with index[b, t] = s
///
/// Shapes   grad (B, T, C); index (B, T)  ->  dx (B, S, C)
/// DTypes   grad f32, f64, bf16; index i64
/// Errors   those of gather_rows
/// Bits     exact: one chain from +0 over ascending t (docs/numerics.md, rule 11); bf16: in f32
Tensor scatter_rows_add(const Tensor& grad, const Tensor& index, std::int64_t S);

}  // namespace chainline::ops

CHAINLINE_KERNEL(gather, void(const Tensor& x, std::int64_t dim, const Tensor& index, Tensor& y));
/// Adds to y, which holds x.
CHAINLINE_KERNEL(scatter_add,
                 void(std::int64_t dim, const Tensor& index, const Tensor& src, Tensor& y));
CHAINLINE_KERNEL(gather_rows, void(const Tensor& x, const Tensor& index, Tensor& y));
/// Adds to dx, which holds zeros.
CHAINLINE_KERNEL(scatter_rows_add, void(const Tensor& grad, const Tensor& index, Tensor& dx));
