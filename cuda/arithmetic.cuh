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

/// Calls f(Type<T>{}) for the types that activations have on this device: f32, f64 and bf16.
/// Anything else is a DTypeError that names the op.
template <class F>
decltype(auto) visit_activation(DType d, std::string_view op, F&& f) {
  check<DTypeError>(d == DType::f32 || d == DType::f64 || d == DType::bf16, op,
                    ": expected dtype f32, f64 or bf16, got ", d);
  if (d == DType::bf16) return f(Type<bf16>{});
  if (d == DType::f32) return f(Type<float>{});
  return f(Type<double>{});
}

}  // namespace chainline::cuda
