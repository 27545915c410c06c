#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "cuda/runtime.h"
#include "tensor/dtype.h"

// Attention of the fast class (docs/numerics.md): bf16 operands, f32 sums in whatever order the
// contender that computes it has.

namespace chainline::cuda {

/// y[i] = sum_j p[i, j] v[j] / sum_j p[i, j] with p[i, j] = exp(scale q[i] . k[j]), over the keys j
/// that query i sees: all, or if `causal` those with j <= i + (S - T). Head h reads group h / (H / G)
/// of keys and values. A query that sees nothing gets y = 0 and lse = -inf.
///
/// A key that a query does not see must be finite all the same: it may enter as 0 times its value.
struct FastAttention {
  std::int64_t B, H, G, T, S, D;  // samples, heads, groups, queries, keys, width of a head
  const bf16 *q, *k, *v;          // of the device
  /// From sample to sample, head to head (or group), row to row, in elements; rows are dense.
  std::array<std::int64_t, 3> q_strides, k_strides, v_strides;
  bool causal;
  float scale;
  bf16* y;     // (B, T, H, D) in memory
  float* lse;  // (B, H, T): log(sum_j p[i, j])
};

/// The gradient of an attention whose y and lse are there.
struct FastAttentionGradient {
  FastAttention forward;
  const bf16* grad_y;
  std::array<std::int64_t, 3> grad_y_strides;
  bf16 *dq, *dk, *dv;  // (B, T, H, D), (B, S, G, D), (B, S, G, D) in memory
};

/// One who computes attentions. `can` says whether this one; `run` starts it in the stream.
struct AttentionContender {
  const char* name;
  bool (*can)(const FastAttention&);
  void (*run)(const FastAttention&, Stream);
  bool (*can_backward)(const FastAttentionGradient&);
  void (*run_backward)(const FastAttentionGradient&, Stream);
};

/// All that this build has. The first is our own kernel (cuda/fast/flash.cu).
std::span<const AttentionContender> attention_contenders();

/// Whether our own kernel can: not heads of more than 128 numbers. What it can't, no other is asked
/// for, so that results don't come and go with libraries.
bool can_attend(const FastAttention& a);

/// Computes an attention, or its gradient, by the contender that is the quickest for its shape
/// (cuda/fast/choice.h).
///
/// Errors   ShapeError where our own kernel can't
void run_attention(const FastAttention& a, Stream stream);
void run_attention_backward(const FastAttentionGradient& a, Stream stream);

}  // namespace chainline::cuda
