// Kernels that reach memory in patterns whose cost is known, for access_statistics_test.cpp.

#include "cuda/device.cuh"

namespace chainline::test {

/// y = transpose of x, n by n, by tiles of 32 by 32 in shared memory whose rows are kPitch apart.
/// With 32 all elements of a column are in one bank, with 33 each is in another.
template <int kPitch>
__global__ void transpose_tiles(const float* x, float* y, int n) {
  __shared__ float tile[32][kPitch];
  const int column = static_cast<int>(blockIdx.x) * 32, row = static_cast<int>(blockIdx.y) * 32;
  const int i = static_cast<int>(threadIdx.x), j = static_cast<int>(threadIdx.y);
  tile[j][i] = x[(row + j) * n + column + i];
  __syncthreads();
  const float value = tile[i][j];
  y[(column + j) * n + row + i] = value;
}

/// The same without shared memory: what a warp writes lies in as many sectors as it has lanes.
__global__ void transpose_naively(const float* x, float* y, int n) {
  const int i = static_cast<int>(blockIdx.x * 32 + threadIdx.x);
  const int j = static_cast<int>(blockIdx.y * 32 + threadIdx.y);
  y[i * n + j] = x[j * n + i];
}

/// Shared memory by vectors of four, one word for all lanes, and each second word.
__global__ void shared_patterns(float* y) {
  __shared__ __align__(16) float words[128];
  const unsigned t = threadIdx.x;
  reinterpret_cast<float4*>(words)[t] = make_float4(1, 2, 3, 4);
  __syncwarp();
  const float same = words[5];
  const float second = words[2 * t];
  y[t] = same + second;
}

template __global__ void transpose_tiles<32>(const float*, float*, int);
template __global__ void transpose_tiles<33>(const float*, float*, int);

}  // namespace chainline::test
