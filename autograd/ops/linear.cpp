#include "tensor/ops/linear.h"

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "autograd/ops/gradients.h"

namespace chainline {
namespace {

/// Rows of x as samples of one matrix each: (..., K) -> (B, T, K), a lone row being one sample.
Variable as_samples(const Variable& x) {
  const std::int64_t B = sample_count(x.shape()), K = x.shape()[-1];
  return reshape(x, {B, B * K == 0 ? 0 : x.value().numel() / (B * K), K});
}

/// dW = sum over samples b of g_b^T x_b.
Variable weight_gradient_composed(const Variable& g, const Variable& x) {
  return sum(matmul(transpose(as_samples(g), 1, 2), as_samples(x)), {0});
}

Variables weight_gradient_composed(const Variables& inputs, const Node&) {
  return {weight_gradient_composed(inputs[0], inputs[1])};
}

struct WeightGradientRule final : Node {
  std::string_view name() const override { return "linear_backward_weight"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [g, x] = saved<2>();
    return vjp(weight_gradient_composed, {g, x}, *this, grad_outputs);
  }
};

struct BiasGradientRule final : Node {
  std::string_view name() const override { return "linear_backward_bias"; }
  Variables backward(const Variables& g, const Needs&) const override {
    return {broadcast_to(g[0], inputs()[0].shape)};
  }
};

}  // namespace

Variable weight_gradient(const Variable& g, const Variable& x, const SampleSum& sum) {
  const auto fill = [&](WeightGradientRule& rule) {
    rule.save("grad_y", g);
    rule.save("x", x);
  };
  return record<WeightGradientRule>(
      {g, x}, {ops::linear_backward_weight(g.value(), x.value(), sum)}, fill)[0];
}

Variable bias_gradient(const Variable& g, const SampleSum& sum) {
  return record<BiasGradientRule>({g}, {ops::linear_backward_bias(g.value(), sum)},
                                  [](BiasGradientRule&) {})[0];
}

Variable input_gradient(const Variable& g, const Variable& weight, const Shape& x) {
  // With a weight of another dtype only linear multiplies.
  if (g.dtype() == DType::bf16) return linear(g, transpose(weight, 0, 1));
  // All rows as one matrix: a row's product does not depend on the rows around it.
  const std::int64_t N = g.shape()[-1];
  const Shape rows{N == 0 ? 0 : g.value().numel() / N, N};
  return reshape(matmul(reshape(g, rows), weight), x);
}

namespace {

struct LinearRule final : Node {
  bool biased = false, has_residual = false;  // which of the inputs after the weight there are
  std::string_view name() const override { return "linear"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const auto [x, weight] = saved<2>();
    Variables gradients(inputs().size());
    if (needs[0]) gradients[0] = input_gradient(g[0], weight, x.shape());
    if (needs[1]) gradients[1] = weight_gradient(g[0], x, needs.sum(1));
    if (biased && needs[2]) gradients[2] = bias_gradient(g[0], needs.sum(2));
    if (has_residual && needs[inputs().size() - 1]) gradients.back() = g[0];
    return gradients;
  }
};

}  // namespace

Variable linear(const Variable& x, const Variable& weight, const Variable& bias,
                const Variable& residual) {
  const auto value = [](const Variable& v) { return v.defined() ? v.value() : Tensor(); };
  const Tensor y = ops::linear(x.value(), weight.value(), value(bias), value(residual));
  const auto fill = [&](LinearRule& rule) {
    rule.biased = bias.defined();
    rule.has_residual = residual.defined();
    rule.save("x", x);
    rule.save("weight", weight);
  };
  Variables inputs{x, weight};
  if (bias.defined()) inputs.push_back(bias);
  if (residual.defined()) inputs.push_back(residual);
  return record<LinearRule>(inputs, {y}, fill)[0];
}

Variable linear_composed(const Variable& x, const Variable& weight, const Variable& bias,
                         const Variable& residual) {
  const Variable rows = as_samples(x);
  Variable y =
      reshape(matmul(rows, transpose(weight, 0, 1)), x.shape().with(-1, weight.shape()[0]));
  if (bias.defined()) y = y + bias;
  return residual.defined() ? y + residual : y;
}

}  // namespace chainline
