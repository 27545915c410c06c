#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>

#include "tensor/free_order.h"

namespace chainline {

/// The lanes of a row reduction: a CUDA warp, two AVX-512 registers of f32, four of AVX2.
constexpr std::int64_t kRowLanes = kFreeOrder ? 16 : 32;

namespace detail {

/// Folds 2 * kHalf lanes into the first, by halves.
template <std::int64_t kHalf, class Lane, class Combine>
inline void fold(Lane* lane, const Combine& combine) {
  for (std::int64_t l = 0; l < kHalf; ++l) combine(lane[l], lane[l + kHalf]);
  if constexpr (kHalf > 1) fold<kHalf / 2>(lane, combine);
}

/// The 32 lanes by halves. As vectors of 16 bytes, which every processor has, for as long as it
/// takes more than one; compilers would make scalar operations of loops of so few steps.
template <class T, class Combine>
inline T fold_lanes(const T* lane, const Combine& combine) {
  constexpr std::int64_t kWidth = 16 / sizeof(T), kVectors = kRowLanes / kWidth;
  typedef T Vector __attribute__((vector_size(16)));
  Vector vectors[kVectors];
  std::memcpy(vectors, lane, sizeof vectors);
  fold<kVectors / 2>(vectors, combine);
  T last[kWidth];
  std::memcpy(last, vectors, sizeof last);
  fold<kWidth / 2>(last, combine);
  return last[0];
}

/// Takes f(0), ..., f(n - 1) into 32 lanes, index i into lane i % 32 in ascending order, then folds
/// the lanes by halves. A fixed inner count lets compilers vectorize across the lanes;
/// combine(a, b) makes a what a and b come to, for numbers and for vectors of them.
template <class T, class F, class Combine>
inline T row_reduce(std::int64_t n, T start, const F& f, const Combine& combine) {
  std::array<T, kRowLanes> lanes;
  T* const lane = lanes.data();
  for (std::int64_t l = 0; l < kRowLanes; ++l) lane[l] = start;
  std::int64_t i = 0;
  for (; i + kRowLanes <= n; i += kRowLanes) {
    for (std::int64_t l = 0; l < kRowLanes; ++l) combine(lane[l], f(i + l));
  }
  for (std::int64_t l = 0; i + l < n; ++l) combine(lane[l], f(i + l));
  return fold_lanes(lane, combine);
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
  return detail::row_reduce<T>(n, T(0), f, [](auto& a, const auto& b) { a += b; });
}

/// Two sums over the same row, each as row_sum gives it, in one pass over its numbers.
template <class T, class F, class G>
inline std::array<T, 2> row_sums(std::int64_t n, const F& f, const G& g) {
  std::array<T, kRowLanes> first{}, second{};
  std::int64_t i = 0;
  for (; i + kRowLanes <= n; i += kRowLanes) {
    for (std::int64_t l = 0; l < kRowLanes; ++l) {
      first.data()[l] += f(i + l);
      second.data()[l] += g(i + l);
    }
  }
  for (std::int64_t l = 0; i + l < n; ++l) {
    first.data()[l] += f(i + l);
    second.data()[l] += g(i + l);
  }
  const auto add = [](auto& a, const auto& b) { a += b; };
  return {detail::fold_lanes(first.data(), add), detail::fold_lanes(second.data(), add)};
}

/// The largest of f(0), ..., f(n - 1), in the same lanes; -inf for n = 0. NaNs are passed over: a
/// caller that subtracts the maximum and sums meets them there.
template <class T, class F>
inline T row_max(std::int64_t n, const F& f) {
  return detail::row_reduce<T>(n, -std::numeric_limits<T>::infinity(), f,
                               [](auto& a, const auto& b) { a = b > a ? b : a; });
}

}  // namespace chainline
