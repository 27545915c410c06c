// A thread for each element, or few. The formulas are those of tensor/ops/silu.cpp.

#include "tensor/ops/silu.h"

#include "cuda/elementwise.cuh"
#include "tensor/math.h"

namespace chainline::cuda {
namespace {

/// The derivative of silu, s = sigmoid(x).
template <class T>
__device__ T slope(T x, T s) {
  return s * (T(1) + x * (T(1) - s));
}

template <class T>
struct Silu {
  __device__ T operator()(T x) const { return x * math::sigmoid(x); }
};
template <class T>
struct SiluBackward {
  __device__ T operator()(T g, T x) const { return g * slope(x, math::sigmoid(x)); }
};
template <class T>
struct SiluGate {
  __device__ T operator()(T gate, T up) const { return gate * math::sigmoid(gate) * up; }
};

// One kernel for both gradients, since the sigmoid that they share is most of the work.
template <class T>
__device__ void gate_gradients(T grad_y, T gate, T up, T& dgate, T& dup) {
  const Arithmetic<T> g = widen(grad_y), x = widen(gate), s = math::sigmoid(x);
  dgate = static_cast<T>((g * widen(up)) * slope(x, s));
  dup = static_cast<T>(g * (x * s));
}

/// The first `whole` times kAtOnce elements are taken so many at once, the others alone.
template <class T>
__global__ void gate_backward_kernel(std::int64_t n, std::int64_t whole, const T* grad_y,
                                     const T* gate, const T* up, T* dgate, T* dup) {
  constexpr int kCount = kAtOnce<T>;
  using Numbers = Few<T, kCount>;
  for (std::int64_t i = first_element(); i < whole; i += elements_at_once()) {
    const Numbers g = reinterpret_cast<const Numbers*>(grad_y)[i];
    const Numbers x = reinterpret_cast<const Numbers*>(gate)[i];
    const Numbers u = reinterpret_cast<const Numbers*>(up)[i];
    Numbers dx, du;
#pragma unroll
    for (int k = 0; k < kCount; ++k) gate_gradients(g.x[k], x.x[k], u.x[k], dx.x[k], du.x[k]);
    reinterpret_cast<Numbers*>(dgate)[i] = dx;
    reinterpret_cast<Numbers*>(dup)[i] = du;
  }
  for (std::int64_t i = whole * kCount + first_element(); i < n; i += elements_at_once()) {
    gate_gradients(grad_y[i], gate[i], up[i], dgate[i], dup[i]);
  }
}

}  // namespace

void silu(const Tensor& x, Tensor& y) {
  visit_activation(x.dtype(), "silu",
                   [&]<class T>(Type<T>) { compute<T, T>(y, Silu<Arithmetic<T>>(), x); });
}

void silu_backward(const Tensor& grad_y, const Tensor& x, Tensor& dx) {
  visit_activation(x.dtype(), "silu_backward", [&]<class T>(Type<T>) {
    compute<T, T, T>(dx, SiluBackward<Arithmetic<T>>(), grad_y, x);
  });
}

void silu_gate(const Tensor& gate, const Tensor& up, Tensor& y) {
  visit_activation(gate.dtype(), "silu_gate", [&]<class T>(Type<T>) {
    compute<T, T, T>(y, SiluGate<Arithmetic<T>>(), gate, up);
  });
}

void silu_gate_backward(const Tensor& grad_y, const Tensor& gate, const Tensor& up, Tensor& dgate,
                        Tensor& dup) {
  visit_activation(gate.dtype(), "silu_gate_backward", [&]<class T>(Type<T>) {
    const T *const g = grad_y.device_data<T>(), *const x = gate.device_data<T>();
    const T* const u = up.device_data<T>();  // dgate and dup are new, and begin aligned
    const bool aligned = begins_aligned(g) && begins_aligned(x) && begins_aligned(u);
    const std::int64_t n = gate.numel(), whole = aligned ? n / kAtOnce<T> : 0;
    launch_elements(std::max(whole, n - whole * kAtOnce<T>), &gate_backward_kernel<T>, n, whole, g,
                    x, u, dgate.mutable_device_data<T>(), dup.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
