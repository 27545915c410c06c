#include "tensor/ops/silu.h"

#include "tensor/iterate.h"
#include "tensor/math_each.h"
#include "tensor/ops/operand.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// The derivative of silu, s = sigmoid(x).
template <class T>
T slope(T x, T s) {
  return s * (T(1) + x * (T(1) - s));
}

/// use(i, sigmoid(x[i])) for every element, shared by threads.
template <class T, class Use>
void parallel_sigmoids(const Tensor& x, const Use& use) {
  const T* px = x.data<T>();
  parallel_elements(x.numel(), [=](std::int64_t begin, std::int64_t end) {
    math::sigmoid_each<T>(
        end - begin, [=](std::int64_t i) { return px[begin + i]; },
        [=](std::int64_t i, T s) { use(begin + i, s); });
  });
}

}  // namespace

void silu(const Tensor& x, Tensor& y) {
  visit_floating(x.dtype(), "silu", [&]<class T>(Type<T>) {
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    parallel_sigmoids<T>(x, [=](std::int64_t i, T s) { py[i] = px[i] * s; });
  });
}

void silu_backward(const Tensor& grad_y, const Tensor& x, Tensor& dx) {
  visit_floating(x.dtype(), "silu_backward", [&]<class T>(Type<T>) {
    const T *g = grad_y.data<T>(), *px = x.data<T>();
    T* pdx = dx.mutable_data<T>();
    parallel_sigmoids<T>(x, [=](std::int64_t i, T s) { pdx[i] = g[i] * slope(px[i], s); });
  });
}

void silu_gate(const Tensor& gate, const Tensor& up, Tensor& y) {
  visit_floating(gate.dtype(), "silu_gate", [&]<class T>(Type<T>) {
    const T *v = gate.data<T>(), *u = up.data<T>();
    T* py = y.mutable_data<T>();
    parallel_sigmoids<T>(gate, [=](std::int64_t i, T s) { py[i] = v[i] * s * u[i]; });
  });
}

// One loop for both gradients, since the sigmoid that they share is most of the work.
void silu_gate_backward(const Tensor& grad_y, const Tensor& gate, const Tensor& up, Tensor& dgate,
                        Tensor& dup) {
  visit_floating(gate.dtype(), "silu_gate_backward", [&]<class T>(Type<T>) {
    const T *g = grad_y.data<T>(), *v = gate.data<T>(), *u = up.data<T>();
    T *to_gate = dgate.mutable_data<T>(), *to_up = dup.mutable_data<T>();
    parallel_sigmoids<T>(gate, [=](std::int64_t i, T s) {
      to_gate[i] = (g[i] * u[i]) * slope(v[i], s);
      to_up[i] = g[i] * (v[i] * s);
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

Tensor silu(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::silu(x.device(), x.contiguous(), y);
  return y;
}

Tensor silu_backward(const Tensor& grad_y, const Tensor& x) {
  check_operand(grad_y, x.shape(), x, "silu_backward", "grad_y");
  Tensor dx = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::silu_backward(x.device(), grad_y.contiguous(), x.contiguous(), dx);
  return dx;
}

Tensor silu_gate(const Tensor& gate, const Tensor& up) {
  check_operand(up, gate.shape(), gate, "silu_gate", "up");
  Tensor y = Tensor::empty(gate.shape(), gate.dtype(), gate.device());
  kernel::silu_gate(gate.device(), gate.contiguous(), up.contiguous(), y);
  return y;
}

SiluGateGradients silu_gate_backward(const Tensor& grad_y, const Tensor& gate, const Tensor& up) {
  check_operand(up, gate.shape(), gate, "silu_gate_backward", "up");
  check_operand(grad_y, gate.shape(), gate, "silu_gate_backward", "grad_y");
  SiluGateGradients out{Tensor::empty(gate.shape(), gate.dtype(), gate.device()),
                        Tensor::empty(gate.shape(), gate.dtype(), gate.device())};
  kernel::silu_gate_backward(gate.device(), grad_y.contiguous(), gate.contiguous(), up.contiguous(),
                             out.dgate, out.dup);
  return out;
}

}  // namespace chainline::ops
