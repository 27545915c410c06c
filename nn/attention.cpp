#include "nn/attention.h"

#include <cmath>

#include "autograd/ops.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/cat.h"

namespace chainline::nn {
namespace {

/// (B, T, H * D) -> (B, H, T, D)
Variable split_heads(const Variable& x, std::int64_t heads) {
  const std::int64_t B = x.shape()[0], T = x.shape()[1], C = x.shape()[2];
  return transpose(reshape(x, {B, T, heads, C / heads}), 1, 2);
}

/// (B, H, T, D) -> (B, T, H * D)
Variable merge_heads(const Variable& x) {
  const std::int64_t B = x.shape()[0], H = x.shape()[1], T = x.shape()[2], D = x.shape()[3];
  return reshape(transpose(x, 1, 2), {B, T, H * D});
}

/// Appends the new keys or values (B, G, T, D) to the cached ones.
Variable extend(Tensor& cached, const Variable& fresh) {
  cached = cached.defined() ? ops::cat({cached, fresh.value()}, 2) : fresh.value().contiguous();
  return Variable(cached);
}

}  // namespace

Attention::Attention(const AttentionConfig& config, DType dtype)
    : config_(config),
      q_(config.channels, config.channels, config.bias, dtype),
      k_(config.channels, config.channels / config.heads * config.key_value_heads, config.bias,
         dtype),
      v_(config.channels, config.channels / config.heads * config.key_value_heads, config.bias,
         dtype),
      out_(config.channels, config.channels, config.bias, dtype) {
  check<ShapeError>(config.channels % config.heads == 0, "attention: ", config.channels,
                    " channels do not split into ", config.heads, " heads");
  check<ShapeError>(config.heads % config.key_value_heads == 0, "attention: ", config.heads,
                    " heads do not share ", config.key_value_heads, " groups evenly");
  check<ShapeError>(!config.rope_theta || width() % 2 == 0,
                    "attention: rotary positions need an even head width, got ", width());
}

Variable Attention::operator()(const Variable& x, const Tensor& positions, const Variable& residual,
                               KeyValueCache* cache) const {
  check<ShapeError>(x.shape().rank() == 3 && x.shape()[2] == config_.channels,
                    "attention: x: expected shape (B, T, ", config_.channels, "), got ", x.shape());
  Variable q = split_heads(q_(x), config_.heads);
  Variable k = split_heads(k_(x), config_.key_value_heads);
  Variable v = split_heads(v_(x), config_.key_value_heads);
  if (config_.rope_theta) {
    q = rope(q, positions, *config_.rope_theta);
    k = rope(k, positions, *config_.rope_theta);
  }
  if (cache != nullptr) {
    check<AutogradError>(!recording() || !k.requires_grad(),
                         "attention: a key/value cache holds no history; use it under NoGradGuard");
    k = extend(cache->keys, k);
    v = extend(cache->values, v);
  }
  ops::AttentionOptions options;
  options.scale = 1 / std::sqrt(static_cast<double>(width()));
  options.causal = config_.causal;
  return out_(merge_heads(attention(q, k, v, options)), residual);
}

void Attention::visit(ParameterVisitor& v) {
  v.child("q_proj", q_);
  v.child("k_proj", k_);
  v.child("v_proj", v_);
  v.child(config_.output_name, out_);
}

}  // namespace chainline::nn
