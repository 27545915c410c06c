#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace chainline {

/// The lanes of a row reduction: a CUDA warp, two AVX-512 registers of f32, four of AVX2.
inline constexpr std::int64_t kRowLanes = 32;

namespace detail {

/// Takes f(0), ..., f(n - 1) into 32 lanes, index i into lane i % 32 in ascending order, then folds
/// the lanes by halves. A fixed inner count lets compilers vectorize across the lanes.
template <class T, class F, class Combine>
inline T row_reduce(std::int64_t n, T start, const F& f, const Combine& combine) {
  std::array<T, kRowLanes> lanes;
  T* const lane = lanes.data();
  for (std::int64_t l = 0; l < kRowLanes; ++l) lane[l] = start;
  std::int64_t i = 0;
  for (; i + kRowLanes <= n; i += kRowLanes) {
    for (std::int64_t l = 0; l < kRowLanes; ++l) lane[l] = combine(lane[l], f(i + l));
  }
  for (std::int64_t l = 0; i + l < n; ++l) lane[l] = combine(lane[l], f(i + l));
  for (std::int64_t half = kRowLanes / 2; half > 0; half /= 2) {
    for (std::int64_t l = 0; l < half; ++l) lane[l] = combine(lane[l], lane[l + half]);
  }
  return lane[0];
}

}  // namespace detail

/// The sum f(0) + ... + f(n - 1) in the one order of row reductions (docs/numerics.md, rule 3):
/// lane l of 32 adds f(l), f(l + 32), f(l + 64), ... from +0; then the lanes fold by halves,
/// l += l + 16, +8, +4, +2, +1. Every sum over a row goes through here.
///
///   const T dot = row_sum<T>(n, [&](std::int64_t i) { return x[i] * y[i]; });
///
/// Bits     the order is the definition: the same on every instruction set
template <class T, class F>
inline T row_sum(std::int64_t n, const F& f) {
  return detail::row_reduce<T>(n, T(0), f, [](T a, T b) { return a + b; });
}

/// The largest of f(0), ..., f(n - 1), in the same lanes; -inf for n = 0. NaNs are passed over: a
/// caller that subtracts the maximum and sums meets them there.
template <class T, class F>
inline T row_max(std::int64_t n, const F& f) {
  return detail::row_reduce<T>(n, -std::numeric_limits<T>::infinity(), f,
                               [](T a, T b) { return b > a ? b : a; });
}

}  // namespace chainline
