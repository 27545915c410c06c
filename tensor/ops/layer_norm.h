#pragma once

#include "tensor/kernel.h"
#include "tensor/sample_sum.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Normalizes every row of the last dimension to mean 0 and variance 1, then scales and shifts.
///
///   y[r, c] = (x[r, c] - mean[r]) * rstd[r] * weight[c] + bias[c]
///   mean[r] = sum_c x[r, c] / C,   rstd[r] = 1 / sqrt(sum_c (x[r, c] - mean[r])^2 / C + eps)
///
/// Shapes   x (..., C); weight (C); bias (C)  ->  y (..., C); mean (...); rstd (...)
/// Units    eps is a variance: it has the unit of x squared
/// DTypes   f32, f64, all alike, also for sums; x and y bf16 beside f32, which it computes in
/// Errors   ShapeError when C is 0, or weight or bias is not (C); DTypeError, DeviceError when the
///          operands differ
/// Bits     exact; sums over a row by rule 3; bf16: those of f32, rounded once
/// Source   Ba, Kiros, Hinton: Layer Normalization (2016), eq. 3-4
struct LayerNormResult {
  Tensor y, mean, rstd;
};
LayerNormResult layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);

/// The gradient of layer_norm, given the mean and rstd of the forward.
///
///   dx[r, c] = rstd[r] * (d[c] - sum_k d[k] / C - n[c] * (sum_k d[k] * n[k] / C))
///   d[c] = grad_y[r, c] * weight[c],   n[c] = (x[r, c] - mean[r]) * rstd[r]
///   dweight[c] = sum_r grad_y[r, c] * n[r, c],   dbias[c] = sum_r grad_y[r, c]
///
/// Shapes   grad_y (..., C)  ->  dx (..., C); dweight (C); dbias (C), or (B, C) per sample
/// DTypes   f32, f64, all alike; grad_y, x and dx bf16 beside f32
/// Errors   as layer_norm
/// Bits     exact; sums over a row by rule 3, dweight and dbias over the samples by rule 4
struct LayerNormGradients {
  Tensor dx, dweight, dbias;
};
LayerNormGradients layer_norm_backward(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                                       const Tensor& mean, const Tensor& rstd,
                                       const SampleSum& dweight = {}, const SampleSum& dbias = {});

}  // namespace chainline::ops

CHAINLINE_KERNEL(layer_norm, void(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                  double eps, Tensor& y, Tensor& mean, Tensor& rstd));
/// Overwrites dx; adds to dweight and dbias, which are (C), or (B, C) per sample.
CHAINLINE_KERNEL(layer_norm_backward,
                 void(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                      const Tensor& mean, const Tensor& rstd, Tensor& dx, Tensor& dweight,
                      Tensor& dbias));
