#include "tensor/ops/linear_gelu.h"

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "autograd/ops/gradients.h"

namespace chainline {
namespace {

struct LinearGeluRule final : Node {
  GeluForm form{};
  std::string_view name() const override { return "linear_gelu"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const Variables s = saved_list();  // x, weight, before, and the bias if there is one
    const Variable &x = s[0], &weight = s[1];
    // A gradient that is differentiated again needs to know where `before` came from.
    const Variable before =
        recording() ? linear(x, weight, s.size() == 4 ? s[3] : Variable()) : s[2];
    const Variable dbefore = gelu_gradient(g[0], before, form);
    Variables gradients(inputs().size());
    if (needs[0]) gradients[0] = input_gradient(dbefore, weight, x.shape());
    if (needs[1]) gradients[1] = weight_gradient(dbefore, x, needs.sum(1));
    if (s.size() == 4 && needs[2]) gradients[2] = bias_gradient(dbefore, needs.sum(2));
    return gradients;
  }
};

}  // namespace

Variable linear_gelu(const Variable& x, const Variable& weight, const Variable& bias,
                     GeluForm form) {
  const ops::LinearGeluResult out =
      ops::linear_gelu(x.value(), weight.value(), bias.defined() ? bias.value() : Tensor(), form);
  const auto fill = [&](LinearGeluRule& rule) {
    rule.form = form;
    rule.save("x", x);
    rule.save("weight", weight);
    rule.save("before", out.before);
    if (bias.defined()) rule.save("bias", bias);
  };
  Variables inputs{x, weight};
  if (bias.defined()) inputs.push_back(bias);
  return record<LinearGeluRule>(inputs, {out.y}, fill)[0];
}

Variable linear_gelu_composed(const Variable& x, const Variable& weight, const Variable& bias,
                              GeluForm form) {
  return gelu_composed(linear_composed(x, weight, bias), form);
}

}  // namespace chainline
