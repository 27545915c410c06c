// A thread for each element, a launch for each parameter. The formulas are those of
// tensor/ops/optimizer_step.cpp.

#include "tensor/ops/optimizer_step.h"

#include <cmath>

#include "cuda/grid.cuh"

namespace chainline::cuda {
namespace {

template <class T>
struct AdamWConstants {
  T beta1, new1, beta2, new2, rate, root, eps, decay;
};

template <class T>
__global__ void adamw_kernel(std::int64_t n, AdamWConstants<T> k, const T* grad, T* param, T* m,
                             T* v) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    const T g = grad[i];
    const T new_m = k.beta1 * m[i] + k.new1 * g;
    const T new_v = k.beta2 * v[i] + k.new2 * (g * g);
    param[i] =
        param[i] - (k.rate * new_m / (std::sqrt(new_v) * k.root + k.eps) + k.decay * param[i]);
    m[i] = new_m;
    v[i] = new_v;
  }
}

/// `velocity` is nullptr without momentum.
template <class T>
__global__ void sgd_kernel(std::int64_t n, T rate, T momentum, T decay, bool nesterov,
                           const T* grad, T* param, T* velocity) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    T direction = grad[i];
    if (velocity != nullptr) {
      velocity[i] = momentum * velocity[i] + grad[i];
      direction = nesterov ? momentum * velocity[i] + grad[i] : velocity[i];
    }
    param[i] = param[i] - (rate * direction + decay * param[i]);
  }
}

}  // namespace

void adamw_step(std::span<ops::AdamWParameter> parameters, const kernel::AdamWFactors& factors) {
  visit_floating(parameters[0].param.dtype(), "adamw_step", [&]<class T>(Type<T>) {
    AdamWConstants<T> constants{static_cast<T>(factors.beta1), static_cast<T>(factors.new1),
                                static_cast<T>(factors.beta2), static_cast<T>(factors.new2),
                                static_cast<T>(factors.rate),  static_cast<T>(factors.root),
                                static_cast<T>(factors.eps),   T(0)};
    for (ops::AdamWParameter& p : parameters) {
      constants.decay = p.decays ? static_cast<T>(factors.decay) : T(0);
      launch_elements(p.param.numel(), &adamw_kernel<T>, p.param.numel(), constants,
                      p.grad.device_data<T>(), p.param.mutable_device_data<T>(),
                      p.m.mutable_device_data<T>(), p.v.mutable_device_data<T>());
    }
  });
}

void sgd_step(std::span<ops::SgdParameter> parameters, const kernel::SgdFactors& factors) {
  visit_floating(parameters[0].param.dtype(), "sgd_step", [&]<class T>(Type<T>) {
    for (ops::SgdParameter& p : parameters) {
      launch_elements(p.param.numel(), &sgd_kernel<T>, p.param.numel(),
                      static_cast<T>(factors.learning_rate), static_cast<T>(factors.momentum),
                      p.decays ? static_cast<T>(factors.decay) : T(0), factors.nesterov,
                      p.grad.device_data<T>(), p.param.mutable_device_data<T>(),
                      p.velocity.defined() ? p.velocity.mutable_device_data<T>() : nullptr);
    }
  });
}

}  // namespace chainline::cuda
