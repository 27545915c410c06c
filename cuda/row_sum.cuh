#pragma once

#include "cuda/constants.cuh"
#include "cuda/grid.cuh"

// Reductions of a row by a warp, whose lanes are those of tensor/row_sum.h. All lanes of the warp
// call them together, and all get the result.

namespace chainline::cuda {

constexpr unsigned kAllLanes = 0xffffffffu;

/// Folds the lanes by halves: lane l takes in l + 16, then l + 8, +4, +2, +1. What the upper lanes
/// come to is not used.
template <class T, class Combine>
__device__ T fold_lanes(T value, const Combine& combine) {
  for (int half = kWarp / 2; half > 0; half /= 2) {
    value = combine(value, __shfl_down_sync(kAllLanes, value, static_cast<unsigned>(half)));
  }
  return __shfl_sync(kAllLanes, value, 0);
}

/// The sum f(0) + ... + f(n - 1) in the order of rule 3 (docs/numerics.md).
template <class T, class F>
__device__ T row_sum(std::int64_t n, const F& f) {
  T sum = 0;
  for (std::int64_t i = lane(); i < n; i += kWarp) sum += f(i);
  return fold_lanes(sum, [](T a, T b) { return a + b; });
}

/// The largest of f(0), ..., f(n - 1); -inf for n = 0. NaNs are passed over.
template <class T, class F>
__device__ T row_max(std::int64_t n, const F& f) {
  const auto larger = [](T a, T b) { return b > a ? b : a; };
  T max = -kInfinity<T>;
  for (std::int64_t i = lane(); i < n; i += kWarp) max = larger(max, f(i));
  return fold_lanes(max, larger);
}

}  // namespace chainline::cuda
