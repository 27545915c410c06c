#include "tensor/ops/rms_norm.h"

#include "autograd/engine.h"
#include "autograd/ops.h"

namespace chainline {
namespace {

struct Normalized {
  Variable n, rstd;
};

Normalized normalize(const Variable& x, double eps) {
  const Variable rstd = chainline::rsqrt(mean(square(x), {-1}, true) + eps);
  return {x * rstd, rstd};
}

Variables backward_composed(const Variables& inputs, const Node& attributes);

struct RmsNormBackwardRule final : Node {
  double eps = 0;
  std::string_view name() const override { return "rms_norm_backward"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [grad_y, x, weight] = saved<3>();
    return vjp(backward_composed, {grad_y, x, weight}, *this, grad_outputs);
  }
};

// rms_norm_backward as a composition, for derivatives beyond the first.
//   dx = rstd * (d - n * mean_c(d * n)),  d = grad_y * weight,  n = x * rstd
Variables backward_composed(const Variables& inputs, const Node& attributes) {
  const Variable &grad_y = inputs[0], &x = inputs[1], &weight = inputs[2];
  const auto [n, rstd] = normalize(x, static_cast<const RmsNormBackwardRule&>(attributes).eps);
  const Variable d = grad_y * weight;
  return {rstd * (d - n * mean(d * n, {-1}, true)), sum_to(grad_y * n, weight.shape())};
}

struct RmsNormRule final : Node {
  double eps = 0;
  std::string_view name() const override { return "rms_norm"; }
  Variables backward(const Variables& grad_outputs, const Needs& needs) const override {
    const auto s = saved<3>();
    const Variable &grad_y = grad_outputs[0], &x = s[0], &weight = s[1], &rstd = s[2];
    const ops::RmsNormGradients g = ops::rms_norm_backward(
        grad_y.value(), x.value(), weight.value(), rstd.value(), needs.sum(1));
    const auto fill = [&](RmsNormBackwardRule& rule) {
      rule.eps = eps;
      rule.save("grad_y", grad_y);
      rule.save("x", x);
      rule.save("weight", weight);
    };
    return record<RmsNormBackwardRule>({grad_y, x, weight}, {g.dx, g.dweight}, fill);
  }
};

}  // namespace

Variable rms_norm(const Variable& x, const Variable& weight, double eps) {
  const ops::RmsNormResult out = ops::rms_norm(x.value(), weight.value(), eps);
  const auto fill = [&](RmsNormRule& rule) {
    rule.eps = eps;
    rule.save("x", x);
    rule.save("weight", weight);
    rule.save("rstd", out.rstd);
  };
  return record<RmsNormRule>({x, weight}, {out.y}, fill)[0];
}

Variable rms_norm_composed(const Variable& x, const Variable& weight, double eps) {
  return normalize(x, eps).n * weight;
}

}  // namespace chainline
