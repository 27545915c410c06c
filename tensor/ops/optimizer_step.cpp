#include "tensor/ops/optimizer_step.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "tensor/iterate.h"
#include "tensor/ops/operand.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// Runs body(k, begin, end) over the elements of all tensors, as if they were one: elements
/// [begin, end) of number k.
template <class F>
void parallel_sweep(std::span<const std::int64_t> sizes, const F& body) {
  std::vector<std::int64_t> ends(sizes.size());
  std::partial_sum(sizes.begin(), sizes.end(), ends.begin());
  parallel_elements(ends.empty() ? 0 : ends.back(), [&](std::int64_t at, std::int64_t stop) {
    auto k =
        static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), at) - ends.begin());
    for (; at < stop; at = std::min(stop, ends[k]), ++k) {
      const std::int64_t start = ends[k] - sizes[k];
      body(k, at - start, std::min(stop, ends[k]) - start);
    }
  });
}

template <class T>
struct AdamWPointers {
  T *param, *m, *v;
  const T* grad;
  T decay;
};

template <class T>
struct AdamWConstants {
  T beta1, new1, beta2, new2, rate, root, eps, scale;
};

/// Elements [begin, end). The constants come by value: were they references, writing the elements
/// could change them, and the loop would not vectorize.
template <class T>
void adamw_elements(std::int64_t begin, std::int64_t end, const AdamWPointers<T> at,
                    const AdamWConstants<T> k) {
  for (std::int64_t i = begin; i < end; ++i) {
    const T g = at.grad[i] * k.scale;
    const T m = k.beta1 * at.m[i] + k.new1 * g;
    const T v = k.beta2 * at.v[i] + k.new2 * (g * g);
    at.param[i] =
        at.param[i] - (k.rate * m / (std::sqrt(v) * k.root + k.eps) + at.decay * at.param[i]);
    at.m[i] = m;
    at.v[i] = v;
  }
}

template <class T>
struct SgdPointers {
  T *param, *velocity;
  const T* grad;
  T decay;
};

template <class Factors>
Factors read_factors(const Tensor& factors) {
  Factors k;
  std::memcpy(&k, factors.data<double>(), sizeof(k));
  return k;
}

}  // namespace

void adamw_step(std::span<ops::AdamWParameter> parameters, const Tensor& factors,
                const Tensor& grad_factor) {
  const auto k = read_factors<kernel::AdamWFactors>(factors);
  const double scale = grad_factor.defined() ? *grad_factor.data<double>() : 1;
  if (!std::isfinite(scale)) return;
  visit_floating(parameters[0].param.dtype(), "adamw_step", [&]<class T>(Type<T>) {
    const AdamWConstants<T> constants{static_cast<T>(k.beta1), static_cast<T>(k.new1),
                                      static_cast<T>(k.beta2), static_cast<T>(k.new2),
                                      static_cast<T>(k.rate),  static_cast<T>(k.root),
                                      static_cast<T>(k.eps),   static_cast<T>(scale)};
    std::vector<AdamWPointers<T>> pointers;
    std::vector<std::int64_t> sizes;
    for (ops::AdamWParameter& p : parameters) {
      pointers.push_back({p.param.mutable_data<T>(), p.m.mutable_data<T>(), p.v.mutable_data<T>(),
                          p.grad.data<T>(), p.decays ? static_cast<T>(k.decay) : T(0)});
      sizes.push_back(p.param.numel());
    }
    parallel_sweep(sizes, [&](std::size_t number, std::int64_t begin, std::int64_t end) {
      adamw_elements(begin, end, pointers[number], constants);
    });
  });
}

