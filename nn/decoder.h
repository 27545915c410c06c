#pragma once

#include <cstdint>
#include <vector>

#include "nn/activations.h"
#include "nn/attention.h"
#include "nn/embedding.h"
#include "nn/mlp.h"
#include "nn/norm.h"

namespace chainline::nn {

/// Keys and meaning as `text_config` of the HF "llava-1.5" checkpoints.
struct TextConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 128;
  std::int64_t intermediate_size = 352;
  std::int64_t num_hidden_layers = 4;
  std::int64_t num_attention_heads = 4;
  std::int64_t num_key_value_heads = 4;
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000;
  bool tie_word_embeddings = false;
};

/// What decoding has seen so far: one cache per layer.
using DecoderCache = std::vector<KeyValueCache>;

/// One pre-norm decoder block: x + attention(norm(x)), then x + swiglu(norm(x)).
class DecoderBlock {
 public:
  DecoderBlock(const TextConfig& config, DType dtype);
  Variable operator()(const Variable& x, const Tensor& positions, KeyValueCache* cache) const;
  void visit(ParameterVisitor& v);

 private:
  RmsNorm input_norm_, post_attention_norm_;
  Attention attention_;
  SwiGlu mlp_;
};

/// A LLaMA-style decoder: rotary positions, RMSNorm, gated SiLU, causal grouped-query attention.
///
/// Shapes   embeddings (B, T, C)  ->  every hidden state (B, T, C); logits (B, T, V)
/// Source   Touvron et al.: LLaMA (2023)
class Decoder {
 public:
  explicit Decoder(const TextConfig& config, DType dtype = DType::f32);

  Variable embed(const Tensor& ids) const { return embed_tokens_(ids); }

  /// All hidden states: entry 0 the embeddings, entry l after block l. With a cache the tokens
  /// follow the cached ones, which must not need gradients.
  std::vector<Variable> operator()(const Variable& embeddings, DecoderCache* cache = nullptr) const;

  /// Whether a block's inner values are computed again for the gradient instead of being kept
  /// (autograd/recompute.h). Decoding with a cache keeps its values.
  void set_recompute(bool on) { recompute_ = on; }

  /// What the hidden states and the logits are kept in; embeddings come in the dtype of the parameters.
  void set_activations(DType dtype) { activations_.set(dtype); }

  /// The logits of the last hidden state.
  Variable logits(const Variable& hidden) const;

  const TextConfig& config() const { return config_; }
  /// Where the parameters are.
  Device device() const { return embed_tokens_.weight().value().device(); }
  void visit(ParameterVisitor& v);

 private:
  TextConfig config_;
  Embedding embed_tokens_;
  std::vector<DecoderBlock> blocks_;
  RmsNorm norm_;
  std::vector<Linear> lm_head_;  // one, or none when the embedding table serves
  bool recompute_ = false;
  Activations activations_;
};

}  // namespace chainline::nn
