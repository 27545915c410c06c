#pragma once

#include <cstdint>
#include <utility>

#include "cuda/device.cuh"
#include "cuda/stream.h"

// How work is shared out: a thread for each element, or a warp for each row. Kernels go on by the
// size of the grid, so a grid may be smaller than its work.
//
//   for (std::int64_t i = first_element(); i < n; i += elements_at_once()) ...
//   for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) ...

namespace chainline::cuda {

constexpr int kWarp = 32;
constexpr int kThreads = 256;  // of a block

__device__ inline std::int64_t first_element() {
  return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t elements_at_once() { return std::int64_t{gridDim.x} * blockDim.x; }

__device__ inline int lane() { return static_cast<int>(threadIdx.x % kWarp); }
__device__ inline std::int64_t first_row() { return first_element() / kWarp; }
__device__ inline std::int64_t rows_at_once() { return elements_at_once() / kWarp; }

/// Starts a kernel with a thread for each of n elements; none for none.
template <class... Parameters, class... Arguments>
void launch_elements(std::int64_t n, void (*kernel)(Parameters...), Arguments&&... arguments) {
  constexpr std::int64_t kMostBlocks = 1 << 16;
  if (n == 0) return;
  // Few elements get a small block, for under the emulator each thread costs its start.
  const std::int64_t threads = n < kThreads ? (n + kWarp - 1) / kWarp * kWarp : kThreads;
  const std::int64_t blocks = (n + threads - 1) / threads;
  launch({dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks)),
          dim3(static_cast<unsigned>(threads)), 0, stream()},
         kernel, std::forward<Arguments>(arguments)...);
}

/// Starts a kernel with a warp for each row.
template <class... Parameters, class... Arguments>
void launch_rows(std::int64_t rows, void (*kernel)(Parameters...), Arguments&&... arguments) {
  launch_elements(rows * kWarp, kernel, std::forward<Arguments>(arguments)...);
}

}  // namespace chainline::cuda
