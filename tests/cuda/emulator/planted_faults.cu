// Kernels with one fault each. With kFault = false the fault is mended, so that a test can ask that
// the one is reported and the other is not. Who reports which is the matter of the tests beside
// this file.

#include "cuda/device.cuh"
#include "cuda/ptx.cuh"

namespace chainline::test {
namespace {  // AddressSanitizer guards no shared array of a template that other files may share

constexpr int kThreads = 256;
constexpr unsigned kWholeWarp = 0xffffffffu;

// Faults of memory. They are run by one block.

/// The last thread indexes one past a static array.
template <bool kFault>
__global__ void index_past_static_shared(float* y) {
  __shared__ float tile[kThreads];
  const int t = static_cast<int>(threadIdx.x);
  tile[t] = static_cast<float>(t);
  __syncthreads();
  y[t] = tile[kFault ? t + 1 : kThreads - 1 - t];
}

/// The same where the compiler no longer sees the array.
template <bool kFault>
__global__ void point_past_static_shared(float* y, int one) {
  __shared__ float tile[kThreads];
  const int t = static_cast<int>(threadIdx.x);
  float* p = tile + one - 1;
  p[t] = static_cast<float>(t);
  __syncthreads();
  p += kFault ? one : 0;
  y[t] = p[t];
}

/// Expects room for kThreads floats.
template <bool kFault>
__global__ void past_dynamic_shared(float* y) {
  float* tile = cuda::dynamic_shared<float>();
  const unsigned t = threadIdx.x;
  tile[t + (kFault ? 1 : 0)] = static_cast<float>(t);
  y[t] = static_cast<float>(t);
}

/// Expects room for n floats; the guard of the last, ragged block is off by one.
template <bool kFault>
__global__ void past_global(float* y, unsigned n) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (kFault ? i <= n : i < n) y[i] = static_cast<float>(i);
}

/// Reads four floats at once from an address that is not a multiple of 16.
template <bool kFault>
__global__ void misaligned_vector(const float* x, float* y) {
  const float4 v = *reinterpret_cast<const float4*>(x + (kFault ? 1 : 4));
  y[threadIdx.x] = v.x + v.y + v.z + v.w;
}

/// Only the first half of the array is written before all is read.
template <bool kFault>
__global__ void unwritten_static_shared(const float* x, float* y) {
  __shared__ float tile[kThreads];
  const unsigned t = threadIdx.x;
  if (t < (kFault ? kThreads / 2 : kThreads)) tile[t] = x[t];
  __syncthreads();
  y[t] = tile[kThreads - 1 - t];
}

template <bool kFault>
__global__ void unwritten_dynamic_shared(const float* x, float* y) {
  float* tile = cuda::dynamic_shared<float>();
  const unsigned t = threadIdx.x;
  if (t < (kFault ? kThreads / 2 : kThreads)) tile[t] = x[t];
  __syncthreads();
  y[t] = tile[kThreads - 1 - t];
}

/// Shared memory of one block is not that of the next, though the next may find it unchanged.
template <bool kFault>
__global__ void leftover_of_another_block(const float* x, float* y) {
  __shared__ float tile[kThreads];
  const unsigned t = threadIdx.x;
  if (!kFault || blockIdx.x == 0) tile[t] = x[t];
  __syncthreads();
  if (blockIdx.x == gridDim.x - 1) y[t] = tile[t];
}

// Faults of order.

/// y[t] = x[t + 1], cyclic: the value comes from a thread with a higher index.
template <bool kFault>
__global__ void no_barrier_reads_later(const float* x, float* y) {
  __shared__ float tile[kThreads];
  const unsigned t = threadIdx.x;
  tile[t] = x[t];
  if (!kFault) __syncthreads();
  y[t] = tile[(t + 1) % kThreads];
}

/// y[t] = x[t - 1]: the value comes from a thread with a lower index.
template <bool kFault>
__global__ void no_barrier_reads_earlier(const float* x, float* y) {
  __shared__ float tile[kThreads];
  const unsigned t = threadIdx.x;
  tile[t] = x[t];
  if (!kFault) __syncthreads();
  y[t] = tile[t == 0 ? 0 : t - 1];
}

/// y[t] = sum over tiles of the tile's element t + 1, cyclic. Without the second barrier a thread
/// writes the next tile while others still read this one.
template <bool kFault>
__global__ void tile_loop(const float* x, float* y, int tiles) {
  __shared__ float tile[kThreads];
  const unsigned t = threadIdx.x;
  float sum = 0;
  for (int k = 0; k < tiles; ++k) {
    tile[t] = x[static_cast<unsigned>(k) * kThreads + t];
    __syncthreads();
    sum += tile[(t + 1) % kThreads];
    if (!kFault) __syncthreads();
  }
  y[t] = sum;
}

/// The same by copies that are under way while a tile is read. With two stages there is no result
/// that would show it, unless a copy is quick: it writes what others still read.
template <bool kFault>
__global__ void pipelined_tile_loop(const float* x, float* y, int tiles) {
  __shared__ __align__(16) float stages[2][4 * kThreads];
  const unsigned t = threadIdx.x;
  const auto fetch = [&](int k) {
    if (k < tiles) {
      cuda::ptx::cp_async_16(&stages[k % 2][4 * t],
                             x + (static_cast<unsigned>(k) * kThreads + t) * 4);
    }
    cuda::ptx::cp_async_commit();
  };
  float sum = 0;
  fetch(0);
  for (int k = 0; k < tiles; ++k) {
    fetch(k + 1);
    cuda::ptx::cp_async_wait<1>();
    __syncthreads();
    sum += stages[k % 2][4 * ((t + 1) % kThreads)];
    if (!kFault) __syncthreads();
  }
  y[t] = sum;
}

/// Harmless on today's hardware, and a race all the same.
template <bool kFault>
__global__ void two_write_the_same(int* y) {
  __shared__ int flag;
  if (threadIdx.x < (kFault ? 2 : 1)) flag = 1;
  __syncthreads();
  y[threadIdx.x] = flag;
}

/// y[t] = x[31 - lane] within each warp.
template <bool kFault>
__global__ void no_syncwarp(const float* x, float* y) {
  __shared__ float tile[kThreads];
  const unsigned t = threadIdx.x;
  tile[t] = x[t];
  if (!kFault) __syncwarp();
  y[t] = tile[t ^ 31];
}

/// Lanes meet at a shuffle, which orders no memory.
template <bool kFault>
__global__ void shuffle_as_fence(const float* x, float* y) {
  __shared__ float tile[kThreads];
  const unsigned t = threadIdx.x;
  tile[t] = x[t];
  const float first = __shfl_sync(kWholeWarp, x[t], 0);
  if (!kFault) __syncwarp();
  y[t] = tile[t ^ 31] + 0 * first;
}

/// Every block counts itself.
template <bool kFault>
__global__ void blocks_share_a_counter(int* counter) {
  if (threadIdx.x != 0) return;
  if (kFault) {
    *counter += 1;
  } else {
    atomicAdd(counter, 1);
  }
}

/// Shifts x by one, in place or into y. It is in place that a neighbour's element is read.
template <bool kFault>
__global__ void reads_what_a_neighbour_writes(float* x, float* y, unsigned n) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i + 1 < n) (kFault ? x : y)[i] = x[i + 1];
}

