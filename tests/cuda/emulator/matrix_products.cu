// Matrix products on tensor cores, by wmma and by PTX, for matrix_products_test.cpp. One warp a
// block; sizes are multiples of 16.

#include <cstdint>
#include <type_traits>

#include "cuda/device.cuh"
#include "cuda/matrix_fragments.cuh"
#include "cuda/ptx.cuh"

namespace chainline::test {
namespace {

namespace wmma = nvcuda::wmma;

/// c = a b + 1: a is M by K, b is K by N or, if it stands by columns, N by K.
template <class LayoutB>
__global__ void multiply_by_fragments(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c,
                                      int N, int K) {
  const int row = static_cast<int>(blockIdx.y) * 16, column = static_cast<int>(blockIdx.x) * 16;
  constexpr bool kByColumns = std::is_same_v<LayoutB, wmma::col_major>;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 0.f);
  for (int k = 0; k < K; k += 16) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, LayoutB> right;
    wmma::load_matrix_sync(left, a + row * K + k, static_cast<unsigned>(K));
    if (kByColumns) {
      wmma::load_matrix_sync(right, b + column * K + k, static_cast<unsigned>(K));
    } else {
      wmma::load_matrix_sync(right, b + k * N + column, static_cast<unsigned>(N));
    }
    wmma::mma_sync(sum, left, right, sum);
  }
  for (int i = 0; i < sum.num_elements; ++i) sum.x[i] += 1;
  wmma::store_matrix_sync(c + row * N + column, sum, static_cast<unsigned>(N), wmma::mem_row_major);
}

/// c = a b by tiles of 16 by 16, of which the next is fetched while one is multiplied. kPending is
/// how many groups of copies may be under way when a tile is used: 1, or it is used too early.
template <int kPending>
__global__ void multiply_by_instructions(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c,
                                         int N, int K) {
  constexpr int kPitch = 24;  // 48 bytes: a multiple of 16, and 8 rows meet in no bank
  __shared__ __align__(16) __nv_bfloat16 left[2][16][kPitch], right[2][16][kPitch];
  const int row = static_cast<int>(blockIdx.y) * 16, column = static_cast<int>(blockIdx.x) * 16;
  const int lane = static_cast<int>(threadIdx.x);
  float sum[2][4] = {};

  const auto fetch = [&](int tile) {
    const int r = lane / 2, part = lane % 2 * 8, k = tile * 16;
    cuda::ptx::cp_async_16(&left[tile % 2][r][part], a + (row + r) * K + k + part);
    cuda::ptx::cp_async_16(&right[tile % 2][r][part], b + (k + r) * N + column + part);
  };
  fetch(0);
  cuda::ptx::cp_async_commit();
  for (int tile = 0; tile < K / 16; ++tile) {
    if ((tile + 1) * 16 < K) fetch(tile + 1);
    cuda::ptx::cp_async_commit();  // the last group is empty, so that the count stays the same
    cuda::ptx::cp_async_wait<kPending>();
    __syncthreads();
    // Lane 8 m + r points to row r of matrix m: the quarters of the tile, by columns for the left
    // matrix and for the right one, which is read transposed.
    const int r = lane % 8 + lane / 8 % 2 * 8, part = lane / 16 * 8;
    unsigned x[4], y[4];
    cuda::ptx::ldmatrix_x4(x, &left[tile % 2][r][part]);
    cuda::ptx::ldmatrix_x4_trans(y, &right[tile % 2][r][part]);
    const unsigned first[2] = {y[0], y[1]}, second[2] = {y[2], y[3]};
    cuda::ptx::mma_m16n8k16_bf16(sum[0], x, first);
    cuda::ptx::mma_m16n8k16_bf16(sum[1], x, second);
    __syncthreads();
  }
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 4; ++i) {
      const int m = lane / 4 + i / 2 * 8, n = lane % 4 * 2 + i % 2 + half * 8;
      c[(row + m) * N + column + n] = sum[half][i];
    }
  }
}

// A compiler that sees this file alone compiles what is named here.
#define CHAINLINE_INSTANTIATE(kernel) template __global__ decltype(kernel) kernel
CHAINLINE_INSTANTIATE(multiply_by_fragments<wmma::row_major>);
CHAINLINE_INSTANTIATE(multiply_by_fragments<wmma::col_major>);
CHAINLINE_INSTANTIATE(multiply_by_instructions<1>);
CHAINLINE_INSTANTIATE(multiply_by_instructions<2>);
#undef CHAINLINE_INSTANTIATE

}  // namespace

/// Each lane copies `lane` / 2 bytes of 16.
__global__ void copy_in_part(const std::uint8_t* x, std::uint8_t* y) {
  __shared__ __align__(16) std::uint8_t bytes[32 * 16];
  const unsigned t = threadIdx.x;
  for (unsigned i = 0; i < 16; ++i) bytes[16 * t + i] = 255;
  cuda::ptx::cp_async_16(bytes + 16 * t, x + 16 * t, static_cast<int>(t / 2));
  cuda::ptx::cp_async_commit();
  cuda::ptx::cp_async_wait<0>();
  for (unsigned i = 0; i < 16; ++i) y[16 * t + i] = bytes[16 * t + i];
}

/// Copies to an address that is no multiple of 16.
__global__ void copy_misaligned(const float* x) {
  __shared__ __align__(16) float words[64];
  cuda::ptx::cp_async_16(words + threadIdx.x, x);
}

/// Lanes load fragments from different addresses.
__global__ void fragments_from_two_places(const __nv_bfloat16* a) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> left;
  wmma::load_matrix_sync(left, a + (threadIdx.x < 16 ? 0 : 256), 16);
}

}  // namespace chainline::test
