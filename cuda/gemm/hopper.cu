// Step 7, Hopper: one thread orders whole tiles from the copy engine (TMA), which announces them at an
// mbarrier, and two warpgroups multiply them straight from shared memory by wgmma, so that no thread
// spends registers or instructions on moving operands.
//
// CUDA only, for sm_90a. The emulator does not run it, and no GPU has: that it compiles is all that is
// known, so nothing calls it. It follows the PTX manual. Step 6 is its portable sibling and computes
// the same sums.
//
//   warpgroup 0      wait until a stage is empty, order its tiles of A and B
//   warpgroups 1, 2  wait until it is full, multiply, say that it is empty; 64 rows each
//
// Tiles are 64 ks wide: 128 bytes a row, whose vectors the engine exchanges by XOR with the number of
// the row, as step 4 does by hand (the 128-byte swizzle).

#ifndef __CUDACC__
#error "hopper.cu: CUDA only; cuda/gemm/tensor_core.cuh is its portable sibling"
#endif

#include <cuda.h>

#include "cuda/gemm/ladder.h"
#include "cuda/gemm/product.cuh"
#include "cuda/gemm/wgmma.cuh"
#include "cuda/matrix_fragments.cuh"
#include "cuda/ptx.cuh"

namespace chainline::cuda {

using wgmma::address;
using wgmma::descriptor;
using wgmma::hold;
using wgmma::m64n128k16;

namespace {

constexpr int kRows = 128, kColumns = 128, kDepth = 64, kStages = 4;
constexpr int kHopperThreads = 3 * 128, kConsumerWarps = 8;
constexpr int kTileBytes = 128 * kDepth * 2;  // of A as of B
constexpr int kStageBytes = 2 * kTileBytes;
// The exchange counts rows from multiples of 1024 bytes, and dynamic memory begins at one of 16.
constexpr int kSharedBytes = kStages * kStageBytes + 1024;

__device__ __forceinline__ void barrier_init(std::uint64_t* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(address(barrier)), "r"(arrivals)
               : "memory");
}
__device__ __forceinline__ void barrier_arrive(std::uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(address(barrier)) : "memory");
}
/// Arrives, and has the barrier wait for so many bytes of copies too.
__device__ __forceinline__ void barrier_expect(std::uint64_t* barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address(barrier)),
               "r"(bytes)
               : "memory");
}
/// Until the phase of this parity, 0 for the first, is over.
__device__ __forceinline__ void barrier_wait(std::uint64_t* barrier, unsigned parity) {
  unsigned done = 0;
  while (done == 0) {
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; "
        "selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(address(barrier)), "r"(parity)
        : "memory");
  }
}

/// Orders the tile whose first element is (row, k); what is beyond the matrix comes as zeros.
__device__ __forceinline__ void copy_tile(void* shared, const CUtensorMap& map, int k, int row,
                                          std::uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3}], [%4];" ::"r"(address(shared)),
      "l"(&map), "r"(k), "r"(row), "r"(address(barrier))
      : "memory");
}

