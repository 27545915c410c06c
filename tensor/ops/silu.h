#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// The sigmoid linear unit: y = x * sigmoid(x).
///
/// Shapes   x of any shape  ->  y alike
/// DTypes   f32, f64, bf16
/// Bits     exact; bf16: those of f32, rounded once
/// Source   Elfwing, Uchibe, Doya: Sigmoid-Weighted Linear Units (2017)
Tensor silu(const Tensor& x);

/// The gradient of silu: dx = grad_y * s * (1 + x * (1 - s)), s = sigmoid(x).
///
/// Errors   ShapeError, DTypeError, DeviceError when grad_y and x differ
/// Bits     exact
Tensor silu_backward(const Tensor& grad_y, const Tensor& x);

/// The middle of a SwiGLU block: y = silu(gate) * up.
///
/// Shapes   gate, up of any one shape  ->  y alike
/// DTypes   f32, f64, bf16; both operands alike
/// Errors   ShapeError, DTypeError, DeviceError when the operands differ
/// Bits     exact; those of silu followed by a product; bf16: those of f32, rounded once
/// Source   Shazeer: GLU Variants Improve Transformer (2020), eq. 5
Tensor silu_gate(const Tensor& gate, const Tensor& up);

/// The gradient of silu_gate.
///
///   dgate = (grad_y * up) * s * (1 + gate * (1 - s)),   dup = grad_y * silu(gate)
///
/// Errors   as silu_gate
/// Bits     exact; those of the product's gradients followed by silu_backward
struct SiluGateGradients {
  Tensor dgate, dup;
};
SiluGateGradients silu_gate_backward(const Tensor& grad_y, const Tensor& gate, const Tensor& up);

}  // namespace chainline::ops

CHAINLINE_KERNEL(silu, void(const Tensor& x, Tensor& y));
CHAINLINE_KERNEL(silu_backward, void(const Tensor& grad_y, const Tensor& x, Tensor& dx));
CHAINLINE_KERNEL(silu_gate, void(const Tensor& gate, const Tensor& up, Tensor& y));
CHAINLINE_KERNEL(silu_gate_backward, void(const Tensor& grad_y, const Tensor& gate,
                                          const Tensor& up, Tensor& dgate, Tensor& dup));
