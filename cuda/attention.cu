// The plain reading of rule 8 (docs/numerics.md): scores and probabilities of all pairs lie in a
// workspace, a thread makes each chain and a warp each row's sum. A hidden key is left out of every
// chain, so it leaves no trace, not even 0 * NaN or the sign of a zero.
//
// In bf16 it is the fast class: cuda/fast computes what it can, which is all without a mask, and this
// the rest, with f32 between what it reads and what it stores.

#include "tensor/ops/attention.h"

#include <cmath>

#include "cuda/arithmetic.cuh"
#include "cuda/fast/attention.h"
#include "cuda/row_sum.cuh"
#include "tensor/math.h"
#include "tensor/ops/operand.h"

namespace chainline::cuda {
namespace {

/// A (B, heads, rows, columns) tensor with any strides.
template <class T>
struct Heads {
  T* data;
  std::int64_t strides[4];

  __device__ T& at(std::int64_t b, std::int64_t h, std::int64_t r, std::int64_t c) const {
    return data[b * strides[0] + h * strides[1] + r * strides[2] + c * strides[3]];
  }
};

template <class T>
Heads<const T> heads_of(const Tensor& t) {
  const Strides& s = t.strides();
  return {t.device_data<T>(), {s[0], s[1], s[2], s[3]}};
}
template <class T>
Heads<T> heads_to(Tensor& t) {
  const Strides s = t.strides();
  return {t.mutable_device_data<T>(), {s[0], s[1], s[2], s[3]}};
}

struct Sizes {
  std::int64_t B, H, G, T, S, D, V;
  bool causal, masked;
  Heads<const std::uint8_t> mask;

  Sizes(const Tensor& q, const Tensor& k, const Tensor& v, bool is_causal, const Tensor& seen)
      : B(q.shape()[0]),
        H(q.shape()[1]),
        G(k.shape()[1]),
        T(q.shape()[2]),
        S(k.shape()[2]),
        D(q.shape()[3]),
        V(v.shape()[3]),
        causal(is_causal),
        masked(seen.defined()),
        mask{} {
    if (masked) mask = heads_of<std::uint8_t>(seen);
  }

