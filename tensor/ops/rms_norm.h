#pragma once

#include "tensor/kernel.h"
#include "tensor/sample_sum.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Divides every row of the last dimension by its root mean square, then scales.
///
///   y[r, c] = x[r, c] * rstd[r] * weight[c],   rstd[r] = 1 / sqrt(sum_c x[r, c]^2 / C + eps)
///
/// Shapes   x (..., C); weight (C)  ->  y (..., C); rstd (...)
/// Units    eps is a mean square: it has the unit of x squared
/// DTypes   f32, f64, both alike, also for sums; x and y bf16 beside f32, which it computes in
/// Errors   ShapeError when C is 0 or weight is not (C); DTypeError, DeviceError when the operands
///          differ
/// Bits     exact; sums over a row by rule 3; bf16: those of f32, rounded once
/// Source   Zhang, Sennrich: Root Mean Square Layer Normalization (2019), eq. 4; eps as in LLaMA
struct RmsNormResult {
  Tensor y, rstd;
};
RmsNormResult rms_norm(const Tensor& x, const Tensor& weight, double eps);

/// The gradient of rms_norm, given the rstd of the forward.
///
///   dx[r, c] = rstd[r] * (d[c] - n[c] * (sum_k d[k] * n[k] / C))
///   d[c] = grad_y[r, c] * weight[c],   n[c] = x[r, c] * rstd[r]
///   dweight[c] = sum_r grad_y[r, c] * n[r, c]
///
/// Shapes   grad_y (..., C)  ->  dx (..., C); dweight (C), or (B, C) per sample
/// DTypes   f32, f64, all alike; grad_y, x and dx bf16 beside f32
/// Errors   as rms_norm
/// Bits     exact; sums over a row by rule 3, dweight over the samples by rule 4
struct RmsNormGradients {
  Tensor dx, dweight;
};
RmsNormGradients rms_norm_backward(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                                   const Tensor& rstd, const SampleSum& dweight = {});

}  // namespace chainline::ops

CHAINLINE_KERNEL(rms_norm,
                 void(const Tensor& x, const Tensor& weight, double eps, Tensor& y, Tensor& rstd));
/// Overwrites dx; adds to dweight, which is (C), or (B, C) per sample.
CHAINLINE_KERNEL(rms_norm_backward,
                 void(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                      const Tensor& rstd, Tensor& dx, Tensor& dweight));
