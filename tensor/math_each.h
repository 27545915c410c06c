#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/math.h"

/// tanh and sigmoid of many numbers, with the bits of one call after the other.
///
/// The operations of a call form a chain of some 120 cycles, and the window in which a processor
/// looks for work that does not wait holds two to three such calls, so a loop over calls mostly
/// waits. Cut at its exponential into two loops over a block, with the halves in a buffer between
/// them, the same chain takes 10 to 15 % less time with AVX-512 and a quarter less with AVX2.
namespace chainline::math {

namespace detail {

template <class T, class Exponential, class Rest, class Argument, class Use>
inline void in_two_loops(std::int64_t n, const Exponential& exponential, const Rest& rest,
                         const Argument& argument, const Use& use) {
  constexpr std::int64_t kBlock = 128;
  T x[kBlock], r[kBlock], tail[kBlock];
  parts::Bits<T> exponent[kBlock];
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t count = std::min(kBlock, n - first);
    for (std::int64_t i = 0; i < count; ++i) {
      x[i] = argument(first + i);
      const parts::ExpParts<T> e = exponential(x[i]);
      r[i] = e.r;
      tail[i] = e.tail;
      exponent[i] = e.exponent;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      use(first + i, rest(x[i], parts::ExpParts<T>{r[i], tail[i], exponent[i]}));
    }
  }
}

}  // namespace detail

/// use(i, tanh(argument(i))) for i < n.
///
///   tanh_each<T>(n, [=](std::int64_t i) { return x[i]; }, [=](std::int64_t i, T t) { y[i] = t; });
template <class T, class Argument, class Use>
inline void tanh_each(std::int64_t n, const Argument& argument, const Use& use) {
  detail::in_two_loops<T>(
      n, [](T x) { return tanh_exponential(x); },
      [](T x, const parts::ExpParts<T>& e) { return tanh_of(x, e); }, argument, use);
}

/// use(i, sigmoid(argument(i))) for i < n.
template <class T, class Argument, class Use>
inline void sigmoid_each(std::int64_t n, const Argument& argument, const Use& use) {
  detail::in_two_loops<T>(
      n, [](T x) { return sigmoid_exponential(x); },
      [](T x, const parts::ExpParts<T>& e) { return sigmoid_of(x, e); }, argument, use);
}

}  // namespace chainline::math
