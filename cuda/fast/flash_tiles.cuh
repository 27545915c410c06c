#pragma once

// What the kernels of flash attention are made of: tiles of rows in shared memory, and the two products
// that a warp makes of them. Either has 16 rows of the result for each `atom` of the warp, in the
// registers of mma.sync (cuda/ptx.cuh).
//
//   scores: rows of one tile times rows of another, over the D columns    (q k', dy v')
//   mix:    sums of the first kind times rows of a tile, over these rows  (p v, ds k, ds' q, p' dy)
//
// The registers of a sum have the layout of a left operand, so what a warp makes of the scores goes
// into the mix without leaving its lane.

#include "cuda/device.cuh"
#include "cuda/grid.cuh"
#include "cuda/ptx.cuh"
#include "tensor/dtype.h"

namespace chainline::cuda {

constexpr int kFlashWarps = 4;
constexpr int kFlashThreads = kFlashWarps * kWarp;

/// Dense rows in memory: row r begins r strides behind `data`.
struct HeadRows {
  const bf16* data;
  std::int64_t stride;
};

/// All heads of q, k, v or grad_y.
struct Heads {
  const bf16* data;
  std::int64_t sample, head, row;  // strides

  __device__ HeadRows rows(std::int64_t b, std::int64_t h, std::int64_t first) const {
    return {data + b * sample + h * head + first * row, row};
  }
};

/// kRows rows of a head, padded with zeros to kD columns, in vectors of 8 numbers. The vectors of a
/// row are exchanged by XOR with its number, so that eight rows of a column are in all banks, as
/// ldmatrix wants them.
template <int kRows, int kD>
struct RowTile {
  static constexpr int kInRow = kD / 8;
  union alignas(16) Vector {
    uint4 whole;
    unsigned pairs[4];
    std::uint16_t numbers[8];
  };
  Vector vectors[kRows][kInRow];

  static __device__ int exchanged(int r, int v) {
    constexpr int kPlaces = kInRow < 8 ? kInRow : 8;
    return v ^ (r / (8 / kPlaces) % kPlaces);
  }
  __device__ Vector& at(int r, int v) { return vectors[r][exchanged(r, v)]; }
  __device__ const Vector& at(int r, int v) const { return vectors[r][exchanged(r, v)]; }

  /// All threads of the block start to fetch `rows` rows of D numbers each. With `by_vectors` each
  /// vector begins at a multiple of 16 bytes and D is a multiple of 8; else numbers go one by one.
  __device__ void fetch(const HeadRows& m, int rows, int D, bool by_vectors) {
    const int thread = static_cast<int>(threadIdx.x);
    if (by_vectors) {
      constexpr int kAtOnce = kFlashThreads / kInRow;
      const int v = thread % kInRow;
      const bf16* from = m.data + thread / kInRow * m.stride + 8 * v;
#pragma unroll 1
      for (int r = thread / kInRow; r < kRows; r += kAtOnce, from += kAtOnce * m.stride) {
        const bool inside = r < rows && 8 * v < D;
        ptx::cp_async_16(&at(r, v), inside ? from : m.data, inside ? 16 : 0);
      }
      return;
    }
    const auto* const bits = reinterpret_cast<const std::uint16_t*>(m.data);
#pragma unroll 1
    for (int e = thread; e < kRows * kD; e += kFlashThreads) {
      const int r = e / kD, c = e % kD;
      at(r, c / 8).numbers[c % 8] = r < rows && c < D ? bits[r * m.stride + c] : 0;
    }
  }

  // 16 rows from r by two vectors from v, as the four matrices of an operand of mma.sync. Lane l
  // points to a row of matrix l / 8.

  /// A left operand: the second matrix is below the first.
  __device__ void read_left(unsigned (&registers)[4], int r, int v) const {
    ptx::ldmatrix_x4(registers, &at(r + lane() % 16, v + lane() / 16));
  }
  /// Two right operands with a column for each row here: the second matrix is beside the first.
  __device__ void read_right(unsigned (&registers)[4], int r, int v) const {
    ptx::ldmatrix_x4(registers, &at(r + lane() / 16 * 8 + lane() % 8, v + lane() / 8 % 2));
  }
  /// Two right operands whose rows and columns are those here.
  __device__ void read_right_by_rows(unsigned (&registers)[4], int r, int v) const {
    ptx::ldmatrix_x4_trans(registers, &at(r + lane() % 16, v + lane() / 16));
  }
};

/// Sums of 16 kAtoms rows by kColumns columns of a warp. Lane l holds in [i][j][n] the element of row
/// 16 i + sum_row(n) and column 8 j + sum_column(n).
template <int kAtoms, int kColumns>
using Sums = float[kAtoms][kColumns / 8][4];

__device__ inline int sum_row(int n) { return lane() / 4 + n / 2 * 8; }
__device__ inline int sum_column(int n) { return lane() % 4 * 2 + n % 2; }

template <int kAtoms, int kVectors, class F>
__device__ __forceinline__ void for_each_sum(float (&sums)[kAtoms][kVectors][4], const F& f) {
#pragma unroll
  for (int i = 0; i < kAtoms; ++i) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
#pragma unroll
      for (int n = 0; n < 4; ++n) f(sums[i][j][n], i, j, n);
    }
  }
}

