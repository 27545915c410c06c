#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "tensor/host_device.h"

/// What the elementary functions of math.h are made of. Everything is a straight line of IEEE
/// operations: a choice is a selection between values that are both computed, an integer part is
/// read from the bits of a sum. So a compiler may run any number of lanes side by side.
namespace chainline::math::parts {

/// The layout of a floating type.
template <class T>
struct Format;
template <>
struct Format<float> {
  using Bits = std::uint32_t;
  static constexpr int kFraction = 23;  // stored bits of the significand
  static constexpr int kBias = 127;     // of the exponent
};
template <>
struct Format<double> {
  using Bits = std::uint64_t;
  static constexpr int kFraction = 52;
  static constexpr int kBias = 1023;
};
template <class T>
using Bits = typename Format<T>::Bits;
template <class T>
constexpr bool kIsFloat = std::is_same_v<T, float>;

// The compiler's own word, for device code may not call std::bit_cast, which is a host function.
template <class T>
CHAINLINE_HOST_DEVICE constexpr Bits<T> bits_of(T x) {
  return __builtin_bit_cast(Bits<T>, x);
}
template <class T>
CHAINLINE_HOST_DEVICE constexpr T from_bits(Bits<T> bits) {
  return __builtin_bit_cast(T, bits);
}

/// Adding 1.5 * 2^kFraction rounds to an integer (ties to even) and leaves it in the low bits.
template <class T>
CHAINLINE_HOST_DEVICE constexpr T integer_shift() {
  return static_cast<T>(Bits<T>{3} << (Format<T>::kFraction - 1));
}

/// The constant in the type at hand; each type has its own digits.
template <class T>
CHAINLINE_HOST_DEVICE constexpr T pick(float narrow, double wide) {
  if constexpr (kIsFloat<T>) {
    return narrow;
  } else {
    return wide;
  }
}

/// c0 + x (c1 + x (c2 + ...)), each step an fma.
template <class T>
CHAINLINE_HOST_DEVICE inline T polynomial(T, T c) {
  return c;
}
template <class T, class... More>
CHAINLINE_HOST_DEVICE inline T polynomial(T x, T c0, T c1, More... more) {
  return std::fma(polynomial<T>(x, c1, more...), x, c0);
}

template <class T>
CHAINLINE_HOST_DEVICE inline T absolute(T x) {
  return from_bits<T>((bits_of(x) << 1) >> 1);
}

/// The magnitude of the first with the sign of the second; magnitude must not be negative.
template <class T>
CHAINLINE_HOST_DEVICE inline T with_sign_of(T magnitude, T x) {
  constexpr Bits<T> sign = Bits<T>{1} << (8 * sizeof(T) - 1);
  return from_bits<T>(bits_of(magnitude) | (bits_of(x) & sign));
}

/// condition ? yes : no by masks, for compilers turn some conditional expressions into branches,
/// and a loop with a branch does not vectorize.
template <class T>
CHAINLINE_HOST_DEVICE inline T select(bool condition, T yes, T no) {
  const Bits<T> mask = Bits<T>{0} - static_cast<Bits<T>>(condition);
  return from_bits<T>((bits_of(yes) & mask) | (bits_of(no) & ~mask));
}

/// The smaller of x and the limit; a NaN stays.
template <class T>
CHAINLINE_HOST_DEVICE inline T at_most(T x, T limit) {
  return select(x > limit, limit, x);
}
template <class T>
CHAINLINE_HOST_DEVICE inline T at_least(T x, T limit) {
  return select(x < limit, limit, x);
}

/// The unevaluated sum of a number and what its rounding lost.
template <class T>
struct Pair {
  T high, low;
};

/// a + b exactly, for |a| >= |b| or a = 0 (Dekker).
template <class T>
CHAINLINE_HOST_DEVICE inline Pair<T> ordered_sum(T a, T b) {
  const T high = a + b;
  return {high, b - (high - a)};
}

/// a + b exactly, in any order (Knuth).
template <class T>
CHAINLINE_HOST_DEVICE inline Pair<T> sum(T a, T b) {
  const T high = a + b;
  const T b_part = high - a;
  return {high, (a - (high - b_part)) + (b - b_part)};
}

/// The quotient of two pairs, rounded about once. One division.
template <class T>
CHAINLINE_HOST_DEVICE inline T quotient(Pair<T> n, Pair<T> d) {
  const T reciprocal = T{1} / d.high;
  const T first = n.high * reciprocal;
  const T rest = std::fma(-first, d.high, n.high) + std::fma(-first, d.low, n.low);
  return std::fma(rest, reciprocal, first);
}

/// 2^exponent for exponents of normal numbers; modular in its argument, so that the garbage that a
/// NaN leaves there is no undefined behaviour.
template <class T>
CHAINLINE_HOST_DEVICE inline T power_of_two(Bits<T> exponent) {
  return from_bits<T>((exponent + Format<T>::kBias) << Format<T>::kFraction);
}

/// x 2^exponent in two factors, for the exponent alone may be beyond the normal numbers. Rounds in
/// the second product only.
template <class T>
CHAINLINE_HOST_DEVICE inline T scaled(T x, Bits<T> exponent) {
  constexpr Bits<T> bias = Format<T>::kBias;
  const Bits<T> half = ((exponent + 4 * bias) >> 1) - 2 * bias;
  return x * power_of_two<T>(half) * power_of_two<T>(exponent - half);
}

/// The same for exponents up to 0 and x near 1, where the second factor can be one and the same: the
/// first product is exact for every such exponent, so this rounds in the second only, too.
template <class T>
CHAINLINE_HOST_DEVICE inline T scaled_down(T x, Bits<T> exponent) {
  constexpr Bits<T> lift = kIsFloat<T> ? 64 : 512;
  return x * power_of_two<T>(exponent + lift) * power_of_two<T>(Bits<T>{0} - lift);
}

/// e^x = 2^exponent (1 + r + tail), |r| <= ln(2) / 2, with |tail| < 0.07 and an error of the sum of
/// about 2^-29 (f32) or 2^-60 (f64) of max(|r|, tail).
template <class T>
struct ExpParts {
  T r, tail;
  Bits<T> exponent;  // two's complement
};

/// x = n ln 2 + r, with ln 2 in two pieces of which the first times n is exact; then
/// e^r = 1 + r + r^2 q(r), q minimax. The argument must be small enough for n to have 8 (f32) or 11
/// (f64) bits.
template <class T>
CHAINLINE_HOST_DEVICE inline ExpParts<T> exp_parts(T x) {
  const T shifted = std::fma(x, pick<T>(0x1.715476p+0f, 0x1.71547652b82fep+0), integer_shift<T>());
  const T n = shifted - integer_shift<T>();
  const T r = std::fma(-n, pick<T>(0x1.62e4p-1f, 0x1.62e42fefa4p-1), x);
  const T r_low = n * pick<T>(-0x1.7f7d1cp-20f, 0x1.8432a1b0e2634p-43);
  const T whole = r + r_low;
  T q;
  if constexpr (kIsFloat<T>) {
    q = polynomial(whole, 0.5f, 0x1.555556p-3f, 0x1.5554f2p-5f, 0x1.110fdap-7f, 0x1.6d411cp-10f,
                   0x1.a2a1bp-13f);
  } else {
    q = polynomial(whole, 0.5, 0x1.555555555555ap-3, 0x1.5555555555529p-5, 0x1.111111110f165p-7,
                   0x1.6c16c16c2a43cp-10, 0x1.a01a01b1e4ecfp-13, 0x1.a01a01427fd19p-16,
                   0x1.71ddf387e5388p-19, 0x1.27e5adeee3b09p-22, 0x1.af66b925ed2b3p-26,
                   0x1.1e360e0909d44p-29);
  }
  return {r, std::fma(whole * whole, q, r_low), bits_of(shifted) - bits_of(integer_shift<T>())};
}

/// 1 + r + tail as a pair whose low part is below half an ulp of the high one.
template <class T>
CHAINLINE_HOST_DEVICE inline Pair<T> significand(const ExpParts<T>& e) {
  const Pair<T> first = ordered_sum(T{1}, e.r);
  return ordered_sum(first.high, first.low + e.tail);
}

/// 2^exponent for e^x <= 1, held at 2^-2p where the exponent is lower still (p the precision):
/// added to one, or subtracted from it, both are nothing.
template <class T>
CHAINLINE_HOST_DEVICE inline T held_scale(Bits<T> exponent) {
  constexpr Bits<T> lowest = Bits<T>{0} - 2 * (Format<T>::kFraction + 1);
  const bool lower = Bits<T>{0} - exponent > Bits<T>{0} - lowest;
  return select(lower, power_of_two<T>(lowest), power_of_two<T>(exponent));
}

}  // namespace chainline::math::parts