/// The block that comes last adds what all have left, each a number of its own. The fence puts the
/// number before the ticket for the other blocks.
template <bool kFault>
__global__ void last_block_adds(const int* x, int* parts, unsigned* arrived, int* total) {
  __shared__ bool last;
  const unsigned blocks = gridDim.x;
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = 2 * x[blockIdx.x];
    if (!kFault) __threadfence();
    last = atomicAdd(arrived, 1u) == blocks - 1;
  }
  __syncthreads();
  if (!last) return;
  __shared__ int sum;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  if (threadIdx.x < blocks) atomicAdd(&sum, parts[threadIdx.x]);
  __syncthreads();
  if (threadIdx.x == 0) *total = sum;
}

/// The same with a number from each thread. A fence after the barrier covers what all threads wrote
/// before it; one before the barrier only what its own thread wrote.
template <bool kFault>
__global__ void last_block_adds_all(int* parts, unsigned* arrived, int* total) {
  __shared__ bool last;
  const unsigned t = threadIdx.x, blocks = gridDim.x, threads = blockDim.x;
  parts[blockIdx.x * threads + t] = static_cast<int>(t);
  if (kFault) __threadfence();
  __syncthreads();
  if (t == 0) {
    if (!kFault) __threadfence();
    last = atomicAdd(arrived, 1u) == blocks - 1;
  }
  __syncthreads();
  if (!last) return;
  for (unsigned b = 0; b < blocks; ++b) atomicAdd(total, parts[b * threads + t]);
}

/// The first warp hands numbers to the second, which waits for a flag.
template <bool kFault>
__global__ void warp_waits_for_a_flag(int* flag, int* y) {
  __shared__ int numbers[32];
  const unsigned t = threadIdx.x;
  if (t < 32) {
    numbers[t] = static_cast<int>(t);
    __syncwarp();
    if (t == 0) {
      if (!kFault) __threadfence_block();
      atomicExch(flag, 1);
    }
  } else {
    if (t == 32) {
      while (atomicAdd(flag, 0) != 1) __nanosleep(10);
    }
    __syncwarp();
    y[t] = numbers[63 - t];
  }
}

/// Lane 0's number reaches lane 31 by way of lanes 15 and 16.
template <bool kFault>
__global__ void chain_of_syncwarps(int* y) {
  __shared__ int number;
  const unsigned t = threadIdx.x;
  if (t == 0) number = 7;
  if (t < 16) __syncwarp(0x0000ffffu);
  if (t == 15 || t == 16) __syncwarp(0x00018000u);
  if (t >= (kFault ? 17 : 16)) __syncwarp(kFault ? 0xfffe0000u : 0xffff0000u);
  if (t == 31) y[0] = number;
}

