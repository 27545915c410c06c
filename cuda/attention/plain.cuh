#pragma once

// Step 1, plain: the reading of rule 8 (docs/numerics.md). Scores and probabilities of all pairs lie in a
// workspace, a thread makes each chain and a warp each row's sum. A hidden key is left out of every
// chain, so it leaves no trace, not even 0 * NaN or the sign of a zero.

#include "cuda/arithmetic.cuh"
#include "cuda/attention/sizes.cuh"
#include "cuda/row_sum.cuh"

namespace chainline::cuda {
namespace {

/// Query number n, the row n of the workspaces.
struct Query {
  std::int64_t b, h, i;
  __device__ Query(const AttentionSizes& s, std::int64_t n)
      : b(n / s.T / s.H), h(n / s.T % s.H), i(n % s.T) {}
};

/// pairs[n, j] = the chain over c of a[i, c] * b[j, c], times the factor; `hidden` where query n
/// does not see key j. b is that of the query's group.
template <class T>
__global__ void pairs_kernel(AttentionSizes s, std::int64_t columns, StridedHeads<const T> a,
                             StridedHeads<const T> b, Arithmetic<T> factor, Arithmetic<T> hidden,
                             Arithmetic<T>* pairs) {
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

/// Scores become p, in place; each lane reads back only what it wrote.
template <class T>
__global__ void probabilities_kernel(AttentionSizes s, T* pairs, T* max, T* sum, T* lse) {
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
__global__ void over_keys_kernel(AttentionSizes s, std::int64_t columns, const Arithmetic<T>* pairs,
                                 StridedHeads<const T> b, const Arithmetic<T>* sum,
                                 StridedHeads<T> out) {
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
__global__ void over_queries_kernel(AttentionSizes s, std::int64_t columns,
                                    const Arithmetic<T>* pairs, StridedHeads<const T> a,
                                    StridedHeads<T> out) {
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
__global__ void backward_pairs_kernel(AttentionSizes s, Arithmetic<T> scale,
                                      StridedHeads<const T> grad_y, StridedHeads<const T> y,
                                      const Arithmetic<T>* max, const Arithmetic<T>* sum,
                                      Arithmetic<T>* w, Arithmetic<T>* ds) {
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

}  // namespace

/// Operands and results are of T; max, sum and lse of Arithmetic<T>.
template <class T>
void run_plain_attention(const AttentionSizes& s, const Tensor& q, const Tensor& k, const Tensor& v,
                         double scale, Tensor& y, Tensor& lse, Tensor& max, Tensor& sum) {
  using A = Arithmetic<T>;
  Tensor pairs = Tensor::empty({s.B, s.H, s.T, s.S}, dtype_of<A>, q.device());
  A* const p = pairs.mutable_device_data<A>();
  launch_elements(pairs.numel(), &pairs_kernel<T>, s, s.D, heads_of<T>(q), heads_of<T>(k),
                  static_cast<A>(scale), -kInfinity<A>, p);
  launch_rows(s.queries(), &probabilities_kernel<A>, s, p, max.mutable_device_data<A>(),
              sum.mutable_device_data<A>(), lse.mutable_device_data<A>());
  launch_elements(y.numel(), &over_keys_kernel<T>, s, s.V, p, heads_of<T>(v), sum.device_data<A>(),
                  heads_to<T>(y));
}

/// Without a sum it is 1.
template <class T>
void run_plain_attention_backward(const AttentionSizes& s, const Tensor& grad_y, const Tensor& q,
                                  const Tensor& k, const Tensor& v, const Tensor& y,
                                  const Tensor& max, const Tensor& sum, double scale, Tensor& dq,
                                  Tensor& dk, Tensor& dv) {
  using A = Arithmetic<T>;
  const A* const none = nullptr;
  Tensor w_pairs = Tensor::empty({s.B, s.H, s.T, s.S}, dtype_of<A>, q.device());
  Tensor ds_pairs = Tensor::empty(w_pairs.shape(), dtype_of<A>, q.device());
  A *const w = w_pairs.mutable_device_data<A>(), *const ds = ds_pairs.mutable_device_data<A>();
  const StridedHeads<const T> from_q = heads_of<T>(q), from_k = heads_of<T>(k);
  const StridedHeads<const T> g = heads_of<T>(grad_y);
  launch_elements(w_pairs.numel(), &pairs_kernel<T>, s, s.D, from_q, from_k, static_cast<A>(scale),
                  -kInfinity<A>, w);
  launch_elements(w_pairs.numel(), &pairs_kernel<T>, s, s.V, g, heads_of<T>(v), A(1), A(0), ds);
  launch_rows(s.queries(), &backward_pairs_kernel<T>, s, static_cast<A>(scale), g, heads_of<T>(y),
              max.device_data<A>(), sum.defined() ? sum.device_data<A>() : none, w, ds);
  launch_elements(dq.numel(), &over_keys_kernel<T>, s, s.D, ds, from_k, none, heads_to<T>(dq));
  launch_elements(dk.numel(), &over_queries_kernel<T>, s, s.D, ds, from_q, heads_to<T>(dk));
  launch_elements(dv.numel(), &over_queries_kernel<T>, s, s.V, w, g, heads_to<T>(dv));
}

}  // namespace chainline::cuda
