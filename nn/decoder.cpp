#include "nn/decoder.h"

#include "autograd/node.h"
#include "autograd/ops.h"
#include "autograd/recompute.h"

namespace chainline::nn {
namespace {

AttentionConfig attention_config(const TextConfig& c) {
  AttentionConfig a;
  a.channels = c.hidden_size;
  a.heads = c.num_attention_heads;
  a.key_value_heads = c.num_key_value_heads;
  a.causal = true;
  a.rope_theta = c.rope_theta;
  return a;
}

}  // namespace

DecoderBlock::DecoderBlock(const TextConfig& c, DType dtype)
    : input_norm_(c.hidden_size, c.rms_norm_eps, dtype),
      post_attention_norm_(c.hidden_size, c.rms_norm_eps, dtype),
      attention_(attention_config(c), dtype),
      mlp_(c.hidden_size, c.intermediate_size, dtype) {}

Variable DecoderBlock::operator()(const Variable& x, const Tensor& positions,
                                  KeyValueCache* cache) const {
  const Variable h = attention_(input_norm_(x), positions, x, cache);
  return mlp_(post_attention_norm_(h), h);
}

void DecoderBlock::visit(ParameterVisitor& v) {
  v.child("input_layernorm", input_norm_);
  v.child("self_attn", attention_);
  v.child("post_attention_layernorm", post_attention_norm_);
  v.child("mlp", mlp_);
}

Decoder::Decoder(const TextConfig& c, DType dtype)
    : config_(c),
      embed_tokens_(c.vocab_size, c.hidden_size, dtype),
      norm_(c.hidden_size, c.rms_norm_eps, dtype),
      activations_(dtype) {
  for (std::int64_t l = 0; l < c.num_hidden_layers; ++l) blocks_.emplace_back(c, dtype);
  if (!c.tie_word_embeddings) lm_head_.emplace_back(c.hidden_size, c.vocab_size, false, dtype);
}

std::vector<Variable> Decoder::operator()(const Variable& embeddings, DecoderCache* cache) const {
  check<ShapeError>(embeddings.shape().rank() == 3 && embeddings.shape()[2] == config_.hidden_size,
                    "decoder: embeddings: expected shape (B, T, ", config_.hidden_size, "), got ",
                    embeddings.shape());
  if (cache != nullptr) cache->resize(blocks_.size());
  const std::int64_t seen = cache != nullptr && !cache->empty() ? cache->front().length() : 0;
  const std::int64_t T = embeddings.shape()[1];
  const Tensor positions = Tensor::arange(seen + T, DType::i64, embeddings.value().device())
                               .narrow(0, seen, T)
                               .contiguous();
  std::vector<Variable> hidden{activations_.from_parameters(embeddings)};
  for (std::size_t l = 0; l < blocks_.size(); ++l) {
    const NameScope scope("layers." + std::to_string(l));
    const DecoderBlock& block = blocks_[l];
    if (recompute_ && cache == nullptr) {
      // The function has a copy of the block, which is the same parameters: history may outlive us.
      const auto again = [block, positions](const Variables& x) -> Variables {
        return {block(x[0], positions, nullptr)};
      };
      hidden.push_back(recompute(again, {hidden.back()})[0]);
    } else {
      hidden.push_back(block(hidden.back(), positions, cache == nullptr ? nullptr : &(*cache)[l]));
    }
  }
  return hidden;
}

Variable Decoder::logits(const Variable& hidden) const {
  const NameScope scope("lm_head");
  const Variable x = norm_(hidden);
  return lm_head_.empty() ? linear(x, embed_tokens_.weight()) : lm_head_[0](x);
}

void Decoder::visit(ParameterVisitor& v) {
  v.child("model.embed_tokens", embed_tokens_);
  v.children("model.layers", blocks_);
  v.child("model.norm", norm_);
  if (!lm_head_.empty()) v.child("lm_head", lm_head_[0]);
}

}  // namespace chainline::nn
