#include "tensor/ops/gelu.h"

#include <cmath>
#include <numbers>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "autograd/ops/gradients.h"

namespace chainline {
namespace {

// The tanh form replaces Phi(x) by (1 + tanh(u)) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3).
const double kTanhScale = std::sqrt(2 / std::numbers::pi);
constexpr double kTanhCubic = 0.044715;

Variable tanh_argument(const Variable& x) {
  return mul_scalar(x + mul_scalar(square(x) * x, kTanhCubic), kTanhScale);
}

/// gelu'(x): Phi(x) + x phi(x), or the same of the tanh form.
Variable derivative(const Variable& x, GeluForm form) {
  if (form == GeluForm::erf) {
    const Variable cdf = mul_scalar(erf(mul_scalar(x, 1 / std::numbers::sqrt2)) + 1.0, 0.5);
    const Variable pdf = mul_scalar(exp(mul_scalar(square(x), -0.5)),
                                    std::numbers::inv_sqrtpi / std::numbers::sqrt2);
    return cdf + x * pdf;
  }
  const Variable t = tanh(tanh_argument(x));
  const Variable du = mul_scalar(mul_scalar(square(x), 3 * kTanhCubic) + 1.0, kTanhScale);
  return mul_scalar(t + 1.0, 0.5) + mul_scalar(x * (neg(square(t)) + 1.0) * du, 0.5);
}

Variables backward_composed(const Variables& inputs, const Node& attributes);

struct GeluBackwardRule final : Node {
  GeluForm form{};
  std::string_view name() const override { return "gelu_backward"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [g, x] = saved<2>();
    return vjp(backward_composed, {g, x}, *this, grad_outputs);
  }
};

Variables backward_composed(const Variables& inputs, const Node& attributes) {
  return {inputs[0] * derivative(inputs[1], static_cast<const GeluBackwardRule&>(attributes).form)};
}

}  // namespace

Variable gelu_gradient(const Variable& g, const Variable& x, GeluForm form) {
  const auto fill = [&](GeluBackwardRule& rule) {
    rule.form = form;
    rule.save("grad_y", g);
    rule.save("x", x);
  };
  return record<GeluBackwardRule>({g, x}, {ops::gelu_backward(g.value(), x.value(), form)},
                                  fill)[0];
}

namespace {

struct GeluRule final : Node {
  GeluForm form{};
  std::string_view name() const override { return "gelu"; }
  Variables backward(const Variables& g, const Needs&) const override {
    return {gelu_gradient(g[0], saved<1>()[0], form)};
  }
};

}  // namespace

Variable gelu(const Variable& x, GeluForm form) {
  const auto fill = [&](GeluRule& rule) {
    rule.form = form;
    rule.save("x", x);
  };
  return record<GeluRule>({x}, {ops::gelu(x.value(), form)}, fill)[0];
}

Variable gelu_composed(const Variable& x, GeluForm form) {
  if (form == GeluForm::erf) {
    return mul_scalar(x * (erf(mul_scalar(x, 1 / std::numbers::sqrt2)) + 1.0), 0.5);
  }
  return mul_scalar(x * (tanh(tanh_argument(x)) + 1.0), 0.5);
}

}  // namespace chainline
