// Small kernels whose results anyone can work out, for semantics_test.cpp.

#include <cstdint>

#include "cuda/device.cuh"

namespace chainline::test {

constexpr unsigned kFull = 0xffffffffu;

__global__ void write_indices(int* out) {
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  out[block * threads + thread] = static_cast<int>(block * 1000 + thread);
}

/// Reverses each block's part of x through shared memory.
template <class T, int N>
__global__ void reverse_blocks(const T* x, T* y) {
  __shared__ T tile[N];
  const unsigned first = blockIdx.x * N;
  tile[threadIdx.x] = x[first + threadIdx.x];
  __syncthreads();
  y[first + threadIdx.x] = tile[N - 1 - threadIdx.x];
}

/// The same through dynamic shared memory.
__global__ void reverse_blocks_dynamic(const float* x, float* y) {
  float* tile = cuda::dynamic_shared<float>();
  const unsigned first = blockIdx.x * blockDim.x;
  tile[threadIdx.x] = x[first + threadIdx.x];
  __syncthreads();
  y[first + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

__global__ void read_unwritten_dynamic(float* y) {
  y[threadIdx.x] = cuda::dynamic_shared<float>()[threadIdx.x];
}

__global__ void shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[0 * 32 + lane] = __shfl_sync(kFull, lane, 5);
  out[1 * 32 + lane] = __shfl_sync(kFull, lane, 3, 8);
  out[2 * 32 + lane] = __shfl_up_sync(kFull, lane, 2);
  out[3 * 32 + lane] = __shfl_down_sync(kFull, lane, 3, 16);
  out[4 * 32 + lane] = __shfl_xor_sync(kFull, lane, 1);
  out[5 * 32 + lane] = __shfl_xor_sync(kFull, lane, 16, 16);
  out[6 * 32 + lane] =
      static_cast<int>(__shfl_sync(kFull, lane * 1000000000000ll, 7) / 1000000000000ll);
  out[7 * 32 + lane] = static_cast<int>(__shfl_sync(kFull, static_cast<float>(lane) + 0.5f, 9) * 2);
  out[8 * 32 + lane] = __shfl_up_sync(kFull, lane, 3, 8);
}

__global__ void votes(unsigned* out) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  unsigned* o = out + threadIdx.x;
  o[0 * 64] = __ballot_sync(kFull, lane % 3 == 0);
  o[1 * 64] = static_cast<unsigned>(__any_sync(kFull, lane == 31));
  o[2 * 64] = static_cast<unsigned>(__all_sync(kFull, lane < 31));
  o[3 * 64] = static_cast<unsigned>(__all_sync(kFull, lane < 32));
  o[4 * 64] = static_cast<unsigned>(__syncthreads_count(threadIdx.x < 40));
  o[5 * 64] = static_cast<unsigned>(__syncthreads_and(threadIdx.x < 63));
  o[6 * 64] = static_cast<unsigned>(__syncthreads_or(threadIdx.x == 63));
}

/// Even and odd lanes meet apart, then the halves of the warp, then all.
__global__ void partial_masks(unsigned* out) {
  const unsigned lane = threadIdx.x;
  unsigned sum;
  if (lane % 2 == 0) {
    sum = __shfl_xor_sync(0x55555555u, lane, 2) + lane;
  } else {
    sum = __shfl_xor_sync(0xaaaaaaaau, lane, 2) * 100;
  }
  const unsigned half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  sum += __shfl_sync(half, lane, 0, 16);
  out[lane] = sum + __ballot_sync(kFull, lane == 4);
}

__global__ void last_warp_is_short(int* out) {
  out[threadIdx.x] = __shfl_xor_sync(kFull, static_cast<int>(threadIdx.x), 1);
}

__global__ void atomics(int* ints, unsigned* words, float* floats, unsigned long long* longs) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&ints[0], i);
  atomicMin(&ints[1], i);
  atomicMax(&ints[2], i);
  atomicSub(&ints[3], 1);
  atomicAnd(&words[0], ~(1u << (i % 32)));
  atomicOr(&words[1], 1u << (i % 16));
  atomicXor(&words[2], 1u);
  atomicInc(&words[3], 9u);
  atomicAdd(&floats[0], 0.5f);
  atomicAdd(&longs[0], 1ull << 32);
  unsigned long long old = 0;  // a guess; a plain read of what others change would be a race
  unsigned long long seen;
  do {  // the usual loop for what no atomic function does
    seen = old;
    old = atomicCAS(&longs[1], seen, seen + 2);
  } while (old != seen);
}

/// Each block counts its even threads in shared memory.
__global__ void count_even(int* out) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  if (threadIdx.x % 2 == 0) atomicAdd(&count, 1);
  __syncthreads();
  if (threadIdx.x == 0) out[blockIdx.x] = count;
}

/// Thread 0 waits for a store of the last thread.
__global__ void wait_for_the_last(int* flag, int* out) {
  if (threadIdx.x == blockDim.x - 1) {
    atomicExch(flag, 7);
  } else if (threadIdx.x == 0) {
    while (atomicAdd(flag, 0) != 7) __nanosleep(100);
    out[0] = 1;
  }
}

__global__ void parameters(int* out, float a, long long b, double c) {
  out[0] = static_cast<int>(a * 2) + static_cast<int>(b) + static_cast<int>(c);
}

__device__ int fused_differs(float a, float b, float c) {
  return __fmaf_rn(a, b, c) != a * b + c ? 1 : 0;
}

/// (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24, which only a fused multiply-add keeps.
__global__ void contraction(int* out, float a, float c) { out[0] = fused_differs(a, a, c); }

/// Nobody pauses for ever, but for long nobody does anything else.
__global__ void pauses_often(int* out) {
  for (int i = 0; i < 1000; ++i) __nanosleep(10);
  out[threadIdx.x] = 1;
}

/// One thread stops the kernel; the others wait for it, and would then write.
__global__ void stops_in(int thread, int* after) {
  if (static_cast<int>(threadIdx.x) == thread) __trap();
  __syncthreads();
  after[0] = 1;
}

}  // namespace chainline::test
