#pragma once

// Flash attention, backward. Weights are made again from lse, w = exp(s - lse), so the forward left
// nothing of the size T x S. With delta[i] = dy[i] . y[i] and ds = w (dy v' - delta):
//
//   dq = scale ds k       by blocks of queries, which go along the keys that they see
//   dk = scale ds' q      by blocks of keys, which go along the queries that see them,
//   dv = w' dy            and from head to head of their group
//
// Two kernels, so that each sum stays in the registers of one warp and has one order; a single kernel
// would make the scores once and not twice, and add to dq by atomics, in an order by arrival.

#include "cuda/fast/flash_forward.cuh"

namespace chainline::cuda {

struct FlashGradient {
  FlashAttention forward;
  Heads dy;
  const float* delta;  // (B, H, T)
  bf16 *dq, *dk, *dv;
};

template <int kD>
struct FlashBackward {
  /// Rows that a block has for itself, and rows of the tiles that it goes along.
  static constexpr int kOwn = 16 * kFlashWarps, kAlong = kD > 64 ? 32 : 64;
  using Own = RowTile<kOwn, kD>;
  using Along = RowTile<kAlong, kD>;

  /// The shared memory of a block: its own queries, or keys and values; two stages of the others.
  Own own[2];
  Along along[2][2];
  float lse_log2[2][kAlong], delta[2][kAlong];  // of queries that are gone along
};

constexpr float kLog2OfE = 1.44269504f;

namespace {

template <int kD>
__global__ void __launch_bounds__(kFlashThreads, 1) flash_backward_queries(FlashGradient g) {
  using Block = FlashBackward<kD>;
  constexpr int kOwn = Block::kOwn, kAlong = Block::kAlong;
  const FlashAttention& a = g.forward;
  Block& tiles = *dynamic_shared<Block>();
  auto &q = tiles.own[0], &dy = tiles.own[1];
  auto &k = tiles.along[0], &v = tiles.along[1];
  const int blocks = (a.T + kOwn - 1) / kOwn;
  const std::int64_t head = blockIdx.x / blocks, b = head / a.H;
  const int h = static_cast<int>(head % a.H), group = h / a.heads_of_group;
  const int first = (blocks - 1 - static_cast<int>(blockIdx.x % blocks)) * kOwn;
  const int rows = min(kOwn, a.T - first);
  const int seen = a.keys_of(first + rows - 1);
  const int row = static_cast<int>(threadIdx.x) / kWarp * 16, warp_rows = min(16, rows - row);
  const int seen_by_all = a.keys_of(first + row);
  const int seen_by_any = warp_rows > 0 ? a.keys_of(first + row + warp_rows - 1) : 0;

  const auto fetch = [&](int j, int stage) {
    if (j < seen) {
      k[stage].fetch(a.k.rows(b, group, j), a.S - j, a.D, a.vectors_in);
      v[stage].fetch(a.v.rows(b, group, j), a.S - j, a.D, a.vectors_in);
    }
    ptx::cp_async_commit();
  };
  q.fetch(a.q.rows(b, h, first), rows, a.D, a.vectors_in);
  dy.fetch(g.dy.rows(b, h, first), rows, a.D, a.vectors_in);
  fetch(0, 0);
  float bias[2], delta[2];  // of rows lane / 4 and 8 more
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int query = row + lane() / 4 + 8 * r;
    const bool inside = query < rows;
    bias[r] = inside ? -kLog2OfE * a.lse[head * a.T + first + query] : -kInfinity<float>;
    delta[r] = inside ? g.delta[head * a.T + first + query] : 0.0f;
  }

  Sums<1, kD> dq;
  for_each_sum(dq, [](float& sum, int, int, int) { sum = 0; });
  int stage = 0;
  for (int j0 = 0; j0 < seen; j0 += kAlong, stage ^= 1) {
    fetch(j0 + kAlong, stage ^ 1);
    ptx::cp_async_wait<1>();
    __syncthreads();
    if (j0 < seen_by_any) {
      Sums<1, kAlong> w, ds;
      scores(w, q, row, k[stage]);
      for_each_sum(w, [&](float& x, int, int, int n) {
        x = ptx::exp2_approximate(std::fma(x, a.scale_log2, bias[n / 2]));
      });
      if (j0 + kAlong > seen_by_all) {
        for_each_sum(w, [&](float& x, int, int j, int n) {
          if (j0 + 8 * j + sum_column(n) >= a.keys_of(first + row + sum_row(n))) x = 0;
        });
      }
      scores(ds, dy, row, v[stage]);
      for_each_sum(ds, [&](float& x, int i, int j, int n) { x = w[i][j][n] * (x - delta[n / 2]); });
      mix(dq, ds, k[stage]);
    }
    __syncthreads();
  }

