#include "tensor/ops/gelu.h"

#include "tensor/iterate.h"
#include "tensor/math_each.h"
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
T tanh_argument(T x) {
  return kRootTwoOverPi<T> * (x + kCubic<T> * (x * x * x));
}

template <class T>
T erf_slope(T x) {
  const T below = T(0.5) * (T(1) + math::erf(x * kRootHalf<T>));
  return below + x * math::exp_at_most_one(T(-0.5) * (x * x)) * kDensityAtZero<T>;
}

/// The slope of the tanh form, t = tanh(tanh_argument(x)).
template <class T>
T tanh_slope(T x, T t) {
  const T inner = kRootTwoOverPi<T> * (T(1) + T(3) * kCubic<T> * (x * x));
  return T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * inner;
}

}  // namespace

void gelu(const Tensor& x, GeluForm form, Tensor& y) {
  visit_floating(x.dtype(), "gelu", [&]<class T>(Type<T>) {
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    parallel_elements(x.numel(), [=](std::int64_t begin, std::int64_t end) {
      if (form == GeluForm::erf) {
        for (std::int64_t i = begin; i < end; ++i) {
          py[i] = T(0.5) * px[i] * (T(1) + math::erf(px[i] * kRootHalf<T>));
        }
        return;
      }
      const T* v = px + begin;
      T* to = py + begin;
      math::tanh_each<T>(
          end - begin, [=](std::int64_t i) { return tanh_argument(v[i]); },
          [=](std::int64_t i, T t) { to[i] = T(0.5) * v[i] * (T(1) + t); });
    });
  });
}

void gelu_backward(const Tensor& grad_y, const Tensor& x, GeluForm form, Tensor& dx) {
  visit_floating(x.dtype(), "gelu_backward", [&]<class T>(Type<T>) {
    const T *pg = grad_y.data<T>(), *px = x.data<T>();
    T* pdx = dx.mutable_data<T>();
    parallel_elements(x.numel(), [=](std::int64_t begin, std::int64_t end) {
      if (form == GeluForm::erf) {
        for (std::int64_t i = begin; i < end; ++i) pdx[i] = pg[i] * erf_slope(px[i]);
        return;
      }
      const T *v = px + begin, *g = pg + begin;
      T* to = pdx + begin;
      math::tanh_each<T>(
          end - begin, [=](std::int64_t i) { return tanh_argument(v[i]); },
          [=](std::int64_t i, T t) { to[i] = g[i] * tanh_slope(v[i], t); });
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

Tensor gelu(const Tensor& x, GeluForm form) {
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::gelu(x.device(), x.contiguous(), form, y);
  return y;
}

Tensor gelu_backward(const Tensor& grad_y, const Tensor& x, GeluForm form) {
  check_operand(grad_y, x.shape(), x, "gelu_backward", "grad_y");
  Tensor dx = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::gelu_backward(x.device(), grad_y.contiguous(), x.contiguous(), form, dx);
  return dx;
}

}  // namespace chainline::ops