/// The products of two neighbours of 8 columns.
template <int kAtoms, int kVectors>
__device__ __forceinline__ void multiply(float (&sums)[kAtoms][kVectors][4], int j,
                                         const unsigned (&left)[kAtoms][4],
                                         const unsigned (&right)[4]) {
  const unsigned first[2] = {right[0], right[1]}, second[2] = {right[2], right[3]};
#pragma unroll
  for (int i = 0; i < kAtoms; ++i) {
    ptx::mma_m16n8k16_bf16(sums[i][j], left[i], first);
    ptx::mma_m16n8k16_bf16(sums[i][j + 1], left[i], second);
  }
}

/// sums = the rows of `left` from `row` on times all rows of `right`.
template <int kAtoms, int kVectors, int kRows, int kD>
__device__ __forceinline__ void scores(float (&sums)[kAtoms][kVectors][4],
                                       const RowTile<kRows, kD>& left, int row,
                                       const RowTile<8 * kVectors, kD>& right) {
  for_each_sum(sums, [](float& sum, int, int, int) { sum = 0; });
#pragma unroll
  for (int v = 0; v < kD / 8; v += 2) {
    unsigned x[kAtoms][4];
#pragma unroll
    for (int i = 0; i < kAtoms; ++i) left.read_left(x[i], row + 16 * i, v);
#pragma unroll
    for (int j = 0; j < kVectors; j += 2) {
      unsigned y[4];
      right.read_right(y, 8 * j, v);
      multiply(sums, j, x, y);
    }
  }
}

/// sums += weights, rounded to bf16, times the rows of `right`.
template <int kAtoms, int kVectors, int kWeights, int kRows>
__device__ __forceinline__ void mix(float (&sums)[kAtoms][kVectors][4],
                                    const float (&weights)[kAtoms][kWeights][4],
                                    const RowTile<kRows, 8 * kVectors>& right) {
  static_assert(kRows == 8 * kWeights, "a weight for each row");
#pragma unroll
  for (int w = 0; w < kWeights; w += 2) {
    unsigned x[kAtoms][4];
#pragma unroll
    for (int i = 0; i < kAtoms; ++i) {
#pragma unroll
      for (int m = 0; m < 4; ++m) {
        const float(&of_lane)[4] = weights[i][w + m / 2];
        x[i][m] = ptx::pack_bf16(of_lane[m % 2 * 2], of_lane[m % 2 * 2 + 1]);
      }
    }
#pragma unroll
    for (int j = 0; j < kVectors; j += 2) {
      unsigned y[4];
      right.read_right_by_rows(y, 8 * w, j);
      multiply(sums, j, x, y);
    }
  }
}

/// A warp rounds its sums and writes the first `rows` rows of them, D numbers each. They go through
/// the warp's own rows of a tile that nobody reads any more, from `row` on, for in registers no
/// lane has more than two neighbours of a row.
template <int kAtoms, int kVectors, int kRows>
__device__ void write_rows(float (&sums)[kAtoms][kVectors][4], RowTile<kRows, 8 * kVectors>& tile,
                           int row, bf16* to, std::int64_t stride, int rows, int D,
                           bool by_vectors) {
#pragma unroll
  for (int i = 0; i < kAtoms; ++i) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
#pragma unroll
      for (int n = 0; n < 4; n += 2) {
        tile.at(row + 16 * i + sum_row(n), j).pairs[lane() % 4] =
            ptx::pack_bf16(sums[i][j][n], sums[i][j][n + 1]);
      }
    }
  }
  __syncwarp();
#pragma unroll 1
  for (int e = lane(); e < 16 * kAtoms * kVectors; e += kWarp) {
    const int r = e / kVectors, v = e % kVectors;
    if (r >= rows || 8 * v >= D) continue;
    const auto& vector = tile.at(row + r, v);
    bf16* const place = to + r * stride + 8 * v;
    if (by_vectors) {
      *reinterpret_cast<uint4*>(place) = vector.whole;
    } else {
      auto* const bits = reinterpret_cast<std::uint16_t*>(place);
      for (int c = 0; c < 8 && 8 * v + c < D; ++c) bits[c] = vector.numbers[c];
    }
  }
}

}  // namespace chainline::cuda