void sgd_step(std::span<ops::SgdParameter> parameters, const Tensor& factors, bool nesterov,
              const Tensor& grad_factor) {
  const auto k = read_factors<kernel::SgdFactors>(factors);
  const double of_gradients = grad_factor.defined() ? *grad_factor.data<double>() : 1;
  if (!std::isfinite(of_gradients)) return;
  visit_floating(parameters[0].param.dtype(), "sgd_step", [&]<class T>(Type<T>) {
    const auto rate = static_cast<T>(k.learning_rate);
    const auto momentum = static_cast<T>(k.momentum);
    const auto scale = static_cast<T>(of_gradients);
    std::vector<SgdPointers<T>> pointers;
    std::vector<std::int64_t> sizes;
    for (ops::SgdParameter& p : parameters) {
      pointers.push_back({p.param.mutable_data<T>(),
                          p.velocity.defined() ? p.velocity.mutable_data<T>() : nullptr,
                          p.grad.data<T>(), p.decays ? static_cast<T>(k.decay) : T(0)});
      sizes.push_back(p.param.numel());
    }
    parallel_sweep(sizes, [&](std::size_t number, std::int64_t begin, std::int64_t end) {
      T *const p = pointers[number].param, *const v = pointers[number].velocity;
      const T *const g = pointers[number].grad, decay = pointers[number].decay;
      // The kinds of steps differ in their direction; a loop each, for a loop that chooses does not
      // vectorize.
      const auto move_by = [=](const auto& direction) {
        for (std::int64_t i = begin; i < end; ++i) {
          p[i] = p[i] - (rate * direction(i) + decay * p[i]);
        }
      };
      if (v == nullptr) {
        move_by([=](std::int64_t i) { return g[i] * scale; });
      } else if (nesterov) {
        move_by([=](std::int64_t i) {
          v[i] = momentum * v[i] + g[i] * scale;
          return momentum * v[i] + g[i] * scale;
        });
      } else {
        move_by([=](std::int64_t i) { return v[i] = momentum * v[i] + g[i] * scale; });
      }
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {
namespace {

/// Checks a tensor that a step writes to.
void check_written(const Tensor& t, const Tensor& param, std::string_view op,
                   std::string_view argument) {
  check_operand(t, param.shape(), param, op, argument);
  check<ShapeError>(t.is_contiguous(), op, ": ", argument,
                    ": expected a dense tensor, got a view with strides");
}

/// Checks a parameter: kernels compute in f32 and f64, on the device of the first.
void check_param(const Tensor& param, const Tensor& first, std::string_view op) {
  visit_floating(param.dtype(), op, [](auto) {});
  check_written(param, param, op, "param");
  check<DeviceError>(param.device() == first.device(), op, ": param: expected device ",
                     first.device(), ", got ", param.device());
}

void check_decay_rate(double beta, std::string_view op, std::string_view argument) {
  check<ValueError>(beta >= 0 && beta < 1, op, ": ", argument,
                    ": expected a number of [0, 1), got ", beta);
}

double power(double base, std::int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent /= 2, base *= base) {
    if (exponent % 2 == 1) result *= base;
  }
  return result;
}

template <class Factors>
constexpr std::int64_t kNumbers = sizeof(Factors) / sizeof(double);

template <class Factors>
Tensor as_tensor(const Factors& factors) {
  Tensor t = Tensor::empty({kNumbers<Factors>}, DType::f64);
  std::memcpy(t.mutable_data<double>(), &factors, sizeof(factors));
  return t;
}

/// Checks the numbers of a step, which are read where the parameters are.
template <class Factors>
void check_numbers(const Tensor& factors, const Tensor& grad_factor, Device device,
                   std::string_view op) {
  const Tensor like = Tensor::empty({}, DType::f64, device);
  check_operand(factors, {kNumbers<Factors>}, like, op, "factors");
  if (grad_factor.defined()) check_operand(grad_factor, {}, like, op, "grad_factor");
}

/// Gives the kernel the parameters of each dtype, with dense gradients.
template <class Parameter, class Kernel>
void by_dtype(std::span<const Parameter> parameters, const Kernel& kernel) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    std::vector<Parameter> chosen;
    for (const Parameter& p : parameters) {
      if (p.param.dtype() != dtype) continue;
      chosen.push_back(p);
      chosen.back().grad = p.grad.contiguous();
    }
    if (!chosen.empty()) kernel(chosen);
  }
}

}  // namespace

void adamw_step(Tensor& param, const Tensor& grad, Tensor& m, Tensor& v, const AdamWStep& options) {
  const AdamWParameter one{param, grad, m, v};
  adamw_step(std::span(&one, 1), options);
}

Tensor adamw_factors(const AdamWStep& options) {
  check_decay_rate(options.beta1, "adamw_step", "beta1");
  check_decay_rate(options.beta2, "adamw_step", "beta2");
  check<ValueError>(options.step >= 1, "adamw_step: step: expected a count from 1, got ",
                    options.step);
  return as_tensor(
      kernel::AdamWFactors{.beta1 = options.beta1,
                           .new1 = 1 - options.beta1,
                           .beta2 = options.beta2,
                           .new2 = 1 - options.beta2,
                           .rate = options.learning_rate / (1 - power(options.beta1, options.step)),
                           .root = 1 / std::sqrt(1 - power(options.beta2, options.step)),
                           .eps = options.eps,
                           .decay = options.learning_rate * options.weight_decay});
}

void adamw_step(std::span<const AdamWParameter> parameters, const AdamWStep& options) {
  const Tensor factors = adamw_factors(options);
  if (parameters.empty()) return;
  adamw_step(parameters, factors.to(parameters[0].param.device()), {});
}

void adamw_step(std::span<const AdamWParameter> parameters, const Tensor& factors,
                const Tensor& grad_factor) {
  for (const AdamWParameter& p : parameters) {
    check_param(p.param, parameters[0].param, "adamw_step");
    check_operand(p.grad, p.param.shape(), p.param, "adamw_step", "grad");
    check_written(p.m, p.param, "adamw_step", "m");
    check_written(p.v, p.param, "adamw_step", "v");
  }
  by_dtype(parameters, [&](std::span<AdamWParameter> chosen) {
    const Device device = chosen[0].param.device();
    check_numbers<kernel::AdamWFactors>(factors, grad_factor, device, "adamw_step");
    kernel::adamw_step(device, chosen, factors, grad_factor);
  });
}

void sgd_step(Tensor& param, const Tensor& grad, Tensor& velocity, const SgdStep& options) {
  const SgdParameter one{param, grad, velocity};
  sgd_step(std::span(&one, 1), options);
}

Tensor sgd_factors(const SgdStep& options) {
  check_decay_rate(options.momentum, "sgd_step", "momentum");
  check<ValueError>(!options.nesterov || options.momentum > 0,
                    "sgd_step: nesterov: expected a momentum above 0, got 0");
  return as_tensor(kernel::SgdFactors{.learning_rate = options.learning_rate,
                                      .momentum = options.momentum,
                                      .decay = options.learning_rate * options.weight_decay});
}

void sgd_step(std::span<const SgdParameter> parameters, const SgdStep& options) {
  const Tensor factors = sgd_factors(options);
  if (parameters.empty()) return;
  sgd_step(parameters, options, factors.to(parameters[0].param.device()), {});
}

void sgd_step(std::span<const SgdParameter> parameters, const SgdStep& options,
              const Tensor& factors, const Tensor& grad_factor) {
  for (const SgdParameter& p : parameters) {
    check_param(p.param, parameters[0].param, "sgd_step");
    check_operand(p.grad, p.param.shape(), p.param, "sgd_step", "grad");
    if (options.momentum > 0) check_written(p.velocity, p.param, "sgd_step", "velocity");
  }
  by_dtype(parameters, [&](std::span<SgdParameter> chosen) {
    for (SgdParameter& p : chosen) {
      if (options.momentum == 0) p.velocity = Tensor();
    }
    const Device device = chosen[0].param.device();
    check_numbers<kernel::SgdFactors>(factors, grad_factor, device, "sgd_step");
    kernel::sgd_step(device, chosen, factors, options.nesterov, grad_factor);
  });
}

}  // namespace chainline::ops
