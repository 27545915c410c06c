#pragma once

// Step 5, fragments: bf16 operands on tensor cores, where one instruction of a warp multiplies 16 by
// 16 by 16 numbers, 128 times the fmas of step 2's, by CUDA's portable words for it, nvcuda::wmma.
//
// From here on the class is fast, not exact: products of bf16 are exact in f32, but in which order a
// tensor core adds them, and how it rounds, is the hardware's.
//
// Which lane holds which element is not documented, so results go through shared memory to where bias
// and tails can be dealt with, and operands can't be exchanged between banks as in step 4; rows are
// kept apart by a pitch instead.

#include "cuda/gemm/product.cuh"
#include "cuda/matrix_fragments.cuh"

namespace chainline::cuda {

constexpr int kFragmentSide = 64, kFragmentDepth = 32, kFragmentThreads = 256;

// Unnamed, so that AddressSanitizer guards the shared tiles (docs/cuda-emulator.md).
namespace {

/// tile[r][c] = m(r, c), or 0 where m has fewer rows or columns.
template <int kRows, int kColumns, int kPitch>
__device__ void fill_fragment_tile(__nv_bfloat16 (&tile)[kRows][kPitch],
                                   const Matrix<__nv_bfloat16>& m, int rows, int columns) {
#pragma unroll 2
  for (int e = static_cast<int>(threadIdx.x); e < kRows * kColumns; e += kFragmentThreads) {
    const int r = m.has_long_rows() ? e / kColumns : e % kRows;
    const int c = m.has_long_rows() ? e % kColumns : e / kRows;
    tile[r][c] = r < rows && c < columns ? m.at(r, c) : __nv_bfloat16(0.f);
  }
}

template <class Starts>
__global__ void __launch_bounds__(kFragmentThreads)
    fragment_gemm(Product<__nv_bfloat16, float> p, Starts starts) {
  namespace wmma = nvcuda::wmma;
  constexpr int kSide = kFragmentSide, kDepth = kFragmentDepth;
  // Rows 16 bytes longer than needed, so that eight of them begin in different banks.
  __shared__ __align__(32) __nv_bfloat16 a_tile[kSide][kDepth + 8], b_tile[kDepth][kSide + 8];
  __shared__ __align__(32) float c_tile[kSide][kSide + 4];
  const Corner<__nv_bfloat16, float> corner = corner_of_block<kSide, kSide>(p, starts);
  const int length = static_cast<int>(p.length), thread = static_cast<int>(threadIdx.x);
  const int row = thread / 32 % 4 * 16, column = thread / 128 * 32;  // of the warp's 16 by 32

  for (std::int64_t chain = 0; chain < p.chains; ++chain) {
    const auto a = corner.a.from(0, chain * length), b = corner.b.from(chain * length, 0);
    for (int e = thread; e < kSide * kSide; e += kFragmentThreads) {
      c_tile[e / kSide][e % kSide] = corner.start(e / kSide, e % kSide);
    }
    __syncthreads();
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sums[2];
    for (int j = 0; j < 2; ++j) {
      wmma::load_matrix_sync(sums[j], &c_tile[row][column + 16 * j], kSide + 4,
                             wmma::mem_row_major);
    }
    for (int k0 = 0; k0 < length; k0 += kDepth) {
      fill_fragment_tile<kSide, kDepth>(a_tile, a.from(0, k0), corner.rows, length - k0);
      fill_fragment_tile<kDepth, kSide>(b_tile, b.from(k0, 0), length - k0, corner.columns);
      __syncthreads();
      for (int k = 0; k < kDepth; k += 16) {
        wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> x;
        wmma::load_matrix_sync(x, &a_tile[row][k], kDepth + 8);
        for (int j = 0; j < 2; ++j) {
          wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::row_major> y;
          wmma::load_matrix_sync(y, &b_tile[k][column + 16 * j], kSide + 8);
          wmma::mma_sync(sums[j], x, y, sums[j]);
        }
      }
      __syncthreads();
    }
    for (int j = 0; j < 2; ++j) {
      wmma::store_matrix_sync(&c_tile[row][column + 16 * j], sums[j], kSide + 4,
                              wmma::mem_row_major);
    }
    __syncthreads();
    for (int e = thread; e < kSide * kSide; e += kFragmentThreads) {
      corner.finish(e / kSide, e % kSide, c_tile[e / kSide][e % kSide]);
    }
    __syncthreads();
  }
}

}  // namespace

template <class Starts = OneProduct>
void run_fragment_gemm(const Product<__nv_bfloat16, float>& p, std::int64_t count = 1,
                       const Starts& starts = {}, Stream stream = nullptr) {
  launch_tiles<kFragmentSide, kFragmentSide>(&fragment_gemm<Starts>, dim3(kFragmentThreads), p,
                                             count, starts, stream);
}

}  // namespace chainline::cuda
