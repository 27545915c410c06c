#pragma once

// Flash attention, forward. A block has some queries of a head and goes along the keys; each warp of
// it has rows of queries for itself. The scores of a tile of keys live in registers only: they become
// weights relative to the largest score so far, and weights times values are added to the warp's sums
// (online softmax). Where a later tile has a larger score, the sums so far are scaled down. The next
// tile of keys and values is under way meanwhile (cp.async).
//
// Tiles of keys that no query of the block or warp sees are passed over, and only those that some of
// them see in part are compared key by key.

#include "cuda/constants.cuh"
#include "cuda/fast/flash_tiles.cuh"
#include "tensor/math.h"

namespace chainline::cuda {

/// FastAttention as its kernels get it.
struct FlashAttention {
  int H, T, S, D, heads_of_group;
  Heads q, k, v;
  bool causal;
  bool vectors_in, vectors_out;  // of 16 bytes, where they begin at multiples of that
  float scale, scale_log2;       // for powers of e and of 2
  bf16* y;
  float* lse;

  /// How many keys query i sees, the first ones.
  __device__ int keys_of(int i) const {
    const int last = i + S - T;
    return !causal || last >= S ? S : last < 0 ? 0 : last + 1;
  }
};

template <int kD>
struct FlashForward {
  /// A warp with 32 queries uses what it reads of keys and values twice, but with heads of 128 numbers
  /// its sums would leave no registers for that.
  static constexpr int kAtoms = kD > 64 ? 1 : 2;
  static constexpr int kOfWarp = 16 * kAtoms, kQueries = kFlashWarps * kOfWarp;
  static constexpr int kKeys = 64;  // of a tile

  /// The shared memory of a block: two stages of keys and values.
  RowTile<kQueries, kD> q;
  RowTile<kKeys, kD> k[2], v[2];
};

constexpr unsigned kWholeWarp = 0xffffffffu;

/// For the four lanes that share a row of sums.
template <class F>
__device__ __forceinline__ float fold_row(float x, const F& combine) {
  x = combine(x, __shfl_xor_sync(kWholeWarp, x, 1));
  return combine(x, __shfl_xor_sync(kWholeWarp, x, 2));
}

/// The softmax of a warp's queries, as far as keys were seen. [i][r] is of the row 16 i + lane / 4 +
/// 8 r; `sum` is the lane's own part of it.
template <int kAtoms>
struct OnlineSoftmax {
  float max[kAtoms][2], sum[kAtoms][2];

  __device__ OnlineSoftmax() {
    for (int i = 0; i < kAtoms; ++i) {
      for (int r = 0; r < 2; ++r) max[i][r] = -kInfinity<float>, sum[i][r] = 0;
    }
  }

  /// Scores, -inf where a key is hidden, become weights 2^(factor (score - max)), and what was
  /// summed with another maximum is scaled.
  template <int kKeyVectors, int kVectors>
  __device__ __forceinline__ void take_in(float (&s)[kAtoms][kKeyVectors][4], float factor,
                                          float (&out)[kAtoms][kVectors][4]) {
    float bias[kAtoms][2], shrink[kAtoms][2];
#pragma unroll
    for (int i = 0; i < kAtoms; ++i) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float largest = max[i][r];
#pragma unroll
        for (int j = 0; j < kKeyVectors; ++j) {
          largest = fmaxf(largest, fmaxf(s[i][j][2 * r], s[i][j][2 * r + 1]));
        }
        largest = fold_row(largest, [](float a, float b) { return fmaxf(a, b); });
        // -inf - -inf would be a NaN that nobody gave.
        bias[i][r] = largest == -kInfinity<float> ? 0.0f : -largest * factor;
        shrink[i][r] = ptx::exp2_approximate(std::fma(max[i][r], factor, bias[i][r]));
        max[i][r] = largest;
        sum[i][r] *= shrink[i][r];
      }
    }
    for_each_sum(s, [&](float& x, int i, int, int n) {
      x = ptx::exp2_approximate(std::fma(x, factor, bias[i][n / 2]));
      sum[i][n / 2] += x;
    });
    for_each_sum(out, [&](float& x, int i, int, int n) { x *= shrink[i][n / 2]; });
  }
};

