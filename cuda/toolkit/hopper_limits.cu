// Chains of Hopper's own products, which reach more than mma does: both operands stay in shared memory,
// the sums in registers. For sm_90a alone.

#include "cuda/device.cuh"
#include "cuda/gemm/wgmma.cuh"
#include "cuda/limits.h"

namespace chainline::cuda {
namespace {

constexpr int kThreads = 256;  // two warpgroups
constexpr int kDepth = 64;     // ks of the operands: rows of 128 bytes
constexpr int kWords = (64 + 128) * kDepth / 2;

__global__ void __launch_bounds__(kThreads)
    hopper_product_chains(int rounds, unsigned pair, float* never) {
  __shared__ __align__(1024) unsigned tiles[kWords];
  for (int i = static_cast<int>(threadIdx.x); i < kWords; i += kThreads) tiles[i] = pair;
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  __syncthreads();
  const unsigned a = wgmma::address(tiles), b = a + 64 * kDepth * 2;
  float d[64] = {};
  for (int r = 0; r < rounds; ++r) {
    wgmma::hold(d);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
    for (int k = 0; k < kDepth; k += 16) {
      wgmma::m64n128k16(d, wgmma::descriptor(a + 2 * k), wgmma::descriptor(b + 2 * k));
    }
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    wgmma::hold(d);
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 64; ++i) sum += d[i];
  if (sum < 0) never[threadIdx.x] = sum;
}

}  // namespace

double run_hopper_product_chains(int multiprocessors, int rounds, unsigned pair, float* never,
                                 Stream stream) {
  const int blocks = 8 * multiprocessors;
  launch({dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream}, &hopper_product_chains,
         rounds, pair, never);
  return 2.0 * 64 * 128 * kDepth * rounds * (kThreads / 128) * blocks;
}

}  // namespace chainline::cuda
