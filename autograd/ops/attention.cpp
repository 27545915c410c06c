#include "tensor/ops/attention.h"

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tensor/ops/compare.h"
#include "tensor/ops/where.h"

namespace chainline {
namespace {

/// Which keys each query sees, u8, broadcastable to (B, H, T, S).
Tensor visible(const Variable& q, const Variable& k, const ops::AttentionOptions& options) {
  const std::int64_t T = q.shape()[2], S = k.shape()[2];
  const Device device = q.value().device();
  Tensor seen = Tensor::full({T, S}, 1, DType::u8, device);
  if (options.causal) {
    const Tensor key = Tensor::arange(S, DType::i64, device);
    const Tensor last = key.narrow(0, S - T, T).unsqueeze(1);
    seen = ops::less_equal(key, last);
  }
  return options.mask.defined() ? ops::logical_and(seen, options.mask) : seen;
}

/// Keys or values (B, G, S, D) for each query head, (B, H, S, D).
Variable for_heads(const Variable& x, std::int64_t heads) {
  const std::int64_t B = x.shape()[0], G = x.shape()[1], S = x.shape()[2], D = x.shape()[3];
  if (G == heads) return x;
  const Variable wide = broadcast_to(reshape(x, {B, G, 1, S, D}), {B, G, heads / G, S, D});
  return reshape(wide, {B, heads, S, D});
}

/// The weights p / sum (B, H, T, S). Hidden scores become -infinity before the softmax; a query
/// that sees nothing gets zeros.
Variable weights(const Variable& q, const Variable& k, const ops::AttentionOptions& options) {
  const Variable s = mul_scalar(matmul(q, transpose(k, -1, -2)), options.scale);
  const Tensor seen = visible(q, k, options).broadcast_to(s.shape());
  const auto number = [&](double x) {
    return Variable(Tensor::full({}, x, s.dtype(), s.value().device()));
  };
  const Variable zero = number(0), low = number(-1e30);
  const Variable shown = where(seen, s, low);
  const Variable e = where(seen, exp(shown - amax(shown, -1, true).detach()), zero);
  const Variable total = sum(e, {-1}, true);
  const Tensor empty = ops::equal(total.value(), zero.value());
  return e / where(empty, number(1), total);
}

Variables backward_composed(const Variables& inputs, const Node& attributes);

struct AttentionBackwardRule final : Node {
  ops::AttentionOptions options;
  std::string_view name() const override { return "attention_backward"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto [grad_y, q, k, v] = saved<4>();
    return vjp(backward_composed, {grad_y, q, k, v}, *this, grad_outputs);
  }
};

// attention_backward as a composition, for derivatives beyond the first.
//   w = p / sum,  dv = w^T g,  ds = w (g v^T - rowsum(g y)) scale,  dq = ds k,  dk = ds^T q
Variables backward_composed(const Variables& inputs, const Node& attributes) {
  const auto& options = static_cast<const AttentionBackwardRule&>(attributes).options;
  const Variable &g = inputs[0], &q = inputs[1];
  const std::int64_t H = q.shape()[1];
  const Variable k = for_heads(inputs[2], H), v = for_heads(inputs[3], H);
  const Variable w = weights(q, k, options);
  const Variable delta = sum(g * matmul(w, v), {-1}, true);
  const Variable ds = mul_scalar(w * (matmul(g, transpose(v, -1, -2)) - delta), options.scale);
  // The heads of a group share their keys and values: their gradients add up.
  const auto to_groups = [&](const Variable& x, const Shape& shape) {
    const Shape split{shape[0], shape[1], H / shape[1], shape[2], shape[3]};
    return shape[1] == H ? x : sum(reshape(x, split), {2});
  };
  return {matmul(ds, k), to_groups(matmul(transpose(ds, -1, -2), q), inputs[2].shape()),
          to_groups(matmul(transpose(w, -1, -2), g), inputs[3].shape())};
}

struct AttentionRule final : Node {
  ops::AttentionOptions options;
  std::string_view name() const override { return "attention"; }
  Variables backward(const Variables& grad_outputs, const Needs&) const override {
    const auto s = saved<7>();
    const Variable &g = grad_outputs[0], &q = s[0], &k = s[1], &v = s[2];
    const ops::AttentionResult forward{s[3].value(), s[4].value(), s[5].value(), s[6].value()};
    const ops::AttentionGradients d =
        ops::attention_backward(g.value(), q.value(), k.value(), v.value(), forward, options);
    const auto fill = [&](AttentionBackwardRule& rule) {
      rule.options = options;
      rule.save("grad_y", g);
      rule.save("q", q);
      rule.save("k", k);
      rule.save("v", v);
    };
    return record<AttentionBackwardRule>({g, q, k, v}, {d.dq, d.dk, d.dv}, fill);
  }
};

}  // namespace

Variable attention(const Variable& q, const Variable& k, const Variable& v,
                   const ops::AttentionOptions& options) {
  const ops::AttentionResult out = ops::attention(q.value(), k.value(), v.value(), options);
  const auto fill = [&](AttentionRule& rule) {
    rule.options = options;
    rule.save("q", q);
    rule.save("k", k);
    rule.save("v", v);
    rule.save_output("y", out.y, 0);
    rule.save("lse", out.lse);
    rule.save("max", out.max);
    rule.save("sum", out.sum);
  };
  return record<AttentionRule>({q, k, v}, {out.y}, fill)[0];
}

Variable attention_composed(const Variable& q, const Variable& k, const Variable& v,
                            const ops::AttentionOptions& options) {
  const std::int64_t H = q.shape()[1];
  return matmul(weights(q, for_heads(k, H), options), for_heads(v, H));
}

}  // namespace chainline
