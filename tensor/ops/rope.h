#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Turns the pairs (x[i], x[i + D/2]) of every head by angles that grow with the token's position,
/// so that a product of two heads depends on the distance of their tokens.
///
///   y[i]       = x[i] * cos a_i - x[i + D/2] * sin a_i
///   y[i + D/2] = x[i + D/2] * cos a_i + x[i] * sin a_i
///   a_i = position * theta^(-2 i / D),   i < D/2
///
/// The pairing is that of Hugging Face's LLaMA ("rotate half"), not the neighbours of the paper: a
/// checkpoint's query and key rows are ordered for it. Angles, sines and cosines are computed in
/// f64, once for each position and pair, and then converted.
///
/// Shapes   x (B, H, T, D); positions (T) or (B, T)  ->  y (B, H, T, D), in memory as (B, T, H, D)
/// DTypes   x f32, f64 or bf16; positions i64
/// Errors   ShapeError when x is not (B, H, T, D) with an even D, or positions do not fit it;
///          DTypeError, DeviceError for positions; ValueError when theta is not above 0
/// Bits     exact; bf16: those of f32, rounded once
/// Source   Su et al.: RoFormer (2021), sec. 3.2.2
Tensor rope(const Tensor& x, const Tensor& positions, double theta);

/// The gradient of rope: the rotation of grad_y by minus the angles.
Tensor rope_backward(const Tensor& grad_y, const Tensor& positions, double theta);

}  // namespace chainline::ops

/// Rotates by the angles, or by minus the angles when `backwards`. The components of a head lie one
/// behind the other in x and y; their other strides are any.
CHAINLINE_KERNEL(rope, void(const Tensor& x, const Tensor& positions, double theta, bool backwards,
                            Tensor& y));
