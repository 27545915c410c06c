// A thread for each element. The formulas are those of tensor/ops/gelu.cpp.

#include "tensor/ops/gelu.h"

#include "cuda/elementwise.cuh"
#include "tensor/math.h"

namespace chainline::cuda {
namespace {

template <class T>
struct Constants {
  static constexpr T root_half = T(0.70710678118654752440);         // 1 / sqrt(2)
  static constexpr T density_at_zero = T(0.39894228040143267794);   // 1 / sqrt(2 pi)
  static constexpr T root_two_over_pi = T(0.79788456080286535588);  // sqrt(2 / pi)
  static constexpr T cubic = T(0.044715);
};

template <class T>
__device__ T tanh_of(T x) {
  using K = Constants<T>;
  return math::tanh(K::root_two_over_pi * (x + K::cubic * (x * x * x)));
}

template <class T>
struct ErfForm {
  __device__ T operator()(T x) const {
    return T(0.5) * x * (T(1) + math::erf(x * Constants<T>::root_half));
  }
};
template <class T>
struct TanhForm {
  __device__ T operator()(T x) const { return T(0.5) * x * (T(1) + tanh_of(x)); }
};

template <class T>
struct ErfBackward {
  __device__ T operator()(T g, T x) const {
    using K = Constants<T>;
    const T below = T(0.5) * (T(1) + math::erf(x * K::root_half));
    return g * (below + x * math::exp_at_most_one(T(-0.5) * (x * x)) * K::density_at_zero);
  }
};
template <class T>
struct TanhBackward {
  __device__ T operator()(T g, T x) const {
    using K = Constants<T>;
    const T t = tanh_of(x);
    const T inner = K::root_two_over_pi * (T(1) + T(3) * K::cubic * (x * x));
    return g * (T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * inner);
  }
};

}  // namespace

void gelu(const Tensor& x, GeluForm form, Tensor& y) {
  visit_activation(x.dtype(), "gelu", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    if (form == GeluForm::erf) {
      compute<T, T>(y, ErfForm<A>(), x);
    } else {
      compute<T, T>(y, TanhForm<A>(), x);
    }
  });
}

void gelu_backward(const Tensor& grad_y, const Tensor& x, GeluForm form, Tensor& dx) {
  visit_activation(x.dtype(), "gelu_backward", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    if (form == GeluForm::erf) {
      compute<T, T, T>(dx, ErfBackward<A>(), grad_y, x);
    } else {
      compute<T, T, T>(dx, TanhBackward<A>(), grad_y, x);
    }
  });
}

}  // namespace chainline::cuda
