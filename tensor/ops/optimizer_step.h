#pragma once

#include <span>

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// The constants of one AdamW step; `step` counts from 1.
struct AdamWStep {
  double learning_rate;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  std::int64_t step = 1;
};

/// One step of Adam with decoupled weight decay, in place, element by element, in this order of
/// operations, each rounded:
///
///   m = beta1 * m + (1 - beta1) * grad
///   v = beta2 * v + (1 - beta2) * (grad * grad)
///   param = param - (rate * m / (sqrt(v) * root + eps) + decay * param)
///
/// with rate = learning_rate / (1 - beta1^step), root = 1 / sqrt(1 - beta2^step) and
/// decay = learning_rate * weight_decay, which like 1 - beta are computed in f64, once a step, and
/// then converted; powers by repeated squaring. The decay joins the update instead of scaling param
/// by 1 - decay, because that factor is 1 in f32 for the decays in use.
///
/// Shapes   param, grad, m, v alike; m and v start as zeros
/// DTypes   f32, f64; all operands alike
/// Errors   ShapeError, DTypeError, DeviceError when the operands differ, ShapeError when one that
///          is written to is not dense; ValueError for a beta outside of [0, 1) or a step below 1
/// Bits     exact
/// Source   Loshchilov, Hutter: Decoupled Weight Decay Regularization (2019), algorithm 2
void adamw_step(Tensor& param, const Tensor& grad, Tensor& m, Tensor& v, const AdamWStep& options);

/// A parameter, its gradient and its moments; its weights decay, or they don't (biases).
struct AdamWParameter {
  Tensor param, grad, m, v;
  bool decays = true;
};

/// The step of many parameters, in one sweep over all their elements: threads share the elements,
/// not the parameters, so that many small ones cost as much as one large one. Bits and errors are
/// those of the steps one by one.
void adamw_step(std::span<const AdamWParameter> parameters, const AdamWStep& options);

/// The same for a step whose numbers wait on the device of the parameters: its factors, and what
/// every gradient is multiplied by before it enters (1 if undefined; see global_norm). With a
/// grad_factor that is not finite nothing moves.
///
/// Shapes   factors as adamw_factors gives them; grad_factor ()
/// DTypes   factors and grad_factor f64
void adamw_step(std::span<const AdamWParameter> parameters, const Tensor& factors,
                const Tensor& grad_factor);
/// The factors of a step on the CPU; their number and order are those of kernel::AdamWFactors.
Tensor adamw_factors(const AdamWStep& options);

/// The constants of one SGD step.
struct SgdStep {
  double learning_rate;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
};

/// One step of gradient descent, in place, element by element, in this order of operations, each
/// rounded:
///
///   velocity = momentum * velocity + grad
///   d = nesterov ? momentum * velocity + grad : velocity
///   param = param - (learning_rate * d + decay * param),   decay = learning_rate * weight_decay
///
/// Without momentum d is grad, and velocity may be undefined. The weight decay is decoupled: it
/// does not enter the velocity.
///
/// Shapes   param, grad, velocity alike; the velocity starts as zeros
/// DTypes   f32, f64; all operands alike
/// Errors   as adamw_step; ValueError for a momentum outside of [0, 1), and for nesterov without one
/// Bits     exact
/// Source   Sutskever et al.: On the importance of initialization and momentum (2013), sec. 2
void sgd_step(Tensor& param, const Tensor& grad, Tensor& velocity, const SgdStep& options);

/// The step of many parameters in one sweep, as with adamw_step.
struct SgdParameter {
  Tensor param, grad, velocity;
  bool decays = true;
};
void sgd_step(std::span<const SgdParameter> parameters, const SgdStep& options);

/// The same with the numbers of the step on the device, as with adamw_step. Of `options` it reads
/// which kind of step it is: momentum or none, nesterov or not.
void sgd_step(std::span<const SgdParameter> parameters, const SgdStep& options,
              const Tensor& factors, const Tensor& grad_factor);
Tensor sgd_factors(const SgdStep& options);

}  // namespace chainline::ops

namespace chainline::kernel {

/// What the elements of a step are multiplied by; kernels convert each to the operands' type.
struct AdamWFactors {
  double beta1, new1, beta2, new2;  // new = 1 - beta
  double rate, root, eps, decay;    // the decay of those parameters that do
};
struct SgdFactors {
  double learning_rate, momentum, decay;
};

}  // namespace chainline::kernel

/// Dense tensors, all of one dtype. The factors are an AdamWFactors in f64; the grad_factor is one
/// f64, or undefined for 1.
CHAINLINE_KERNEL(adamw_step, void(std::span<ops::AdamWParameter> parameters, const Tensor& factors,
                                  const Tensor& grad_factor));
/// The velocities are undefined when the momentum is 0.
CHAINLINE_KERNEL(sgd_step, void(std::span<ops::SgdParameter> parameters, const Tensor& factors,
                                bool nesterov, const Tensor& grad_factor));