/// One thread sets plainly what another reads atomically.
template <bool kFault>
__global__ void plain_store_of_a_flag(int* flag, int* y) {
  if (threadIdx.x == 0) {
    if (kFault) {
      *flag = 1;
    } else {
      atomicExch(flag, 1);
    }
  } else {
    y[threadIdx.x] = atomicAdd(flag, 0);
  }
}

// Faults of meeting. They are run by one block.

template <bool kFault>
__global__ void returns_before_a_barrier(int* y) {
  const unsigned t = threadIdx.x;
  if (kFault && t >= 40) return;
  y[t] = 1;
  __syncthreads();
  y[t] += 1;
}

template <bool kFault>
__global__ void barriers_on_two_lines(int* y) {
  const unsigned t = threadIdx.x;
  if (kFault && t >= 32) {
    y[t] = 1;
    __syncthreads();
  } else {
    y[t] = 2;
    __syncthreads();
  }
}

template <bool kFault>
__global__ void whole_mask_in_half_a_warp(int* y) {
  const unsigned t = threadIdx.x;
  y[t] = 0;
  if (t % 32 < 16)
    y[t] = __shfl_xor_sync(kFault ? kWholeWarp : 0x0000ffffu, static_cast<int>(t), 1);
}

template <bool kFault>
__global__ void source_outside_the_mask(int* y) {
  const unsigned t = threadIdx.x;
  y[t] = 0;
  if (t % 32 < 16) y[t] = __shfl_sync(0x0000ffffu, static_cast<int>(t), kFault ? 20 : 4);
}

template <bool kFault>
__global__ void own_lane_not_in_the_mask(int* y) {
  const unsigned t = threadIdx.x;
  y[t] = __shfl_sync(kFault ? 0x7fffffffu : kWholeWarp, static_cast<int>(t), 0);
}

/// Lanes 0 to 9 ask for lanes 0 to 19, lanes 10 to 31 for lanes 10 to 31.
template <bool kFault>
__global__ void overlapping_masks(int* y) {
  const unsigned t = threadIdx.x;
  const unsigned low = kFault ? 0x000fffffu : 0x000003ffu;
  y[t] = t % 32 < 10 ? __any_sync(low, 1) : __any_sync(0xfffffc00u, 1);
}

/// Half of a warp waits for the block, which waits for the other half, which waits for the first.
template <bool kFault>
__global__ void warp_and_block_wait(int* y) {
  const unsigned t = threadIdx.x;
  y[t] = 1;
  if (kFault && t % 32 < 16) {
    __syncthreads();
    __syncwarp();
  } else {
    __syncwarp();
    __syncthreads();
  }
}

/// A thread that spins without a word to the scheduler would never end; one that pauses is found.
template <bool kFault>
__global__ void waits_for_a_store_that_never_comes(int* flag) {
  if (threadIdx.x == 0) {
    while (atomicAdd(flag, 0) != 1) __nanosleep(10);
  } else if (!kFault) {
    atomicExch(flag, 1);
  }
}

// A compiler that sees this file alone compiles what is named here.
#define CHAINLINE_BOTH(kernel)                               \
  template __global__ decltype(kernel<false>) kernel<false>; \
  template __global__ decltype(kernel<true>) kernel<true>
CHAINLINE_BOTH(index_past_static_shared);
CHAINLINE_BOTH(point_past_static_shared);
CHAINLINE_BOTH(past_dynamic_shared);
CHAINLINE_BOTH(past_global);
CHAINLINE_BOTH(misaligned_vector);
CHAINLINE_BOTH(unwritten_static_shared);
CHAINLINE_BOTH(unwritten_dynamic_shared);
CHAINLINE_BOTH(leftover_of_another_block);
CHAINLINE_BOTH(no_barrier_reads_later);
CHAINLINE_BOTH(no_barrier_reads_earlier);
CHAINLINE_BOTH(tile_loop);
CHAINLINE_BOTH(pipelined_tile_loop);
CHAINLINE_BOTH(two_write_the_same);
CHAINLINE_BOTH(no_syncwarp);
CHAINLINE_BOTH(shuffle_as_fence);
CHAINLINE_BOTH(blocks_share_a_counter);
CHAINLINE_BOTH(reads_what_a_neighbour_writes);
CHAINLINE_BOTH(last_block_adds);
CHAINLINE_BOTH(last_block_adds_all);
CHAINLINE_BOTH(warp_waits_for_a_flag);
CHAINLINE_BOTH(chain_of_syncwarps);
CHAINLINE_BOTH(plain_store_of_a_flag);
CHAINLINE_BOTH(returns_before_a_barrier);
CHAINLINE_BOTH(barriers_on_two_lines);
CHAINLINE_BOTH(whole_mask_in_half_a_warp);
CHAINLINE_BOTH(source_outside_the_mask);
CHAINLINE_BOTH(own_lane_not_in_the_mask);
CHAINLINE_BOTH(overlapping_masks);
CHAINLINE_BOTH(warp_and_block_wait);
CHAINLINE_BOTH(waits_for_a_store_that_never_comes);
#undef CHAINLINE_BOTH

}  // namespace
}  // namespace chainline::test
