// All parameters in one launch, a thread for each element. The formulas are those of
// tensor/ops/optimizer_step.cpp.

#include "tensor/ops/optimizer_step.h"

#include <cmath>

#include "cuda/sweep.cuh"

namespace chainline::cuda {
namespace {

template <class T>
struct AdamWEntry {
  const T* grad;
  T *param, *m, *v;
  std::int64_t n;
  bool decays;
};

template <class T>
struct AdamWElement {
  const kernel::AdamWFactors* factors;
  const double* grad_factor;  // or nullptr
  __device__ void operator()(const AdamWEntry<T>& at, std::int64_t i) const {
    const kernel::AdamWFactors& k = *factors;
    const T scale = grad_factor == nullptr ? T(1) : static_cast<T>(*grad_factor);
    if (!(scale - scale == 0)) return;
    const T g = at.grad[i] * scale;
    const T m = static_cast<T>(k.beta1) * at.m[i] + static_cast<T>(k.new1) * g;
    const T v = static_cast<T>(k.beta2) * at.v[i] + static_cast<T>(k.new2) * (g * g);
    const T decay = at.decays ? static_cast<T>(k.decay) : T(0);
    const T old = at.param[i];
    at.param[i] = old - (static_cast<T>(k.rate) * m /
                             (std::sqrt(v) * static_cast<T>(k.root) + static_cast<T>(k.eps)) +
                         decay * old);
    at.m[i] = m;
    at.v[i] = v;
  }
};

template <class T>
struct SgdEntry {
  const T* grad;
  T *param, *velocity;  // nullptr without momentum
  std::int64_t n;
  bool decays;
};

template <class T>
struct SgdElement {
  const kernel::SgdFactors* factors;
  const double* grad_factor;  // or nullptr
  bool nesterov;
  __device__ void operator()(const SgdEntry<T>& at, std::int64_t i) const {
    const T scale = grad_factor == nullptr ? T(1) : static_cast<T>(*grad_factor);
    if (!(scale - scale == 0)) return;
    const T g = at.grad[i] * scale;
    T direction = g;
    if (at.velocity != nullptr) {
      const T momentum = static_cast<T>(factors->momentum);
      const T velocity = momentum * at.velocity[i] + g;
      at.velocity[i] = velocity;
      direction = nesterov ? momentum * velocity + g : velocity;
    }
    const T decay = at.decays ? static_cast<T>(factors->decay) : T(0);
    const T old = at.param[i];
    at.param[i] = old - (static_cast<T>(factors->learning_rate) * direction + decay * old);
  }
};

const double* data_or_null(const Tensor& t) {
  return t.defined() ? t.device_data<double>() : nullptr;
}

}  // namespace

void adamw_step(std::span<ops::AdamWParameter> parameters, const Tensor& factors,
                const Tensor& grad_factor) {
  visit_floating(parameters[0].param.dtype(), "adamw_step", [&]<class T>(Type<T>) {
    std::vector<AdamWEntry<T>> entries;
    for (ops::AdamWParameter& p : parameters) {
      entries.push_back({p.grad.device_data<T>(), p.param.mutable_device_data<T>(),
                         p.m.mutable_device_data<T>(), p.v.mutable_device_data<T>(),
                         p.param.numel(), p.decays});
    }
    sweep(entries, AdamWElement<T>{
                       reinterpret_cast<const kernel::AdamWFactors*>(factors.device_data<double>()),
                       data_or_null(grad_factor)});
  });
}

void sgd_step(std::span<ops::SgdParameter> parameters, const Tensor& factors, bool nesterov,
              const Tensor& grad_factor) {
  visit_floating(parameters[0].param.dtype(), "sgd_step", [&]<class T>(Type<T>) {
    std::vector<SgdEntry<T>> entries;
    for (ops::SgdParameter& p : parameters) {
      entries.push_back({p.grad.device_data<T>(), p.param.mutable_device_data<T>(),
                         p.velocity.defined() ? p.velocity.mutable_device_data<T>() : nullptr,
                         p.param.numel(), p.decays});
    }
    sweep(entries,
          SgdElement<T>{reinterpret_cast<const kernel::SgdFactors*>(factors.device_data<double>()),
                        data_or_null(grad_factor), nesterov});
  });
}

}  // namespace chainline::cuda
