// A thread for each element. The formulas are those of tensor/ops/silu.cpp.

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
__global__ void gate_backward_kernel(std::int64_t n, const T* grad_y, const T* gate, const T* up,
                                     T* dgate, T* dup) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    const Arithmetic<T> g = widen(grad_y[i]), x = widen(gate[i]), s = math::sigmoid(x);
    dgate[i] = static_cast<T>((g * widen(up[i])) * slope(x, s));
    dup[i] = static_cast<T>(g * (x * s));
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
    launch_elements(gate.numel(), &gate_backward_kernel<T>, gate.numel(), grad_y.device_data<T>(),
                    gate.device_data<T>(), up.device_data<T>(), dgate.mutable_device_data<T>(),
                    dup.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