  ptx::cp_async_wait<0>();
  __syncthreads();
  for_each_sum(dq, [&](float& x, int, int, int) { x *= a.scale; });
  const std::int64_t stride = std::int64_t{a.H} * a.D;
  write_rows(dq, q, row, g.dq + (b * a.T + first + row) * stride + std::int64_t{h} * a.D, stride,
             warp_rows, a.D, a.vectors_out);
}

template <int kD>
__global__ void __launch_bounds__(kFlashThreads, 1) flash_backward_keys(FlashGradient g) {
  using Block = FlashBackward<kD>;
  constexpr int kOwn = Block::kOwn, kAlong = Block::kAlong;
  const FlashAttention& a = g.forward;
  Block& tiles = *dynamic_shared<Block>();
  auto &k = tiles.own[0], &v = tiles.own[1];
  auto &q = tiles.along[0], &dy = tiles.along[1];
  const int blocks = (a.S + kOwn - 1) / kOwn, groups = a.H / a.heads_of_group;
  const std::int64_t b = blockIdx.x / blocks / groups;
  const int group = static_cast<int>(blockIdx.x / blocks % groups);
  // The first keys are seen by the most queries, and their blocks go first.
  const int first = static_cast<int>(blockIdx.x % blocks) * kOwn;
  const int rows = min(kOwn, a.S - first);
  const int row = static_cast<int>(threadIdx.x) / kWarp * 16, warp_rows = min(16, rows - row);

  // Queries from the first tile on that has one which sees a key of the block, for each head.
  const int first_query = a.causal ? max(0, first - (a.S - a.T)) / kAlong * kAlong : 0;
  const int of_head = max(0, (a.T - first_query + kAlong - 1) / kAlong);
  const int steps = of_head * a.heads_of_group;
  const auto query_of = [&](int step) { return first_query + step % of_head * kAlong; };
  const auto fetch = [&](int step, int stage) {
    if (step < steps) {
      const int h = group * a.heads_of_group + step / of_head, i0 = query_of(step);
      q[stage].fetch(a.q.rows(b, h, i0), a.T - i0, a.D, a.vectors_in);
      dy[stage].fetch(g.dy.rows(b, h, i0), a.T - i0, a.D, a.vectors_in);
      const int i = static_cast<int>(threadIdx.x);
      if (i < kAlong) {  // no weight for what is not there
        const std::int64_t n = (b * a.H + h) * a.T + i0 + i;
        const bool inside = i0 + i < a.T;
        tiles.lse_log2[stage][i] = inside ? kLog2OfE * a.lse[n] : kInfinity<float>;
        tiles.delta[stage][i] = inside ? g.delta[n] : 0.0f;
      }
    }
    ptx::cp_async_commit();
  };
  k.fetch(a.k.rows(b, group, first), rows, a.D, a.vectors_in);
  v.fetch(a.v.rows(b, group, first), rows, a.D, a.vectors_in);
  fetch(0, 0);

  Sums<1, kD> dk, dv;
  for_each_sum(dk, [](float& sum, int, int, int) { sum = 0; });
  for_each_sum(dv, [](float& sum, int, int, int) { sum = 0; });
  int stage = 0;
  for (int step = 0; step < steps; ++step, stage ^= 1) {
    fetch(step + 1, stage ^ 1);
    ptx::cp_async_wait<1>();
    __syncthreads();
    const int i0 = query_of(step);
    if (warp_rows > 0 && a.keys_of(min(i0 + kAlong, a.T) - 1) > first + row) {
      Sums<1, kAlong> w, ds;  // a row for each key
      scores(w, k, row, q[stage]);
      for_each_sum(w, [&](float& x, int, int j, int n) {
        const float lse = tiles.lse_log2[stage][8 * j + sum_column(n)];
        x = ptx::exp2_approximate(std::fma(x, a.scale_log2, -lse));
      });
      if (a.keys_of(i0) < first + row + 16) {
        for_each_sum(w, [&](float& x, int, int j, int n) {
          if (first + row + sum_row(n) >= a.keys_of(i0 + 8 * j + sum_column(n))) x = 0;
        });
      }
      mix(dv, w, dy[stage]);
      scores(ds, v, row, dy[stage]);
      for_each_sum(ds, [&](float& x, int i, int j, int n) {
        x = w[i][j][n] * (x - tiles.delta[stage][8 * j + sum_column(n)]);
      });
      mix(dk, ds, q[stage]);
    }
    __syncthreads();
  }

  ptx::cp_async_wait<0>();
  __syncthreads();
  for_each_sum(dk, [&](float& x, int, int, int) { x *= a.scale; });
  const std::int64_t stride = std::int64_t{groups} * a.D;
  const std::int64_t place = (b * a.S + first + row) * stride + std::int64_t{group} * a.D;
  write_rows(dk, k, row, g.dk + place, stride, warp_rows, a.D, a.vectors_out);
  write_rows(dv, v, row, g.dv + place, stride, warp_rows, a.D, a.vectors_out);
}

}  // namespace
}  // namespace chainline::cuda
