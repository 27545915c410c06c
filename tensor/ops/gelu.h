#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline {

/// The normal distribution function itself, or the approximation that many checkpoints were
/// trained with ("gelu_new", "gelu_pytorch_tanh").
enum class GeluForm { erf, tanh };

namespace ops {

/// The Gaussian error linear unit, x times the probability that a standard normal number is below
/// x.
///
///   erf    y = 0.5 * x * (1 + erf(x / sqrt(2)))
///   tanh   y = 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))
///
/// Shapes   x of any shape  ->  y alike
/// DTypes   f32, f64, bf16
/// Bits     exact; bf16: those of f32, rounded once
/// Source   Hendrycks, Gimpel: Gaussian Error Linear Units (2016)
Tensor gelu(const Tensor& x, GeluForm form = GeluForm::erf);

/// The gradient of gelu: dx = grad_y * y'(x), with u the argument of tanh,
///
///   erf    y' = 0.5 * (1 + erf(x / sqrt(2))) + x * exp(-x^2 / 2) / sqrt(2 pi)
///   tanh   y' = 0.5 * (1 + tanh u) + 0.5 * x * (1 - tanh^2 u) * u',
///          u' = sqrt(2 / pi) * (1 + 3 * 0.044715 * x^2)
///
/// Errors   ShapeError, DTypeError, DeviceError when grad_y and x differ
/// Bits     exact
Tensor gelu_backward(const Tensor& grad_y, const Tensor& x, GeluForm form = GeluForm::erf);

}  // namespace ops

}  // namespace chainline

CHAINLINE_KERNEL(gelu, void(const Tensor& x, GeluForm form, Tensor& y));
CHAINLINE_KERNEL(gelu_backward,
                 void(const Tensor& grad_y, const Tensor& x, GeluForm form, Tensor& dx));