namespace {

template <int kD>
__global__ void __launch_bounds__(kFlashThreads, 1) flash_forward(FlashAttention a) {
  using Block = FlashForward<kD>;
  constexpr int kAtoms = Block::kAtoms, kKeys = Block::kKeys;
  Block& tiles = *dynamic_shared<Block>();
  const int blocks = (a.T + Block::kQueries - 1) / Block::kQueries;
  const std::int64_t head = blockIdx.x / blocks, b = head / a.H;
  const int h = static_cast<int>(head % a.H), g = h / a.heads_of_group;
  // The last queries see the most keys: their blocks go first.
  const int first = (blocks - 1 - static_cast<int>(blockIdx.x % blocks)) * Block::kQueries;
  const int rows = min(Block::kQueries, a.T - first);
  const int seen = a.keys_of(first + rows - 1);

  // Of this warp: its first row, its queries, and the keys that all or any of them see.
  const int row = static_cast<int>(threadIdx.x) / kWarp * Block::kOfWarp;
  const int warp_rows = min(Block::kOfWarp, rows - row);
  const int seen_by_all = a.keys_of(first + row);
  const int seen_by_any = warp_rows > 0 ? a.keys_of(first + row + warp_rows - 1) : 0;

  const auto fetch = [&](int j, int stage) {
    if (j < seen) {
      tiles.k[stage].fetch(a.k.rows(b, g, j), a.S - j, a.D, a.vectors_in);
      tiles.v[stage].fetch(a.v.rows(b, g, j), a.S - j, a.D, a.vectors_in);
    }
    ptx::cp_async_commit();  // an empty group at the end, so that the wait stays the same
  };
  tiles.q.fetch(a.q.rows(b, h, first), rows, a.D, a.vectors_in);
  fetch(0, 0);

  OnlineSoftmax<kAtoms> softmax;
  Sums<kAtoms, kD> out;
  for_each_sum(out, [](float& sum, int, int, int) { sum = 0; });
  int stage = 0;
  for (int j0 = 0; j0 < seen; j0 += kKeys, stage ^= 1) {
    fetch(j0 + kKeys, stage ^ 1);
    ptx::cp_async_wait<1>();
    __syncthreads();
    if (j0 < seen_by_any) {
      Sums<kAtoms, kKeys> s;
      scores(s, tiles.q, row, tiles.k[stage]);
      if (j0 + kKeys > seen_by_all) {
        for_each_sum(s, [&](float& score, int i, int j, int n) {
          const int query = first + row + 16 * i + sum_row(n);
          if (j0 + 8 * j + sum_column(n) >= a.keys_of(query)) score = -kInfinity<float>;
        });
      }
      softmax.take_in(s, a.scale_log2, out);
      mix(out, s, tiles.v[stage]);
    }
    __syncthreads();
  }

  ptx::cp_async_wait<0>();  // a block without keys has not waited for its queries
  __syncthreads();
  float factor[kAtoms][2];
#pragma unroll
  for (int i = 0; i < kAtoms; ++i) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float sum = fold_row(softmax.sum[i][r], [](float x, float y) { return x + y; });
      factor[i][r] = sum == 0 ? 0.0f : 1.0f / sum;
      const int query = row + 16 * i + lane() / 4 + 8 * r;
      if (query < rows && lane() % 4 == 0) {
        a.lse[head * a.T + first + query] = softmax.max[i][r] * a.scale + math::log(sum);
      }
    }
  }
  for_each_sum(out, [&](float& x, int i, int, int n) { x *= factor[i][n / 2]; });
  const std::int64_t stride = std::int64_t{a.H} * a.D;
  bf16* const y = a.y + (b * a.T + first + row) * stride + std::int64_t{h} * a.D;
  write_rows(out, tiles.q, row, y, stride, warp_rows, a.D, a.vectors_out);
}

}  // namespace
}  // namespace chainline::cuda
