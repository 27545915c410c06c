#pragma once

#include <string_view>

#include "tensor/dtype.h"
#include "tensor/host_device.h"

// What kernels of the fast class compute in (docs/numerics.md): a bf16 is a number in memory. It is
// read into an f32, and a result is rounded once, when it is stored:
//
//   y[i] = static_cast<T>(f(widen(x[i])));
//
// For other types the casts do nothing, so the exact class keeps its bits.

namespace chainline::cuda {

namespace detail {
template <class T>
struct ArithmeticOf : Type<T> {};
template <>
struct ArithmeticOf<bf16> : Type<float> {};
}  // namespace detail

template <class T>
using Arithmetic = typename detail::ArithmeticOf<T>::type;

template <class T>
CHAINLINE_HOST_DEVICE Arithmetic<T> widen(T x) {
  return static_cast<Arithmetic<T>>(x);
}

/// visit_floating (tensor/dtype.h) for the ops that also have the fast class.
template <class F>
decltype(auto) visit_activation(DType d, std::string_view op, F&& f) {
  if (d == DType::bf16) return f(Type<bf16>{});
  return visit_floating(d, op, f);
}

}  // namespace chainline::cuda
