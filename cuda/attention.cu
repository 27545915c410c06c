// The plain reading of rule 8 (docs/numerics.md): scores and probabilities of all pairs lie in a
// workspace, a thread makes each chain and a warp each row's sum. A hidden key is left out of every
// chain, so it leaves no trace, not even 0 * NaN or the sign of a zero.

#include "tensor/ops/attention.h"

#include <cmath>

#include "cuda/row_sum.cuh"
#include "tensor/math.h"

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
                             T factor, T hidden, T* pairs) {
  const std::int64_t count = s.B * s.H * s.T * s.S;
  for (std::int64_t e = first_element(); e < count; e += elements_at_once()) {
    const Query n(s, e / s.S);
    const std::int64_t j = e % s.S, g = s.group(n.h);
    if (!s.sees(n.b, n.h, n.i, j)) {
      pairs[e] = hidden;
      continue;
    }
    T acc = 0;
    for (std::int64_t c = 0; c < columns; ++c) {
      acc = std::fma(a.at(n.b, n.h, n.i, c), b.at(n.b, g, j, c), acc);
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
__global__ void over_keys_kernel(Sizes s, std::int64_t columns, const T* pairs, Heads<const T> b,
                                 const T* sum, Heads<T> out) {
  for (std::int64_t e = first_element(); e < s.B * s.H * s.T * columns; e += elements_at_once()) {
    const std::int64_t row = e / columns, c = e % columns;
    const Query n(s, row);
    const std::int64_t g = s.group(n.h);
    T acc = 0;
    for (std::int64_t j = 0; j < s.S; ++j) {
      if (!s.sees(n.b, n.h, n.i, j)) continue;
      acc = std::fma(pairs[row * s.S + j], b.at(n.b, g, j, c), acc);
    }
    if (sum != nullptr && sum[row] != 0) acc /= sum[row];
    out.at(n.b, n.h, n.i, c) = acc;
  }
}

/// out[j] = ((0 + head) + head) + ... over the heads of a group, each the chain over the queries i
/// that see key j of pairs[i, j] * a[i].
template <class T>
__global__ void over_queries_kernel(Sizes s, std::int64_t columns, const T* pairs, Heads<const T> a,
                                    Heads<T> out) {
  for (std::int64_t e = first_element(); e < s.B * s.G * s.S * columns; e += elements_at_once()) {
    const std::int64_t c = e % columns, j = e / columns % s.S;
    const std::int64_t g = e / columns / s.S % s.G, b = e / columns / s.S / s.G;
    const std::int64_t heads = s.H / s.G;
    T total = 0;
    for (std::int64_t h = g * heads; h < (g + 1) * heads; ++h) {
      T acc = 0;
      for (std::int64_t i = 0; i < s.T; ++i) {
        if (!s.sees(b, h, i, j)) continue;
        acc = std::fma(pairs[((b * s.H + h) * s.T + i) * s.S + j], a.at(b, h, i, c), acc);
      }
      total = total + acc;
    }
    out.at(b, g, j, c) = total;
  }
}

/// Scores become w = p / sum, and ds, which holds grad_y . v, becomes w * (ds - delta) * scale with
/// delta = grad_y . y.
template <class T>
__global__ void backward_pairs_kernel(Sizes s, T scale, Heads<const T> grad_y, Heads<const T> y,
                                      const T* max, const T* sum, T* w, T* ds) {
  for (std::int64_t row = first_row(); row < s.B * s.H * s.T; row += rows_at_once()) {
    const Query n(s, row);
    const T delta = row_sum<T>(
        s.V, [=](std::int64_t c) { return grad_y.at(n.b, n.h, n.i, c) * y.at(n.b, n.h, n.i, c); });
    const T total = sum[row] == 0 ? T(1) : sum[row];  // where nothing is seen, every p is 0
    for (std::int64_t j = row * s.S + lane(); j < (row + 1) * s.S; j += kWarp) {
      w[j] = probability(w[j], max[row]) / total;
      ds[j] = w[j] * (ds[j] - delta) * scale;
    }
  }
}

}  // namespace

void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, bool causal,
               const Tensor& mask, Tensor& y, Tensor& lse, Tensor& max, Tensor& sum) {
  const Sizes s(q, k, v, causal, mask);
  visit_floating(q.dtype(), "attention", [&]<class T>(Type<T>) {
    Tensor pairs = Tensor::empty({s.B, s.H, s.T, s.S}, q.dtype(), q.device());
    T* const p = pairs.mutable_device_data<T>();
    launch_elements(pairs.numel(), &pairs_kernel<T>, s, s.D, heads_of<T>(q), heads_of<T>(k),
                    static_cast<T>(scale), -kInfinity<T>, p);
    launch_rows(s.queries(), &probabilities_kernel<T>, s, p, max.mutable_device_data<T>(),
                sum.mutable_device_data<T>(), lse.mutable_device_data<T>());
    launch_elements(y.numel(), &over_keys_kernel<T>, s, s.V, p, heads_of<T>(v),
                    sum.device_data<T>(), heads_to<T>(y));
  });
}

void attention_backward(const Tensor& grad_y, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& y, const Tensor& max, const Tensor& sum, double scale,
                        bool causal, const Tensor& mask, Tensor& dq, Tensor& dk, Tensor& dv) {
  const Sizes s(q, k, v, causal, mask);
  visit_floating(q.dtype(), "attention_backward", [&]<class T>(Type<T>) {
    const T* const none = nullptr;
    Tensor w_pairs = Tensor::empty({s.B, s.H, s.T, s.S}, q.dtype(), q.device());
    Tensor ds_pairs = Tensor::empty(w_pairs.shape(), q.dtype(), q.device());
    T *const w = w_pairs.mutable_device_data<T>(), *const ds = ds_pairs.mutable_device_data<T>();
    const Heads<const T> from_q = heads_of<T>(q), from_k = heads_of<T>(k), g = heads_of<T>(grad_y);
    launch_elements(w_pairs.numel(), &pairs_kernel<T>, s, s.D, from_q, from_k,
                    static_cast<T>(scale), -kInfinity<T>, w);
    launch_elements(w_pairs.numel(), &pairs_kernel<T>, s, s.V, g, heads_of<T>(v), T(1), T(0), ds);
    launch_rows(s.queries(), &backward_pairs_kernel<T>, s, static_cast<T>(scale), g, heads_of<T>(y),
                max.device_data<T>(), sum.device_data<T>(), w, ds);
    launch_elements(dq.numel(), &over_keys_kernel<T>, s, s.D, ds, from_k, none, heads_to<T>(dq));
    launch_elements(dk.numel(), &over_queries_kernel<T>, s, s.D, ds, from_q, heads_to<T>(dk));
    launch_elements(dv.numel(), &over_queries_kernel<T>, s, s.V, w, g, heads_to<T>(dv));
  });
}

}  // namespace chainline::cuda
