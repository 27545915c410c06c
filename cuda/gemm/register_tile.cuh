#pragma once

// Step 3, register tile: a thread computes 8 by 8 elements (f64: 4 by 4) in registers, so that 16
// numbers from shared memory serve 64 fmas, where step 2 read 2 for each.
//
// Both tiles stand with k outside, [k][i] and [k][j]: at each k a thread reads the numbers of its
// rows and of its columns. Those are 16 apart, so that the lanes of a warp read neighbours.

#include "cuda/gemm/product.cuh"

namespace chainline::cuda {

constexpr int kBlockThreads = 256;

template <class T>
struct RegisterTile {
  static constexpr int kAcross = 16;                    // along each side of the block
  static constexpr int kEach = sizeof(T) == 4 ? 8 : 4;  // along each side of a thread's part
  static constexpr int kSide = kAcross * kEach;
  static constexpr int kDepth = 16;
  // Half a warp that writes a column finds 16 banks, or 16 pairs of banks for f64.
  static constexpr int kPitch = kSide + 8 / static_cast<int>(sizeof(T));
};

/// f(i, j) for each element of a thread's part. Registers have no index at run time: a loop that is
/// not unrolled would put the array that it indexes into local memory.
template <int kRows, int kColumns, class F>
__device__ __forceinline__ void for_each_element(const F& f) {
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
#pragma unroll
    for (int j = 0; j < kColumns; ++j) f(i, j);
  }
}

/// tile[k][s] = m(s, k), or `pad` where m has fewer sides or ks. Threads walk along whichever is
/// contiguous in memory.
template <class T, int kDepth, int kPitch>
__device__ void fill_tile_by_k(T (&tile)[kDepth][kPitch], const Matrix<T>& m, int sides, int ks,
                               T pad) {
  constexpr int kSide = RegisterTile<T>::kSide;
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
#pragma unroll 2
  for (int e = thread; e < kSide * kDepth; e += kBlockThreads) {
    const int s = m.has_long_rows() ? e / kDepth : e % kSide;
    const int k = m.has_long_rows() ? e % kDepth : e / kSide;
    tile[k][s] = s < sides && k < ks ? m.at(s, k) : pad;
  }
}

// Unnamed, so that AddressSanitizer guards the shared tiles (docs/cuda-emulator.md).
namespace {

template <class T, class Starts>
__global__ void __launch_bounds__(kBlockThreads, 1)
    register_tile_gemm(Product<T> p, Starts starts) {
  using Tile = RegisterTile<T>;
  constexpr int kAcross = Tile::kAcross, kEach = Tile::kEach;
  __shared__ T a_tile[Tile::kDepth][Tile::kPitch], b_tile[Tile::kDepth][Tile::kPitch];
  const Corner<T> corner = corner_of_block<Tile::kSide, Tile::kSide>(p, starts);
  const int length = static_cast<int>(p.length);
  const int row = static_cast<int>(threadIdx.y), column = static_cast<int>(threadIdx.x);
  for (std::int64_t chain = 0; chain < p.chains; ++chain) {
    const Matrix<T> a = corner.a.from(0, chain * length);
    const Matrix<T> b = corner.b.from(chain * length, 0).transposed();
    T acc[kEach][kEach];
    for_each_element<kEach, kEach>(
        [&](int i, int j) { acc[i][j] = corner.start(row + i * kAcross, column + j * kAcross); });
    for (int k0 = 0; k0 < length; k0 += Tile::kDepth) {
      fill_tile_by_k(a_tile, a.from(0, k0), corner.rows, length - k0, T(0));
      fill_tile_by_k(b_tile, b.from(0, k0), corner.columns, length - k0, -T(0));  // see step 2
      __syncthreads();
#pragma unroll 2
      for (int k = 0; k < Tile::kDepth; ++k) {
        T x[kEach], y[kEach];
        for (int i = 0; i < kEach; ++i) x[i] = a_tile[k][row + i * kAcross];
        for (int j = 0; j < kEach; ++j) y[j] = b_tile[k][column + j * kAcross];
        for_each_element<kEach, kEach>(
            [&](int i, int j) { acc[i][j] = std::fma(x[i], y[j], acc[i][j]); });
      }
      __syncthreads();
    }
    for_each_element<kEach, kEach>(
        [&](int i, int j) { corner.finish(row + i * kAcross, column + j * kAcross, acc[i][j]); });
  }
}

}  // namespace

template <class T, class Starts = OneProduct>
void run_register_tile_gemm(const Product<T>& p, std::int64_t count = 1, const Starts& starts = {},
                            Stream stream = nullptr) {
  using Tile = RegisterTile<T>;
  launch_tiles<Tile::kSide, Tile::kSide>(
      &register_tile_gemm<T, Starts>, dim3(Tile::kAcross, Tile::kAcross), p, count, starts, stream);
}

}  // namespace chainline::cuda
