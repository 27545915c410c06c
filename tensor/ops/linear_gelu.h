#pragma once

#include "tensor/kernel.h"
#include "tensor/ops/gelu.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// A layer and the gelu behind it, the first half of a transformer's MLP.
///
///   before[r, n] = sum_k x[r, k] * weight[n, k] + bias[n],   y = gelu(before)
///
/// The gradient is that of gelu at `before`, then that of linear. On the CPU the two are computed one
/// after the other: gelu is bound by arithmetic there, and a product that ends with it gains nothing.
///
/// Shapes   x (..., K); weight (N, K); bias (N) or undefined  ->  y, before (..., N)
/// DTypes   f32, f64, all alike; x, y and before bf16 beside an f32 weight and bias
/// Errors   as linear
/// Bits     exact: those of linear, then gelu; bf16: repeatable, gelu of `before` or of what was
///          rounded to it
/// Source   Vaswani et al.: Attention Is All You Need (2017), sec. 3.3; gelu as in its file
struct LinearGeluResult {
  Tensor y, before;
};
LinearGeluResult linear_gelu(const Tensor& x, const Tensor& weight, const Tensor& bias,
                             GeluForm form = GeluForm::erf);

}  // namespace chainline::ops

/// x, before and y are dense; weight may have any strides; bias is dense or undefined.
CHAINLINE_KERNEL(linear_gelu, void(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                   GeluForm form, Tensor& before, Tensor& y));
