#pragma once

// Step 6, tensor core: mma.sync and ldmatrix instead of wmma, whose registers have a documented
// layout, so a warp keeps 64 by 32 sums, operands come through step 4's pipeline and its exchanged
// vectors, and results go from registers to where they belong.
//
// One ldmatrix gives a warp four 8 by 8 matrices, each from eight rows of 16 bytes, which the exchange
// puts into different banks. Its transposing form reads tiles that stand by sides. At each 16 ks a
// warp reads 6 times and multiplies 16 times.

#include "cuda/gemm/pipelined.cuh"
#include "cuda/matrix_fragments.cuh"

namespace chainline::cuda {

constexpr int kCoreSide = 128, kCoreDepth = 32;

/// The 16 sides by 16 ks of a tile from (s, k) on, as the four matrices of an operand of mma.sync:
/// lane l points to a row of matrix l / 8, which is s_half sides and k_half ks further.
template <bool kAlongK>
__device__ __forceinline__ void load_operand(
    unsigned (&registers)[4],
    const OperandTile<__nv_bfloat16, kAlongK, kCoreSide, kCoreDepth>& tile, int s, int k,
    int s_half, int k_half) {
  s += 8 * s_half;
  k += 8 * k_half;
  const int in_matrix = static_cast<int>(threadIdx.x % 8);
  const int r = (kAlongK ? s : k) + in_matrix, v = (kAlongK ? k : s) / 8;
  const void* row = &tile.vectors[r][tile.exchanged(r, v)];
  if constexpr (kAlongK) {
    ptx::ldmatrix_x4(registers, row);
  } else {
    ptx::ldmatrix_x4_trans(registers, row);
  }
}

// Unnamed, so that AddressSanitizer guards the shared tiles (docs/cuda-emulator.md).
namespace {

template <bool kAAlongK, bool kBAlongK, class C, class Residual, class Starts>
__global__ void __launch_bounds__(kBlockThreads, 1)
    tensor_core_gemm(Product<__nv_bfloat16, C, Residual> p, Starts starts) {
  using A = OperandTile<__nv_bfloat16, kAAlongK, kCoreSide, kCoreDepth>;
  using B = OperandTile<__nv_bfloat16, kBAlongK, kCoreSide, kCoreDepth>;
  __shared__ A a_tiles[2];
  __shared__ B b_tiles[2];
  const auto corner = corner_of_block<kCoreSide, kCoreSide>(p, starts);
  const int length = static_cast<int>(p.length), lane = static_cast<int>(threadIdx.x);
  const int warp = static_cast<int>(threadIdx.y);
  const int row = warp / 4 * 64, column = warp % 4 * 32;  // of the warp's part
  const __nv_bfloat16 zero(0.f);
  // Where sum (i, j)[n] of the lane is in the block's tile.
  const auto row_of = [&](int i, int n) { return row + 16 * i + lane / 4 + n / 2 * 8; };
  const auto column_of = [&](int j, int n) { return column + 8 * j + lane % 4 * 2 + n % 2; };

  for (std::int64_t chain = 0; chain < p.chains; ++chain) {
    const auto a = corner.a.from(0, chain * length);
    const auto b = corner.b.from(chain * length, 0).transposed();
    const bool a_by_vectors = A::has_vectors(a), b_by_vectors = B::has_vectors(b);
    const auto fetch = [&](int k, int stage) {
      if (k < length) {
        a_tiles[stage].fetch(a.from(0, k), corner.rows, length - k, a_by_vectors, zero);
        b_tiles[stage].fetch(b.from(0, k), corner.columns, length - k, b_by_vectors, zero);
      }
      ptx::cp_async_commit();
    };
    float sums[4][4][4];
    for_each_element<4, 4>([&](int i, int j) {
#pragma unroll
      for (int n = 0; n < 4; ++n) sums[i][j][n] = corner.start(row_of(i, n), column_of(j, n));
    });
    fetch(0, 0);
    int stage = 0;
    for (int k0 = 0; k0 < length; k0 += kCoreDepth, stage ^= 1) {
      fetch(k0 + kCoreDepth, stage ^ 1);
      ptx::cp_async_wait<1>();
      __syncthreads();
#pragma unroll
      for (int k = 0; k < kCoreDepth; k += 16) {
        // The second matrix of A is 8 rows on and the third 8 ks; of B it is the other way round, so
        // that two registers are one 16 by 8 operand.
        unsigned x[4][4], y[2][4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          load_operand(x[i], a_tiles[stage], row + 16 * i, k, lane / 8 % 2, lane / 16);
        }
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          load_operand(y[j], b_tiles[stage], column + 16 * j, k, lane / 16, lane / 8 % 2);
        }
        for_each_element<4, 4>([&](int i, int j) {
          const unsigned operand[2] = {y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1]};
          ptx::mma_m16n8k16_bf16(sums[i][j], x[i], operand);
        });
      }
      __syncthreads();
    }
    for_each_element<4, 4>([&](int i, int j) {
#pragma unroll
      for (int n = 0; n < 4; ++n) corner.finish(row_of(i, n), column_of(j, n), sums[i][j][n]);
    });
  }
}

}  // namespace

template <class C = float, class Residual = C, class Starts = OneProduct>
void run_tensor_core_gemm(const Product<__nv_bfloat16, C, Residual>& p, std::int64_t count = 1,
                          const Starts& starts = {}, Stream stream = nullptr) {
  const bool a_along_k = p.a.has_long_rows(), b_along_k = !p.b.has_long_rows();
  const auto kernel = a_along_k
                          ? (b_along_k ? &tensor_core_gemm<true, true, C, Residual, Starts>
                                       : &tensor_core_gemm<true, false, C, Residual, Starts>)
                          : (b_along_k ? &tensor_core_gemm<false, true, C, Residual, Starts>
                                       : &tensor_core_gemm<false, false, C, Residual, Starts>);
  launch_tiles<kCoreSide, kCoreSide>(kernel, dim3(32, kBlockThreads / 32), p, count, starts,
                                     stream);
}

}  // namespace chainline::cuda
