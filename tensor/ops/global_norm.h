#pragma once

#include <limits>
#include <span>

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// The length of several tensors taken as one vector, and the factor that shortens it to max_norm.
///
///   norm = sqrt(sum_p |g_p|^2),   factor = norm <= max_norm ? 1 : max_norm / norm
///
/// Both stay where the tensors are, so that a step of a training need not wait for them. A norm that
/// is not finite has the factor NaN, with which adamw_step and sgd_step move nothing.
///
/// Shapes   gradients of any shapes, undefined ones count as none  ->  norm (), factor ()
/// DTypes   f32, f64; norm and factor are f64
/// Errors   DTypeError; DeviceError when they are not on one device; ValueError for a max_norm that
///          is not above 0
/// Bits     exact: each |g_p|^2 as norm2, in its dtype (rule 5); their sum over p in order, the root
///          and the quotient in f64
/// Source   Pascanu et al.: On the difficulty of training recurrent neural networks (2013),
///          algorithm 1
struct GlobalNormResult {
  Tensor norm, factor;
};
GlobalNormResult global_norm(std::span<const Tensor> gradients,
                             double max_norm = std::numeric_limits<double>::infinity());

}  // namespace chainline::ops

/// The gradients are defined and dense.
CHAINLINE_KERNEL(global_norm, void(std::span<const Tensor> gradients, double max_norm, Tensor& norm,
                                   Tensor& factor));