__global__ void __launch_bounds__(kHopperThreads, 1)
    hopper_gemm(const __grid_constant__ CUtensorMap a_map,
                const __grid_constant__ CUtensorMap b_map, Product<__nv_bfloat16, float> p) {
  __shared__ std::uint64_t full[kStages], empty[kStages];
  const auto corner = corner_of_block<kRows, kColumns>(p, OneProduct{});
  const unsigned begin = (address(dynamic_shared<unsigned char>()) + 1023u) & ~1023u;
  unsigned char* tiles =
      dynamic_shared<unsigned char>() + (begin - address(dynamic_shared<unsigned char>()));
  const int thread = static_cast<int>(threadIdx.x);
  const int steps = static_cast<int>((p.length + kDepth - 1) / kDepth);
  if (thread == 0) {
    for (int s = 0; s < kStages; ++s) {
      barrier_init(&full[s], 1);
      barrier_init(&empty[s], kConsumerWarps);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");  // the engine sees them too
  }
  __syncthreads();

  if (thread < 128) {
    if (thread != 0) return;  // no block-wide barrier follows
    const std::int64_t beside = (p.N + kColumns - 1) / kColumns;
    const int row = static_cast<int>(blockIdx.x / beside) * kRows;
    const int column = static_cast<int>(blockIdx.x % beside) * kColumns;
    for (int t = 0; t < steps; ++t) {
      const int s = t % kStages;
      if (t >= kStages) barrier_wait(&empty[s], (t / kStages - 1) % 2);
      barrier_expect(&full[s], kStageBytes);
      copy_tile(tiles + s * kStageBytes, a_map, t * kDepth, row, &full[s]);
      copy_tile(tiles + s * kStageBytes + kTileBytes, b_map, t * kDepth, column, &full[s]);
    }
    return;
  }

  const int warpgroup = thread / 128 - 1, warp = thread / 32 % 4, lane = thread % 32;
  float d[64] = {};
  for (int t = 0; t < steps; ++t) {
    const int s = t % kStages;
    barrier_wait(&full[s], t / kStages % 2);
    const unsigned a = begin + s * kStageBytes + warpgroup * (kTileBytes / 2);
    const unsigned b = begin + s * kStageBytes + kTileBytes;
    hold(d);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
    for (int k = 0; k < kDepth; k += 16) {
      m64n128k16(d, descriptor(a + 2 * k), descriptor(b + 2 * k));
    }
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    hold(d);
    if (lane == 0) barrier_arrive(&empty[s]);
  }
#pragma unroll
  for (int j = 0; j < 16; ++j) {
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const int i = 64 * warpgroup + 16 * warp + lane / 4 + n / 2 * 8;
      corner.finish(i, 8 * j + lane % 4 * 2 + n % 2, d[4 * j + n]);
    }
  }
}

/// A matrix of `rows` rows of K contiguous numbers, by tiles of 128 by kDepth.
CUtensorMap tensor_map(const __nv_bfloat16* data, std::int64_t rows, std::int64_t K,
                       std::int64_t row_stride) {
  void* function = nullptr;
  const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function,
                                                             12000, cudaEnableDefault);
  check<DeviceError>(error == cudaSuccess && function != nullptr,
                     "hopper_gemm: expected a driver with cuTensorMapEncodeTiled, got ",
                     cudaGetErrorName(error));
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(K), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(row_stride) * 2};
  const cuuint32_t box[2] = {kDepth, 128}, steps[2] = {1, 1};
  CUtensorMap map;
  const CUresult result = reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function)(
      &map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<__nv_bfloat16*>(data), sizes, strides,
      box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
      CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  check<DeviceError>(result == CUDA_SUCCESS, "hopper_gemm: expected a tensor map, got error ",
                     static_cast<int>(result));
  return map;
}

}  // namespace

/// One product of one chain, as linear makes it: A by rows and B by columns, each row of A and column
/// of B from a multiple of 16 bytes.
void run_hopper_gemm(const Product<__nv_bfloat16, float>& p, Stream stream) {
  const auto fits = [](const __nv_bfloat16* data, std::int64_t along_k, std::int64_t across) {
    return along_k == 1 && across % 8 == 0 && reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
  };
  check<ShapeError>(p.chains == 1 && p.mode == GemmMode::store && p.length > 0 &&
                        fits(p.a.data, p.a.column_stride, p.a.row_stride) &&
                        fits(p.b.data, p.b.row_stride, p.b.column_stride),
                    "hopper_gemm: operands: expected one chain with contiguous, aligned ks, got "
                    "something else");
  const std::int64_t blocks = (p.M + kRows - 1) / kRows * ((p.N + kColumns - 1) / kColumns);
  constexpr std::int64_t kMost = 0x7fffffff;
  check<ShapeError>(blocks <= kMost && p.length <= kMost,
                    "hopper_gemm: expected at most 2^31 - 1 tiles and as many ks, got ", blocks,
                    " and ", p.length);
  if (blocks == 0) return;
  launch({dim3(static_cast<unsigned>(blocks)), dim3(kHopperThreads), kSharedBytes, stream},
         &hopper_gemm, tensor_map(p.a.data, p.M, p.length, p.a.row_stride),
         tensor_map(p.b.data, p.N, p.length, p.b.column_stride), p);
}

void run_hopper_step(std::int64_t M, std::int64_t N, std::int64_t K, const bf16* a, const bf16* b,
                     float* c, Stream stream) {
  run_hopper_gemm({.M = M,
                   .N = N,
                   .length = K,
                   .a = {reinterpret_cast<const __nv_bfloat16*>(a), K, 1},
                   .b = {reinterpret_cast<const __nv_bfloat16*>(b), 1, K},
                   .c = c},
                  stream);
}

}  // namespace chainline::cuda
