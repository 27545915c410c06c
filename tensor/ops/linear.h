#pragma once

#include "tensor/kernel.h"
#include "tensor/sample_sum.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Multiplies every row by a weight matrix, and adds a bias and a residual, those that there are.
///
///   y[r, n] = (sum_k x[r, k] * weight[n, k] + bias[n]) + residual[r, n]
///
/// Shapes   x (..., K); weight (N, K); bias (N) or undefined; residual (..., N) or undefined
///          ->  y (..., N)
/// DTypes   f32, f64, all alike; x, residual and y bf16 beside an f32 weight and bias
/// Errors   ShapeError when x has no dimension, weight is not (N, K), bias is not (N) or residual is
///          not (..., N); DTypeError, DeviceError when the operands differ
/// Bits     exact: the bits of (matmul(x, weight^T) + bias) + residual (rule 2); bf16: repeatable
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Tensor& residual = {});

/// The gradient of linear with respect to x: grad_y times the weight.
///
///   dx[r, k] = sum_n grad_y[r, n] * weight[n, k]
///
/// Shapes   grad_y (..., N); weight (N, K)  ->  dx (..., K)
/// DTypes   f32, f64, both alike; grad_y and dx bf16 beside an f32 weight
/// Errors   as linear
/// Bits     exact: a chain over ascending n (rule 2); bf16: repeatable
Tensor linear_backward_input(const Tensor& grad_y, const Tensor& weight);

/// The gradient of linear with respect to its weight.
///
///   dweight[n, k] = (g_1 + g_2) + ...,   g_b[n, k] = sum_t grad_y[b, t, n] * x[b, t, k]
///
/// where b counts the samples, the leading dimension, and t the sample's rows: a row each for rank
/// 2, all dimensions between the first and the last for higher ranks.
///
/// Shapes   grad_y (B, ..., N); x (B, ..., K)  ->  dweight (N, K), or (B, N, K) per sample
/// DTypes   f32, f64, bf16; both alike; dweight of bf16 is f32, and its bits are repeatable
/// Errors   ShapeError when the leading dimensions differ, or `into` is not (N, K); DTypeError,
///          DeviceError when the operands differ
/// Bits     exact: g_b a chain over ascending t (rule 2), samples by rules 4 and 6
Tensor linear_backward_weight(const Tensor& grad_y, const Tensor& x, const SampleSum& sum = {});

/// The gradient of linear with respect to its bias: the sum of grad_y over everything but its last
/// dimension.
///
/// Shapes   grad_y (B, ..., N)  ->  dbias (N), or (B, N) per sample
/// DTypes   f32, f64; bf16, whose dbias is f32
/// Errors   ShapeError when grad_y has no dimension, or `into` is not (N)
/// Bits     exact: a sample's rows in ascending order, samples by rules 4 and 6
Tensor linear_backward_bias(const Tensor& grad_y, const SampleSum& sum = {});

}  // namespace chainline::ops

/// x and y are dense; weight may have any strides; bias and residual are dense or undefined.
CHAINLINE_KERNEL(linear, void(const Tensor& x, const Tensor& weight, const Tensor& bias,
                              const Tensor& residual, Tensor& y));
/// Adds to total: (N, K), or (B, N, K) per sample.
CHAINLINE_KERNEL(linear_backward_weight,
                 void(const Tensor& grad_y, const Tensor& x, Tensor& total));
/// Adds to total: (N), or (B, N) per sample.
CHAINLINE_KERNEL(linear_backward_bias, void(const Tensor& grad_y, Tensor& total));
