#include "tensor/ops/layer_norm.h"

#include "autograd/engine.h"
#include "autograd/ops.h"

namespace chainline {
namespace {

struct Normalized {
  Variable n, rstd;
};

Normalized normalize(const Variable& x, double eps) {
  const Variable centred = x - mean(x, {-1}, true);
  const Variable rstd = chainline::rsqrt(mean(square(centred), {-1}, true) + eps);
  return {centred * rstd, rstd};
}

Variables backward_composed(const Variables& inputs, const Node& attributes);

struct LayerNormBackwardRule final : Node {
  double eps = 0;
  std::string_view name() const override { return "layer_norm_backward"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [grad_y, x, weight] = saved<3>();
    return vjp(backward_composed, {grad_y, x, weight}, *this, grad_outputs);
  }
};

// layer_norm_backward as a composition, for derivatives beyond the first. Only grad_y, x and
// weight are inputs: mean and rstd are functions of x and must be differentiated as such.
//   dx = rstd * (d - mean_c(d) - n * mean_c(d * n)),  d = grad_y * weight,  n = (x - mean) * rstd
Variables backward_composed(const Variables& inputs, const Node& attributes) {
  const Variable &grad_y = inputs[0], &x = inputs[1], &weight = inputs[2];
  const auto [n, rstd] = normalize(x, static_cast<const LayerNormBackwardRule&>(attributes).eps);
  const Variable d = grad_y * weight;
  return {rstd * (d - mean(d, {-1}, true) - n * mean(d * n, {-1}, true)),
          sum_to(grad_y * n, weight.shape()), sum_to(grad_y, weight.shape())};
}

struct LayerNormRule final : Node {
  double eps = 0;
  std::string_view name() const override { return "layer_norm"; }
  Variables backward(const Variables& grad_outputs, const Needs& needs) const override {
    const auto s = saved<4>();
    const Variable &grad_y = grad_outputs[0], &x = s[0], &weight = s[1];
    const ops::LayerNormGradients g =
        ops::layer_norm_backward(grad_y.value(), x.value(), weight.value(), s[2].value(),
                                 s[3].value(), needs.sum(1), needs.sum(2));
    const auto fill = [&](LayerNormBackwardRule& rule) {
      rule.eps = eps;
      rule.save("grad_y", grad_y);
      rule.save("x", x);
      rule.save("weight", weight);
    };
    return record<LayerNormBackwardRule>({grad_y, x, weight}, {g.dx, g.dweight, g.dbias}, fill);
  }
};

}  // namespace

Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, double eps) {
  const ops::LayerNormResult out = ops::layer_norm(x.value(), weight.value(), bias.value(), eps);
  const auto fill = [&](LayerNormRule& rule) {
    rule.eps = eps;
    rule.save("x", x);
    rule.save("weight", weight);
    rule.save("mean", out.mean);
    rule.save("rstd", out.rstd);
  };
  return record<LayerNormRule>({x, weight, bias}, {out.y}, fill)[0];
}

Variable layer_norm_composed(const Variable& x, const Variable& weight, const Variable& bias,
                             double eps) {
  return normalize(x, eps).n * weight + bias;
}

}  // namespace chainline
