#pragma once

// The gradient by tiles, in two kernels: blocks of queries go along the keys for dq, blocks of keys go
// along the queries for dk and dv. Either makes weights again from the forward's largest score and sum.

#include "cuda/attention/tiled.cuh"

namespace chainline::cuda {

/// What the gradient reads, and how it is scaled; max, sum and delta are of queries, (B, H, T).
template <class T>
struct TiledGradient {
  AttentionSizes s;
  T scale;
  StridedHeads<const T> grad_y, q, k, v;
  const T *max, *sum, *delta;

  /// w of a seen pair, given its product of query and key. Where nothing is seen there is no pair.
  __device__ T weight(T product, std::int64_t query) const {
    return probability(product * scale, max[query]) / (sum[query] == 0 ? T(1) : sum[query]);
  }
  /// ds, given w and the product of grad_y and value.
  __device__ T score_gradient(T w, T product, std::int64_t query) const {
    return w * (product - delta[query]) * scale;
  }
};

namespace {

/// delta = grad_y . y of each query, by rule 3.
template <class T>
__global__ void delta_kernel(AttentionSizes s, StridedHeads<const T> grad_y,
                             StridedHeads<const T> y, T* delta) {
  for (std::int64_t n = first_row(); n < s.B * s.H * s.T; n += rows_at_once()) {
    const std::int64_t b = n / s.T / s.H, h = n / s.T % s.H, i = n % s.T;
    const T sum =
        row_sum<T>(s.V, [=](std::int64_t c) { return grad_y.at(b, h, i, c) * y.at(b, h, i, c); });
    if (lane() == 0) delta[n] = sum;
  }
}

template <class T, int kWidth>
struct TiledBackward {
  HeadTile<T, kOwnRows<T, kWidth>, kWidth> own[2];  // queries and grad_y, or keys and values
  HeadTile<T, kOtherRows, kWidth> other[2];         // the others
  PairTile<T, kWidth> w, ds;
  SeenTile<T, kWidth> seen;
};

template <class T, int kWidth>
__global__ void __launch_bounds__(kPairThreads, kBlocksAtOnce<T>)
    tiled_backward_queries(TiledGradient<T> a, StridedHeads<T> dq) {
  constexpr int kOwn = kOwnRows<T, kWidth>;
  auto& tiles = *dynamic_shared<TiledBackward<T, kWidth>>();
  auto &q = tiles.own[0], &grad_y = tiles.own[1];
  auto &k = tiles.other[0], &v = tiles.other[1];
  const AttentionSizes& s = a.s;
  const std::int64_t blocks = (s.T + kOwn - 1) / kOwn, head = blockIdx.x / blocks;
  const std::int64_t b = head / s.H, h = head % s.H, g = s.group(h);
  const std::int64_t first = blockIdx.x % blocks * kOwn;
  const int rows = at_most(s.T - first, kOwn);
  q.fetch(a.q, b, h, first, rows, s.D);
  grad_y.fetch(a.grad_y, b, h, first, rows, s.V);

  RowChains<T, kWidth> out;
  out.clear();
  const Along keys = keys_along(s, first, rows);
  for (std::int64_t j0 = keys.begin; j0 < keys.end; j0 += kOtherRows) {
    __syncthreads();
    k.fetch(a.k, b, g, j0, s.S - j0, s.D);
    v.fetch(a.v, b, g, j0, s.S - j0, s.V);
    __syncthreads();
    Pairs<T, kWidth> scores, products;
    pair_products<T, kWidth>(scores, q, k, s.D);
    pair_products<T, kWidth>(products, grad_y, v, s.V);
    for_each_pair<T, kWidth>([&](int i, int j) {
      const int row = row_in_tile(i), column = column_in_tile(j);
      const std::int64_t query = first + row, key = j0 + column;
      const bool seen = row < rows && key < s.S && s.sees(b, h, query, key);
      mark_seen(tiles.seen, i, j, seen);
      if (!seen) return;
      const std::int64_t n = head * s.T + query;
      tiles.ds.at(row, column) = a.score_gradient(a.weight(scores[i][j], n), products[i][j], n);
    });
    __syncthreads();
    out.add(tiles.ds, tiles.seen, k, at_most(s.S - j0, kOtherRows));
  }
  out.for_each([&](T x, int i, int c) {
    const int row = row_in_tile(i), column = column_in_tile(c);
    if (row < rows && column < s.D) dq.at(b, h, first + row, column) = x;
  });
}

/// The heads of a group add to dk and dv in order, from +0: each has chains of its own.
template <class T, int kWidth>
__global__ void __launch_bounds__(kPairThreads, 1)
    tiled_backward_keys(TiledGradient<T> a, StridedHeads<T> dk, StridedHeads<T> dv) {
  constexpr int kOwn = kOwnRows<T, kWidth>;
  auto& tiles = *dynamic_shared<TiledBackward<T, kWidth>>();
  auto &k = tiles.own[0], &v = tiles.own[1];
  auto &q = tiles.other[0], &grad_y = tiles.other[1];
  const AttentionSizes& s = a.s;
  const std::int64_t blocks = (s.S + kOwn - 1) / kOwn;
  const std::int64_t b = blockIdx.x / blocks / s.G, g = blockIdx.x / blocks % s.G;
  const std::int64_t first = blockIdx.x % blocks * kOwn, heads = s.H / s.G;
  const int rows = at_most(s.S - first, kOwn);
  k.fetch(a.k, b, g, first, rows, s.D);
  v.fetch(a.v, b, g, first, rows, s.V);

  const Along queries = queries_along(s, first);
  for (std::int64_t h = g * heads; h < (g + 1) * heads; ++h) {
    RowChains<T, kWidth> out_k, out_v;
    out_k.clear();
    out_v.clear();
    for (std::int64_t i0 = queries.begin; i0 < queries.end; i0 += kOtherRows) {
      __syncthreads();
      q.fetch(a.q, b, h, i0, s.T - i0, s.D);
      grad_y.fetch(a.grad_y, b, h, i0, s.T - i0, s.V);
      __syncthreads();
      Pairs<T, kWidth> scores, products;
      pair_products<T, kWidth>(scores, k, q, s.D);
      pair_products<T, kWidth>(products, v, grad_y, s.V);
      for_each_pair<T, kWidth>([&](int i, int j) {
        const int row = row_in_tile(i), column = column_in_tile(j);
        const std::int64_t query = i0 + column, key = first + row;
        const bool seen = row < rows && query < s.T && s.sees(b, h, query, key);
        mark_seen(tiles.seen, i, j, seen);
        if (!seen) return;
        const std::int64_t n = (b * s.H + h) * s.T + query;
        const T w = a.weight(scores[i][j], n);
        tiles.w.at(row, column) = w;
        tiles.ds.at(row, column) = a.score_gradient(w, products[i][j], n);
      });
      __syncthreads();
      const int count = at_most(s.T - i0, kOtherRows);
      out_v.add(tiles.w, tiles.seen, grad_y, count);
      out_k.add(tiles.ds, tiles.seen, q, count);
    }
    const bool first_head = h == g * heads;
    const auto add = [&](RowChains<T, kWidth>& out, const StridedHeads<T>& to,
                         std::int64_t columns) {
      out.for_each([&](T x, int i, int c) {
        const int row = row_in_tile(i), column = column_in_tile(c);
        if (row >= rows || column >= columns) return;
        T& total = to.at(b, g, first + row, column);
        total = (first_head ? T(0) : total) + x;
      });
    };
    add(out_k, dk, s.D);
    add(out_v, dv, s.V);
  }
}

}  // namespace

template <class T, int kWidth>
void run_tiled_attention_backward_of(const TiledGradient<T>& a, Tensor& dq, Tensor& dk,
                                     Tensor& dv) {
  constexpr std::size_t shared_bytes = sizeof(TiledBackward<T, kWidth>);
  launch_tiled(a.s.B * a.s.H, a.s.T, kOwnRows<T, kWidth>, shared_bytes,
               &tiled_backward_queries<T, kWidth>, a, heads_to<T>(dq));
  launch_tiled(a.s.B * a.s.G, a.s.S, kOwnRows<T, kWidth>, shared_bytes,
               &tiled_backward_keys<T, kWidth>, a, heads_to<T>(dk), heads_to<T>(dv));
}

template <class T>
void run_tiled_attention_backward(const AttentionSizes& s, const Tensor& grad_y, const Tensor& q,
                                  const Tensor& k, const Tensor& v, const Tensor& y,
                                  const Tensor& max, const Tensor& sum, double scale, Tensor& dq,
                                  Tensor& dk, Tensor& dv) {
  Tensor delta = Tensor::empty({s.queries()}, q.dtype(), q.device());
  launch_rows(s.queries(), &delta_kernel<T>, s, heads_of<T>(grad_y), heads_of<T>(y),
              delta.mutable_device_data<T>());
  const TiledGradient<T> a{s,
                           static_cast<T>(scale),
                           heads_of<T>(grad_y),
                           heads_of<T>(q),
                           heads_of<T>(k),
                           heads_of<T>(v),
                           max.device_data<T>(),
                           sum.device_data<T>(),
                           delta.device_data<T>()};
  if (s.D <= 64 && s.V <= 64) return run_tiled_attention_backward_of<T, 64>(a, dq, dk, dv);
  run_tiled_attention_backward_of<T, kWidestTile>(a, dq, dk, dv);
}

}  // namespace chainline::cuda
