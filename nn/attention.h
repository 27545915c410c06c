#pragma once

#include <cstdint>
#include <optional>

#include "nn/linear.h"

namespace chainline::nn {

/// The keys and values that one attention layer has seen: what decoding token by token reads
/// instead of computing them again.
struct KeyValueCache {
  Tensor keys, values;  // (B, G, S, D), undefined before the first token
  std::int64_t length() const { return keys.defined() ? keys.shape()[2] : 0; }
};

struct AttentionConfig {
  std::int64_t channels = 0;
  std::int64_t heads = 0;
  std::int64_t key_value_heads =
      0;  ///< groups: divides heads; equal to heads for ordinary attention
  bool causal = false;
  bool bias = false;
  std::optional<double> rope_theta;    ///< rotary positions, where given
  const char* output_name = "o_proj";  ///< "out_proj" in CLIP's names
};

/// Multi-head self-attention: every token reads a weighted mean of the tokens' values.
///
///   y = residual + concat_h( softmax(q_h k_g^T / sqrt(D)) v_g ) W_o^T
///   q, k, v = x W_q^T, x W_k^T, x W_v^T
///
/// Query heads h share the keys and values of group g = h / (H / G). With rotary positions q and k
/// are rotated before the product.
///
/// Shapes   x, residual (B, T, C), positions i64 (T)  ->  (B, T, C); H heads of width D = C / H
/// Errors   ShapeError when C is not a multiple of H, or x is not (B, T, C)
/// Bits     a token's result does not depend on later tokens when causal, nor on the cache's use
/// Source   Vaswani et al. (2017), sec. 3.2; Ainslie et al.: GQA (2023); Su et al.: RoFormer (2021)
class Attention {
 public:
  explicit Attention(const AttentionConfig& config, DType dtype = DType::f32);

  /// With a cache, x holds the tokens after the cached ones; the cache grows by them.
  Variable operator()(const Variable& x, const Tensor& positions, const Variable& residual,
                      KeyValueCache* cache = nullptr) const;

  void visit(ParameterVisitor& v);

 private:
  std::int64_t width() const { return config_.channels / config_.heads; }

  AttentionConfig config_;
  Linear q_, k_, v_, out_;
};

}  // namespace chainline::nn
