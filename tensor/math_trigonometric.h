#pragma once

#include "tensor/math_parts.h"

/// The pieces of sin and cos in f64: x = quadrant pi/2 + r, and the two functions on |r| <= pi/4.
namespace chainline::math::parts {

/// r = high + low, and the multiple of pi/2 that was taken away, modulo 4 in its low two bits.
struct Reduced {
  double high, low;
  std::uint32_t quadrant;
};

/// The zeros above the highest one of a number that is not 0. (Device code may not call
/// std::countl_zero.)
CHAINLINE_HOST_DEVICE constexpr int leading_zeros(std::uint64_t x) {
  int zeros = 0;
  for (int half = 32; half > 0; half /= 2) {
    if (x >> (64 - half) == 0) {
      x <<= half;
      zeros += half;
    }
  }
  return zeros;
}

/// x below 2^30 (Cody and Waite): pi/2 in three pieces of 53 bits. The multiple q of the first
/// piece lies on a grid of 2^-52, and so does x where q > 0; the difference is below 1, so it is
/// exact.
CHAINLINE_HOST_DEVICE inline Reduced reduce_moderate(double x) {
  const double shifted = std::fma(x, 0x1.45f306dc9c883p-1, integer_shift<double>());
  const double q = shifted - integer_shift<double>();
  const double first = std::fma(-q, 0x1.921fb54442d18p+0, x);
  const double second = q * 0x1.1a62633145c07p-54;
  const double second_low = std::fma(q, 0x1.1a62633145c07p-54, -second);
  const Pair<double> r = sum(first, -second);
  return {r.high, std::fma(q, 0x1.f1976b7ed8fbcp-110, r.low - second_low),
          static_cast<std::uint32_t>(bits_of(shifted))};
}

/// x from 2^30 up, finite (Payne and Hanek): x is m 2^e with an integer m of 53 bits. The bits of
/// 2/pi that make m 2^e 2/pi a multiple of 4 are left out; 192 of those that follow are kept, so
/// that at least 190 - 53 - 62 bits are right where x is as near to a multiple of pi/2 as an f64
/// can be.
CHAINLINE_HOST_DEVICE inline Reduced reduce_huge(double x) {
  __extension__ using Wide = unsigned __int128;
  // 64 zeros, then the bits of 2/pi.
  constexpr std::uint64_t two_over_pi[21] = {
      0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041,
      0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e,
      0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b,
      0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
      0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
      0xf0cfbc209af4361d};
  const std::uint64_t bits = bits_of(x);
  const std::uint64_t m = (bits & ((std::uint64_t{1} << 52) - 1)) | std::uint64_t{1} << 52;
  const int e = static_cast<int>(bits >> 52) - 1075;  // at least -22
  // The window starts with the bit of weight 2^(1 - e), number 64 + e - 2 of the table.
  const int start = 62 + e;
  const int word = start / 64, shift = start % 64;
  std::uint64_t window[3];
  for (int i = 0; i < 3; ++i) {
    const Wide both = Wide{two_over_pi[word + i]} << 64 | two_over_pi[word + i + 1];
    window[i] = static_cast<std::uint64_t>(both >> (64 - shift));
  }
  // m times the window modulo 2^192: two bits of the quadrant, then the fraction.
  const Wide low = Wide{window[2]} * m;
  const Wide middle = Wide{window[1]} * m + static_cast<std::uint64_t>(low >> 64);
  const std::uint64_t top = window[0] * m + static_cast<std::uint64_t>(middle >> 64);
  const Wide product = Wide{top} << 64 | static_cast<std::uint64_t>(middle);
  // Rounded to the nearest quadrant, the fraction is a signed number of quadrants times 2^128.
  Wide fraction = product << 2 | static_cast<std::uint64_t>(low) >> 62;
  const bool negative = (fraction >> 127) != 0;
  const std::uint32_t quadrant = static_cast<std::uint32_t>(top >> 62) + (negative ? 1 : 0);
  if (negative) fraction = 0 - fraction;
  const auto fraction_top = static_cast<std::uint64_t>(fraction >> 64);
  const int zeros = leading_zeros(fraction_top);  // at most 62
  fraction <<= zeros;
  const double unit = power_of_two<double>(static_cast<std::uint64_t>(-53 - zeros));
  const double sign_unit = negative ? -unit : unit;
  const double high = static_cast<double>(static_cast<std::uint64_t>(fraction >> 75)) * sign_unit;
  const double low_part = static_cast<double>(static_cast<std::uint64_t>(fraction >> 22) &
                                              ((std::uint64_t{1} << 53) - 1)) *
                          sign_unit * 0x1p-53;
  const double r = high * 0x1.921fb54442d18p+0;
  const double r_low = std::fma(high, 0x1.921fb54442d18p+0, -r) +
                       std::fma(high, 0x1.1a62633145c07p-54, low_part * 0x1.921fb54442d18p+0);
  return {r, r_low, quadrant};
}

/// For x >= 0. Infinity and NaN give a NaN.
CHAINLINE_HOST_DEVICE inline Reduced reduce_by_half_pi(double x) {
  if (x < 0x1p30) return reduce_moderate(x);
  if (x - x != 0) return {x - x, 0, 0};
  return reduce_huge(x);
}

CHAINLINE_HOST_DEVICE inline double sin_near_zero(const Reduced& r) {
  const double z = r.high * r.high;
  const double p =
      polynomial(z, -0x1.5555555555549p-3, 0x1.111111110f8a7p-7, -0x1.a01a019c163c2p-13,
                 0x1.71de357b347dep-19, -0x1.ae5e68ac9ac43p-26, 0x1.5d93a6acceebfp-33);
  return r.high + std::fma(r.high * z, p, r.low * (1 - 0.5 * z));
}

CHAINLINE_HOST_DEVICE inline double cos_near_zero(const Reduced& r) {
  const double z = r.high * r.high;
  const double q =
      polynomial(z, 0x1.555555555554cp-5, -0x1.6c16c16c15225p-10, 0x1.a01a019cc0413p-16,
                 -0x1.27e4f81370f35p-22, 0x1.1ee9f1d94ce81p-29, -0x1.8fb1782156a6fp-37);
  const double half = 0.5 * z;
  const double head = 1 - half;
  return head + (((1 - head) - half) + std::fma(z * z, q, -r.high * r.low));
}

}  // namespace chainline::math::parts