  std::int64_t queries() const { return B * H * T; }
  __device__ std::int64_t group(std::int64_t h) const { return h / (H / G); }
  /// Whether query i of head h of sample b sees key j.
  __device__ bool sees(std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
    return (!causal || j <= i + (S - T)) && (!masked || mask.at(b, h, i, j) != 0);
  }
};

/// Query number n, the row n of the workspaces.
struct Query {
  std::int64_t b, h, i;
  __device__ Query(const Sizes& s, std::int64_t n)
      : b(n / s.T / s.H), h(n / s.T % s.H), i(n % s.T) {}
};

/// pairs[n, j] = the chain over c of a[i, c] * b[j, c], times the factor; `hidden` where query n
/// does not see key j. b is that of the query's group.
template <class T>
__global__ void pairs_kernel(Sizes s, std::int64_t columns, Heads<const T> a, Heads<const T> b,
                             Arithmetic<T> factor, Arithmetic<T> hidden, Arithmetic<T>* pairs) {
  using A = Arithmetic<T>;
  const std::int64_t count = s.B * s.H * s.T * s.S;
  for (std::int64_t e = first_element(); e < count; e += elements_at_once()) {
    const Query n(s, e / s.S);
    const std::int64_t j = e % s.S, g = s.group(n.h);
    if (!s.sees(n.b, n.h, n.i, j)) {
      pairs[e] = hidden;
      continue;
    }
    A acc = 0;
    for (std::int64_t c = 0; c < columns; ++c) {
      acc = std::fma(widen(a.at(n.b, n.h, n.i, c)), widen(b.at(n.b, g, j, c)), acc);
    }
    pairs[e] = acc * factor;
  }
}

/// p = exp(s - max) of a hidden key is +0; in a row of nothing but -inf, -inf - -inf would be a NaN
/// that nobody gave.
template <class T>
__device__ T probability(T score, T max) {
  return math::exp_at_most_one(score - (max == -kInfinity<T> ? T(0) : max));
}

/// Scores become p, in place; each lane reads back only what it wrote.
template <class T>
__global__ void probabilities_kernel(Sizes s, T* pairs, T* max, T* sum, T* lse) {
  for (std::int64_t n = first_row(); n < s.B * s.H * s.T; n += rows_at_once()) {
    T* const row = pairs + n * s.S;
    const T largest = row_max<T>(s.S, [=](std::int64_t j) { return row[j]; });
    for (std::int64_t j = lane(); j < s.S; j += kWarp) row[j] = probability(row[j], largest);
    const T total = row_sum<T>(s.S, [=](std::int64_t j) { return row[j]; });
    if (lane() == 0) {
      max[n] = largest;
      sum[n] = total;
      lse[n] = largest + math::log(total);
    }
  }
}

/// out[i] = the chain over the keys j that query i sees of pairs[i, j] * b[j], divided by the row's
/// sum if there are sums. A query that sees nothing has a sum of 0 and gets 0.
template <class T>
__global__ void over_keys_kernel(Sizes s, std::int64_t columns, const Arithmetic<T>* pairs,
                                 Heads<const T> b, const Arithmetic<T>* sum, Heads<T> out) {
  using A = Arithmetic<T>;
  for (std::int64_t e = first_element(); e < s.B * s.H * s.T * columns; e += elements_at_once()) {
    const std::int64_t row = e / columns, c = e % columns;
    const Query n(s, row);
    const std::int64_t g = s.group(n.h);
    A acc = 0;
    for (std::int64_t j = 0; j < s.S; ++j) {
      if (!s.sees(n.b, n.h, n.i, j)) continue;
      acc = std::fma(pairs[row * s.S + j], widen(b.at(n.b, g, j, c)), acc);
    }
    if (sum != nullptr && sum[row] != 0) acc /= sum[row];
    out.at(n.b, n.h, n.i, c) = static_cast<T>(acc);
  }
}

/// out[j] = ((0 + head) + head) + ... over the heads of a group, each the chain over the queries i
/// that see key j of pairs[i, j] * a[i].
template <class T>
__global__ void over_queries_kernel(Sizes s, std::int64_t columns, const Arithmetic<T>* pairs,
                                    Heads<const T> a, Heads<T> out) {
  using A = Arithmetic<T>;
  for (std::int64_t e = first_element(); e < s.B * s.G * s.S * columns; e += elements_at_once()) {
    const std::int64_t c = e % columns, j = e / columns % s.S;
    const std::int64_t g = e / columns / s.S % s.G, b = e / columns / s.S / s.G;
    const std::int64_t heads = s.H / s.G;
    A total = 0;
    for (std::int64_t h = g * heads; h < (g + 1) * heads; ++h) {
      A acc = 0;
      for (std::int64_t i = 0; i < s.T; ++i) {
        if (!s.sees(b, h, i, j)) continue;
        acc = std::fma(pairs[((b * s.H + h) * s.T + i) * s.S + j], widen(a.at(b, h, i, c)), acc);
      }
      total = total + acc;
    }
    out.at(b, g, j, c) = static_cast<T>(total);
  }
}

/// Scores become w = p / sum, and ds, which holds grad_y . v, becomes w * (ds - delta) * scale with
/// delta = grad_y . y. Without sums they are 1.
template <class T>
__global__ void backward_pairs_kernel(Sizes s, Arithmetic<T> scale, Heads<const T> grad_y,
                                      Heads<const T> y, const Arithmetic<T>* max,
                                      const Arithmetic<T>* sum, Arithmetic<T>* w,
                                      Arithmetic<T>* ds) {
  using A = Arithmetic<T>;
  for (std::int64_t row = first_row(); row < s.B * s.H * s.T; row += rows_at_once()) {
    const Query n(s, row);
    const A delta = row_sum<A>(s.V, [=](std::int64_t c) {
      return widen(grad_y.at(n.b, n.h, n.i, c)) * widen(y.at(n.b, n.h, n.i, c));
    });
    // Where nothing is seen, every p is 0.
    const A total = sum == nullptr || sum[row] == 0 ? A(1) : sum[row];
    for (std::int64_t j = row * s.S + lane(); j < (row + 1) * s.S; j += kWarp) {
      w[j] = probability(w[j], max[row]) / total;
      ds[j] = w[j] * (ds[j] - delta) * scale;
    }
  }
}

// --- bf16 ---

/// With dense rows, as cuda/fast reads it.
Tensor with_dense_rows(const Tensor& t) { return t.strides()[3] == 1 ? t : t.contiguous(); }

std::array<std::int64_t, 3> outer_strides(const Tensor& t) {
  return {t.strides()[0], t.strides()[1], t.strides()[2]};
}

/// Tensors of bf16 with dense rows, as cuda/fast has them; y and lse are the caller's.
FastAttention fast_call(const Sizes& s, const Tensor& q, const Tensor& k, const Tensor& v,
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

bool can_be_fast(const Sizes& s, const FastAttention& call) {
  return !s.masked && s.V == s.D && can_attend(call);
}

/// Whether cuda/fast did it.
bool attention_fast(const Sizes& s, const Tensor& q, const Tensor& k, const Tensor& v, double scale,
                    Tensor& y, Tensor& lse) {
  const Tensor from_q = with_dense_rows(q), from_k = with_dense_rows(k),
               from_v = with_dense_rows(v);
  FastAttention call = fast_call(s, from_q, from_k, from_v, scale);
  if (!can_be_fast(s, call)) return false;
  call.y = y.mutable_device_data<bf16>();
  call.lse = lse.mutable_device_data<float>();
  run_attention(call, stream());
  return true;
}

bool attention_backward_fast(const Sizes& s, const Tensor& grad_y, const Tensor& q, const Tensor& k,
                             const Tensor& v, const Tensor& y, const Tensor& lse, double scale,
                             Tensor& dq, Tensor& dk, Tensor& dv) {
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

}  // namespace

void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, bool causal,
               const Tensor& mask, Tensor& y, Tensor& lse, Tensor& max, Tensor& sum) {
  const Sizes s(q, k, v, causal, mask);
  const bool fast = is_fast(q);
  if (fast && attention_fast(s, q, k, v, scale, y, lse)) return;
  visit_activation(q.dtype(), "attention", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    const auto workspace = [&](const Shape& shape) {
      return Tensor::empty(shape, dtype_of<A>, q.device());
    };
    Tensor pairs = workspace({s.B, s.H, s.T, s.S});
    Tensor of_rows_max = fast ? workspace(lse.shape()) : max;
    Tensor of_rows_sum = fast ? workspace(lse.shape()) : sum;
    A* const p = pairs.mutable_device_data<A>();
    launch_elements(pairs.numel(), &pairs_kernel<T>, s, s.D, heads_of<T>(q), heads_of<T>(k),
                    static_cast<A>(scale), -kInfinity<A>, p);
    launch_rows(s.queries(), &probabilities_kernel<A>, s, p, of_rows_max.mutable_device_data<A>(),
                of_rows_sum.mutable_device_data<A>(), lse.mutable_device_data<A>());
    launch_elements(y.numel(), &over_keys_kernel<T>, s, s.V, p, heads_of<T>(v),
                    of_rows_sum.device_data<A>(), heads_to<T>(y));
  });
}

void attention_backward(const Tensor& grad_y, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& y, const Tensor& max, const Tensor& sum, double scale,
                        bool causal, const Tensor& mask, Tensor& dq, Tensor& dk, Tensor& dv) {
  const Sizes s(q, k, v, causal, mask);
  const bool fast = is_fast(q);
  if (fast && attention_backward_fast(s, grad_y, q, k, v, y, max, scale, dq, dk, dv)) return;
  visit_activation(q.dtype(), "attention_backward", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    const A* const none = nullptr;
    Tensor w_pairs = Tensor::empty({s.B, s.H, s.T, s.S}, dtype_of<A>, q.device());
    Tensor ds_pairs = Tensor::empty(w_pairs.shape(), dtype_of<A>, q.device());
    A *const w = w_pairs.mutable_device_data<A>(), *const ds = ds_pairs.mutable_device_data<A>();
    const Heads<const T> from_q = heads_of<T>(q), from_k = heads_of<T>(k), g = heads_of<T>(grad_y);
    launch_elements(w_pairs.numel(), &pairs_kernel<T>, s, s.D, from_q, from_k,
                    static_cast<A>(scale), -kInfinity<A>, w);
    launch_elements(w_pairs.numel(), &pairs_kernel<T>, s, s.V, g, heads_of<T>(v), A(1), A(0), ds);
    launch_rows(s.queries(), &backward_pairs_kernel<T>, s, static_cast<A>(scale), g, heads_of<T>(y),
                max.device_data<A>(), fast ? none : sum.device_data<A>(), w, ds);
    launch_elements(dq.numel(), &over_keys_kernel<T>, s, s.D, ds, from_k, none, heads_to<T>(dq));
    launch_elements(dk.numel(), &over_queries_kernel<T>, s, s.D, ds, from_q, heads_to<T>(dk));
    launch_elements(dv.numel(), &over_queries_kernel<T>, s, s.V, w, g, heads_to<T>(dv));
  });
}

}  // namespace chainline::cuda
