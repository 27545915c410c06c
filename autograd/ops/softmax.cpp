#include "tensor/ops/softmax.h"

#include "autograd/engine.h"
#include "autograd/ops.h"

namespace chainline {
namespace {

// The backward kernels are functions of (grad_y, y). Their compositions give them derivatives.
//   softmax:      dx = y (g - sum_c g y)
//   log_softmax:  dx = g - exp(y) sum_c g

Variables softmax_backward_composed(const Variables& inputs, const Node&) {
  const Variable &g = inputs[0], &y = inputs[1];
  return {y * (g - sum(g * y, {-1}, true))};
}

Variables log_softmax_backward_composed(const Variables& inputs, const Node&) {
  const Variable &g = inputs[0], &y = inputs[1];
  return {g - exp(y) * sum(g, {-1}, true)};
}

template <bool kLog>
struct SoftmaxBackwardRule final : Node {
  std::string_view name() const override {
    return kLog ? "log_softmax_backward" : "softmax_backward";
  }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [g, y] = saved<2>();
    return vjp(kLog ? log_softmax_backward_composed : softmax_backward_composed, {g, y}, *this,
               grad_outputs);
  }
};

template <bool kLog>
struct SoftmaxRule final : Node {
  std::string_view name() const override { return kLog ? "log_softmax" : "softmax"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [y] = saved<1>();
    const Variable &g = grad_outputs[0], &output = y;
    const Tensor dx = kLog ? ops::log_softmax_backward(g.value(), output.value())
                           : ops::softmax_backward(g.value(), output.value());
    const auto fill = [&](SoftmaxBackwardRule<kLog>& rule) {
      rule.save("grad_y", g);
      rule.save("y", output);
    };
    return record<SoftmaxBackwardRule<kLog>>({g, output}, {dx}, fill);
  }
};

template <bool kLog>
Variable recorded(const Variable& x, const Tensor& y) {
  const auto fill = [&](SoftmaxRule<kLog>& rule) { rule.save_output("y", y, 0); };
  return record<SoftmaxRule<kLog>>({x}, {y}, fill)[0];
}

/// x - max_c x, with the maximum as a constant: it cancels, so it has no gradient.
Variable below_maximum(const Variable& x) { return x - amax(x, -1, true).detach(); }

}  // namespace

Variable softmax(const Variable& x) { return recorded<false>(x, ops::softmax(x.value())); }

Variable log_softmax(const Variable& x) { return recorded<true>(x, ops::log_softmax(x.value())); }

Variable softmax_composed(const Variable& x) {
  const Variable e = exp(below_maximum(x));
  return e / sum(e, {-1}, true);
}

Variable log_softmax_composed(const Variable& x) {
  const Variable d = below_maximum(x);
  return d - log(sum(exp(d), {-1}, true));
}

}  // namespace chainline
