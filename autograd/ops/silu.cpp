// silu(x) = x sigmoid(x), and the gated form silu(gate) * up of LLaMA's MLP.

#include "tensor/ops/silu.h"

#include "autograd/engine.h"
#include "autograd/ops.h"

namespace chainline {
namespace {

/// silu'(x) = s (1 + x (1 - s)), s = sigmoid(x)
Variable derivative(const Variable& x) {
  const Variable s = sigmoid(x);
  return s * (x * (neg(s) + 1.0) + 1.0);
}

Variables silu_backward_composed(const Variables& inputs, const Node&) {
  return {inputs[0] * derivative(inputs[1])};
}

struct SiluBackwardRule final : Node {
  std::string_view name() const override { return "silu_backward"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [g, x] = saved<2>();
    return vjp(silu_backward_composed, {g, x}, *this, grad_outputs);
  }
};

struct SiluRule final : Node {
  std::string_view name() const override { return "silu"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const Variable x = saved<1>()[0];
    const auto fill = [&](SiluBackwardRule& rule) {
      rule.save("grad_y", g[0]);
      rule.save("x", x);
    };
    return record<SiluBackwardRule>({g[0], x}, {ops::silu_backward(g[0].value(), x.value())}, fill);
  }
};

Variables gate_backward_composed(const Variables& inputs, const Node&) {
  const Variable &g = inputs[0], &gate = inputs[1], &up = inputs[2];
  return {g * up * derivative(gate), g * (gate * sigmoid(gate))};
}

struct SiluGateBackwardRule final : Node {
  std::string_view name() const override { return "silu_gate_backward"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [g, gate, up] = saved<3>();
    return vjp(gate_backward_composed, {g, gate, up}, *this, grad_outputs);
  }
};

struct SiluGateRule final : Node {
  std::string_view name() const override { return "silu_gate"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto s = saved<2>();
    const Variable &gate = s[0], &up = s[1];
    const ops::SiluGateGradients d =
        ops::silu_gate_backward(g[0].value(), gate.value(), up.value());
    const auto fill = [&](SiluGateBackwardRule& rule) {
      rule.save("grad_y", g[0]);
      rule.save("gate", gate);
      rule.save("up", up);
    };
    return record<SiluGateBackwardRule>({g[0], gate, up}, {d.dgate, d.dup}, fill);
  }
};

}  // namespace

Variable silu(const Variable& x) {
  const auto fill = [&](SiluRule& rule) { rule.save("x", x); };
  return record<SiluRule>({x}, {ops::silu(x.value())}, fill)[0];
}

Variable silu_composed(const Variable& x) { return x * sigmoid(x); }

Variable silu_gate(const Variable& gate, const Variable& up) {
  const auto fill = [&](SiluGateRule& rule) {
    rule.save("gate", gate);
    rule.save("up", up);
  };
  return record<SiluGateRule>({gate, up}, {ops::silu_gate(gate.value(), up.value())}, fill)[0];
}

Variable silu_gate_composed(const Variable& gate, const Variable& up) {
  return silu_composed(gate) * up;
}

}  // namespace chainline
