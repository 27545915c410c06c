#include "tensor/ops/optimizer_step.h"

#include <cmath>

#include "tensor/ops/operand.h"
#include "tensor/parallel.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

constexpr std::int64_t kElementsPerChunk = 16384;

}  // namespace

void adamw_step(Tensor& param, const Tensor& grad, Tensor& m, Tensor& v,
                const kernel::AdamWFactors& factors) {
  visit_floating(param.dtype(), "adamw_step", [&]<class T>(Type<T>) {
    const auto beta1 = static_cast<T>(factors.beta1), new1 = static_cast<T>(factors.new1);
    const auto beta2 = static_cast<T>(factors.beta2), new2 = static_cast<T>(factors.new2);
    const auto rate = static_cast<T>(factors.rate), root = static_cast<T>(factors.root);
    const auto eps = static_cast<T>(factors.eps), decay = static_cast<T>(factors.decay);
    T *p = param.mutable_data<T>(), *pm = m.mutable_data<T>(), *pv = v.mutable_data<T>();
    const T* g = grad.data<T>();
    parallel_for(param.numel(), kElementsPerChunk, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T first = beta1 * pm[i] + new1 * g[i];
        const T second = beta2 * pv[i] + new2 * (g[i] * g[i]);
        p[i] = p[i] - (rate * first / (std::sqrt(second) * root + eps) + decay * p[i]);
        pm[i] = first;
        pv[i] = second;
      }
    });
  });
}

void sgd_step(Tensor& param, const Tensor& grad, Tensor& velocity,
              const kernel::SgdFactors& factors) {
  visit_floating(param.dtype(), "sgd_step", [&]<class T>(Type<T>) {
    const auto rate = static_cast<T>(factors.learning_rate);
    const auto momentum = static_cast<T>(factors.momentum), decay = static_cast<T>(factors.decay);
    const bool nesterov = factors.nesterov;
    T* p = param.mutable_data<T>();
    T* pv = velocity.defined() ? velocity.mutable_data<T>() : nullptr;
    const T* g = grad.data<T>();
    parallel_for(param.numel(), kElementsPerChunk, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        T d = g[i];
        if (pv != nullptr) {
          const T moving = momentum * pv[i] + g[i];
          d = nesterov ? momentum * moving + g[i] : moving;
          pv[i] = moving;
        }
        p[i] = p[i] - (rate * d + decay * p[i]);
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

}  // namespace

void adamw_step(Tensor& param, const Tensor& grad, Tensor& m, Tensor& v, const AdamWStep& options) {
  check_written(param, param, "adamw_step", "param");
  check_operand(grad, param.shape(), param, "adamw_step", "grad");
  check_written(m, param, "adamw_step", "m");
  check_written(v, param, "adamw_step", "v");
  check_decay_rate(options.beta1, "adamw_step", "beta1");
  check_decay_rate(options.beta2, "adamw_step", "beta2");
  check<ValueError>(options.step >= 1, "adamw_step: step: expected a count from 1, got ",
                    options.step);
  const kernel::AdamWFactors factors{
      .beta1 = options.beta1,
      .new1 = 1 - options.beta1,
      .beta2 = options.beta2,
      .new2 = 1 - options.beta2,
      .rate = options.learning_rate / (1 - power(options.beta1, options.step)),
      .root = 1 / std::sqrt(1 - power(options.beta2, options.step)),
      .eps = options.eps,
      .decay = options.learning_rate * options.weight_decay};
  kernel::adamw_step(param.device(), param, grad.contiguous(), m, v, factors);
}

void sgd_step(Tensor& param, const Tensor& grad, Tensor& velocity, const SgdStep& options) {
  check_written(param, param, "sgd_step", "param");
  check_operand(grad, param.shape(), param, "sgd_step", "grad");
  check_decay_rate(options.momentum, "sgd_step", "momentum");
  check<ValueError>(!options.nesterov || options.momentum > 0,
                    "sgd_step: nesterov: expected a momentum above 0, got 0");
  if (options.momentum > 0) check_written(velocity, param, "sgd_step", "velocity");
  Tensor unused;
  kernel::sgd_step(param.device(), param, grad.contiguous(),
                   options.momentum > 0 ? velocity : unused,
                   {.learning_rate = options.learning_rate,
                    .momentum = options.momentum,
                    .decay = options.learning_rate * options.weight_decay,
                    .nesterov = options.nesterov});
}

}  // namespace chainline::ops
