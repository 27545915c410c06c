#pragma once

// Step 2, shared tile: a block fetches a tile of A and a tile of B into shared memory, where 32
// threads use each number, so global memory is read 32 times less often.
//
// Threads walk along the dimension that is contiguous in memory, whichever it is, so each warp reads
// whole sectors. What lies down the columns of a tile is then written down its columns: a pitch of 32
// would put a column into one bank, and 33 puts it into 32.

#include "cuda/gemm/product.cuh"

namespace chainline::cuda {

constexpr int kSharedSide = 32, kSharedPitch = kSharedSide + 1;

/// tile[r][c] = m(r, c), or `pad` where m has fewer rows or columns.
template <class T, int kPitch>
__device__ void fill_tile(T (&tile)[kSharedSide][kPitch], const Matrix<T>& m, int rows, int columns,
                          T pad) {
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int r = m.has_long_rows() ? y : x, c = m.has_long_rows() ? x : y;
  tile[r][c] = r < rows && c < columns ? m.at(r, c) : pad;
}

// Unnamed, so that AddressSanitizer guards the shared tiles (docs/cuda-emulator.md).
namespace {

template <class T, int kPitch, class Starts>
__global__ void __launch_bounds__(kSharedSide* kSharedSide)
    shared_tile_gemm(Product<T> p, Starts starts) {
  __shared__ T a_tile[kSharedSide][kPitch], b_tile[kSharedSide][kPitch];
  const Corner<T> corner = corner_of_block<kSharedSide, kSharedSide>(p, starts);
  const int length = static_cast<int>(p.length);
  const int i = static_cast<int>(threadIdx.y), j = static_cast<int>(threadIdx.x);
  for (std::int64_t chain = 0; chain < p.chains; ++chain) {
    const Matrix<T> a = corner.a.from(0, chain * length), b = corner.b.from(chain * length, 0);
    T acc = corner.start(i, j);
    for (int k = 0; k < length; k += kSharedSide) {
      // Behind the end, +0 times -0 is -0, the one number that a sum does not notice: +0 would turn
      // a chain that stands at -0 into +0.
      fill_tile(a_tile, a.from(0, k), corner.rows, length - k, T(0));
      fill_tile(b_tile, b.from(k, 0), length - k, corner.columns, -T(0));
      __syncthreads();
#pragma unroll
      for (int s = 0; s < kSharedSide; ++s) {
        const T x = a_tile[i][s];
        const T y = b_tile[s][j];
        acc = std::fma(x, y, acc);
      }
      __syncthreads();
    }
    corner.finish(i, j, acc);
  }
}

}  // namespace

/// kPitch is a parameter so that the lesson can show what a wrong one costs.
template <class T, int kPitch = kSharedPitch, class Starts = OneProduct>
void run_shared_tile_gemm(const Product<T>& p, std::int64_t count = 1, const Starts& starts = {},
                          Stream stream = nullptr) {
  launch_tiles<kSharedSide, kSharedSide>(&shared_tile_gemm<T, kPitch, Starts>,
                                         dim3(kSharedSide, kSharedSide), p, count, starts, stream);
}

}  // namespace chainline::cuda
