#include "tensor/ops/silu.h"

#include "tensor/iterate.h"
#include "tensor/math.h"
#include "tensor/ops/operand.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

template <class T>
T silu_of(T x) {
  return x * math::sigmoid(x);
}

template <class T>
T silu_gradient(T grad_y, T x) {
  const T s = math::sigmoid(x);
  return grad_y * (s * (T(1) + x * (T(1) - s)));
}

}  // namespace

void silu(const Tensor& x, Tensor& y) {
  visit_floating(x.dtype(), "silu", [&]<class T>(Type<T>) {
    map<T, T>(
        y, [](T v) { return silu_of(v); }, x);
  });
}

void silu_backward(const Tensor& grad_y, const Tensor& x, Tensor& dx) {
  visit_floating(x.dtype(), "silu_backward", [&]<class T>(Type<T>) {
    map<T, T, T>(
        dx, [](T g, T v) { return silu_gradient(g, v); }, grad_y, x);
  });
}

void silu_gate(const Tensor& gate, const Tensor& up, Tensor& y) {
  visit_floating(gate.dtype(), "silu_gate", [&]<class T>(Type<T>) {
    map<T, T, T>(
        y, [](T v, T u) { return silu_of(v) * u; }, gate, up);
  });
}

void silu_gate_backward(const Tensor& grad_y, const Tensor& gate, const Tensor& up, Tensor& dgate,
                        Tensor& dup) {
  visit_floating(gate.dtype(), "silu_gate_backward", [&]<class T>(Type<T>) {
    map<T, T, T, T>(
        dgate, [](T g, T v, T u) { return silu_gradient(g * u, v); }, grad_y, gate, up);
    map<T, T, T>(
        dup, [](T g, T v) { return g * silu_of(v); }, grad_y, gate);
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

Tensor silu(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::silu(x.device(), x, y);
  return y;
}

Tensor silu_backward(const Tensor& grad_y, const Tensor& x) {
  check_operand(grad_y, x.shape(), x, "silu_backward", "grad_y");
  Tensor dx = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::silu_backward(x.device(), grad_y, x, dx);
  return dx;
}

Tensor silu_gate(const Tensor& gate, const Tensor& up) {
  check_operand(up, gate.shape(), gate, "silu_gate", "up");
  Tensor y = Tensor::empty(gate.shape(), gate.dtype(), gate.device());
  kernel::silu_gate(gate.device(), gate, up, y);
  return y;
}

SiluGateGradients silu_gate_backward(const Tensor& grad_y, const Tensor& gate, const Tensor& up) {
  check_operand(up, gate.shape(), gate, "silu_gate_backward", "up");
  check_operand(grad_y, gate.shape(), gate, "silu_gate_backward", "grad_y");
  SiluGateGradients out{Tensor::empty(gate.shape(), gate.dtype(), gate.device()),
                        Tensor::empty(gate.shape(), gate.dtype(), gate.device())};
  kernel::silu_gate_backward(gate.device(), grad_y, gate, up, out.dgate, out.dup);
  return out;
}

}  // namespace chainline::ops
