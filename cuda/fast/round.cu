// A thread for each number.

#include "cuda/fast/round.h"

#include "cuda/grid.cuh"

namespace chainline::cuda {
namespace {

__global__ void round_kernel(std::int64_t n, const float* x, bf16* y) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) y[i] = bf16(x[i]);
}

}  // namespace

void round_to_bf16(const float* x, bf16* y, std::int64_t n, Stream stream) {
  if (n == 0) return;
  const std::int64_t blocks = (n + kThreads - 1) / kThreads;
  launch({dim3(static_cast<unsigned>(blocks < 1024 ? blocks : 1024)), dim3(kThreads), 0, stream},
         &round_kernel, n, x, y);
}

}  // namespace chainline::cuda
