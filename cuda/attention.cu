// f32 and f64 are computed by tiles where those fit into shared memory, by the plain kernels elsewhere,
// with the same bits. bf16 is the fast class: cuda/fast computes what it can, which is all without a mask,
// and the plain kernels the rest, with f32 between what they read and what they store.

#include "tensor/ops/attention.h"

#include "cuda/attention/plain.cuh"
#include "cuda/attention/tiled_backward.cuh"
#include "cuda/fast/attention.h"
#include "tensor/ops/operand.h"

namespace chainline::cuda {
namespace {

/// With dense rows, as cuda/fast reads it.
Tensor with_dense_rows(const Tensor& t) { return t.strides()[3] == 1 ? t : t.contiguous(); }

std::array<std::int64_t, 3> outer_strides(const Tensor& t) {
  return {t.strides()[0], t.strides()[1], t.strides()[2]};
}

/// Tensors of bf16 with dense rows, as cuda/fast has them; y and lse are the caller's.
FastAttention fast_call(const AttentionSizes& s, const Tensor& q, const Tensor& k, const Tensor& v,
                        double scale) {
  return {.B = s.B,
          .H = s.H,
          .G = s.G,
          .T = s.T,
          .S = s.S,
          .D = s.D,
          .q = q.device_data<bf16>(),
          .k = k.device_data<bf16>(),
          .v = v.device_data<bf16>(),
          .q_strides = outer_strides(q),
          .k_strides = outer_strides(k),
          .v_strides = outer_strides(v),
          .causal = s.causal,
          .scale = static_cast<float>(scale),
          .y = nullptr,
          .lse = nullptr};
}

bool can_be_fast(const AttentionSizes& s, const FastAttention& call) {
  return !s.masked && s.V == s.D && can_attend(call);
}

/// Whether cuda/fast did it.
bool attention_fast(const AttentionSizes& s, const Tensor& q, const Tensor& k, const Tensor& v,
                    double scale, Tensor& y, Tensor& lse) {
  const Tensor from_q = with_dense_rows(q), from_k = with_dense_rows(k),
               from_v = with_dense_rows(v);
  FastAttention call = fast_call(s, from_q, from_k, from_v, scale);
  if (!can_be_fast(s, call)) return false;
  call.y = y.mutable_device_data<bf16>();
  call.lse = lse.mutable_device_data<float>();
  run_attention(call, stream());
  return true;
}

bool attention_backward_fast(const AttentionSizes& s, const Tensor& grad_y, const Tensor& q,
                             const Tensor& k, const Tensor& v, const Tensor& y, const Tensor& lse,
                             double scale, Tensor& dq, Tensor& dk, Tensor& dv) {
  const Tensor from_q = with_dense_rows(q), from_k = with_dense_rows(k),
               from_v = with_dense_rows(v);
  const Tensor g = with_dense_rows(grad_y), rows_of_y = y.transpose(1, 2).contiguous();
  FastAttention call = fast_call(s, from_q, from_k, from_v, scale);
  if (!can_be_fast(s, call)) return false;
  // Kernels of the backward only read these.
  call.y = const_cast<bf16*>(rows_of_y.device_data<bf16>());
  call.lse = const_cast<float*>(lse.device_data<float>());
  run_attention_backward(
      {call, g.device_data<bf16>(), outer_strides(g), dq.mutable_device_data<bf16>(),
       dk.mutable_device_data<bf16>(), dv.mutable_device_data<bf16>()},
      stream());
  return true;
}

void attention_in_bf16(const AttentionSizes& s, const Tensor& q, const Tensor& k, const Tensor& v,
                       double scale, Tensor& y, Tensor& lse) {
  if (attention_fast(s, q, k, v, scale, y, lse)) return;
  const auto workspace = [&] { return Tensor::empty(lse.shape(), lse.dtype(), lse.device()); };
  Tensor max = workspace(), sum = workspace();
  run_plain_attention<bf16>(s, q, k, v, scale, y, lse, max, sum);
}

}  // namespace

void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, bool causal,
               const Tensor& mask, Tensor& y, Tensor& lse, Tensor& max, Tensor& sum) {
  const AttentionSizes s(q, k, v, causal, mask);
  if (is_fast(q)) return attention_in_bf16(s, q, k, v, scale, y, lse);
  visit_floating(q.dtype(), "attention", [&]<class T>(Type<T>) {
    if (can_be_tiled(s)) {
      run_tiled_attention<T>(s, q, k, v, scale, y, lse, max, sum);
    } else {
      run_plain_attention<T>(s, q, k, v, scale, y, lse, max, sum);
    }
  });
}

void attention_backward(const Tensor& grad_y, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& y, const Tensor& max, const Tensor& sum, double scale,
                        bool causal, const Tensor& mask, Tensor& dq, Tensor& dk, Tensor& dv) {
  const AttentionSizes s(q, k, v, causal, mask);
  if (is_fast(q)) {
    if (attention_backward_fast(s, grad_y, q, k, v, y, max, scale, dq, dk, dv)) return;
    const Tensor one;  // its max is lse
    return run_plain_attention_backward<bf16>(s, grad_y, q, k, v, y, max, one, scale, dq, dk, dv);
  }
  visit_floating(q.dtype(), "attention_backward", [&]<class T>(Type<T>) {
    const auto run =
        can_be_tiled(s) ? &run_tiled_attention_backward<T> : &run_plain_attention_backward<T>;
    run(s, grad_y, q, k, v, y, max, sum, scale, dq, dk, dv);
  });
}

}  // namespace chainline::cuda
