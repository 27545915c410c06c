#include "tensor/ops/gelu.h"

#include "tensor/iterate.h"
#include "tensor/math.h"
#include "tensor/ops/operand.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

template <class T>
constexpr T kRootHalf = T(0.70710678118654752440);  // 1 / sqrt(2)
template <class T>
constexpr T kDensityAtZero = T(0.39894228040143267794);  // 1 / sqrt(2 pi)
template <class T>
constexpr T kRootTwoOverPi = T(0.79788456080286535588);  // sqrt(2 / pi)
template <class T>
constexpr T kCubic = T(0.044715);

template <class T>
T tanh_form(T x) {
  return math::tanh(kRootTwoOverPi<T> * (x + kCubic<T> * (x * x * x)));
}

}  // namespace

void gelu(const Tensor& x, GeluForm form, Tensor& y) {
  visit_floating(x.dtype(), "gelu", [&]<class T>(Type<T>) {
    if (form == GeluForm::erf) {
      map<T, T>(
          y, [](T v) { return T(0.5) * v * (T(1) + math::erf(v * kRootHalf<T>)); }, x);
    } else {
      map<T, T>(
          y, [](T v) { return T(0.5) * v * (T(1) + tanh_form(v)); }, x);
    }
  });
}

void gelu_backward(const Tensor& grad_y, const Tensor& x, GeluForm form, Tensor& dx) {
  visit_floating(x.dtype(), "gelu_backward", [&]<class T>(Type<T>) {
    const auto erf_slope = [](T g, T v) {
      const T below = T(0.5) * (T(1) + math::erf(v * kRootHalf<T>));
      return g * (below + v * math::exp(T(-0.5) * (v * v)) * kDensityAtZero<T>);
    };
    const auto tanh_slope = [](T g, T v) {
      const T t = tanh_form(v);
      const T inner = kRootTwoOverPi<T> * (T(1) + T(3) * kCubic<T> * (v * v));
      return g * (T(0.5) * (T(1) + t) + T(0.5) * v * (T(1) - t * t) * inner);
    };
    if (form == GeluForm::erf) {
      map<T, T, T>(dx, erf_slope, grad_y, x);
    } else {
      map<T, T, T>(dx, tanh_slope, grad_y, x);
    }
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

Tensor gelu(const Tensor& x, GeluForm form) {
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::gelu(x.device(), x, form, y);
  return y;
}

Tensor gelu_backward(const Tensor& grad_y, const Tensor& x, GeluForm form) {
  check_operand(grad_y, x.shape(), x, "gelu_backward", "grad_y");
  Tensor dx = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::gelu_backward(x.device(), grad_y, x, form, dx);
  return dx;
}

}  // namespace chainline::ops
