#pragma once

#include "tensor/math_parts.h"
#include "tensor/math_trigonometric.h"

/// The elementary functions of the library, for f32 and f64. Each is one sequence of IEEE
/// operations (numerics.md, rule 9) and calls nothing but fma and sqrt, so that it gives the same
/// bits from every compiler, in every vector width and on every device; a loop over one of them
/// vectorizes (sin and cos excepted).
///
/// The figures are the worst errors in ulps of the exact result: for f32 over all 2^32 arguments
/// (tests/tensor/math_exhaustive_test.cpp), for f64 over random and hard ones
/// (tests/tensor/math_test.cpp). Subnormals are kept, infinities, NaN and signed zeros are treated
/// as by ISO C, annex F. The sign and the payload of a NaN mean nothing.
namespace chainline::math {

/// e^x. Worst error: f32 0.765, f64 0.74.
template <class T>
CHAINLINE_HOST_DEVICE inline T exp(T x) {
  using namespace parts;
  // Beyond these the result is 0 or infinity.
  const T held = at_most(at_least(x, pick<T>(-104.0f, -746.0)), pick<T>(89.0f, 710.0));
  const ExpParts<T> e = exp_parts(held);
  const Pair<T> one_and_r = ordered_sum(T{1}, e.r);
  return scaled(one_and_r.high + (one_and_r.low + e.tail), e.exponent);
}

/// e^x for x <= 0 (or NaN), as a softmax and its kin need it: the bits of exp(x), in 26 operations
/// instead of 33.
template <class T>
CHAINLINE_HOST_DEVICE inline T exp_at_most_one(T x) {
  using namespace parts;
  const ExpParts<T> e = exp_parts(at_least(x, pick<T>(-104.0f, -746.0)));
  const Pair<T> one_and_r = ordered_sum(T{1}, e.r);
  return scaled_down(one_and_r.high + (one_and_r.low + e.tail), e.exponent);
}

/// The natural logarithm; -infinity at 0, NaN below. Worst error: f32 0.938, f64 0.75.
///
/// x = 2^k (1 + f); log1p(f) is f + f^2 times a polynomial in f32, and in f64
/// f - f^2/2 + s (f^2/2 + R(s^2)) with s = f / (2 + f), which needs fewer terms for its digits.
template <class T>
CHAINLINE_HOST_DEVICE inline T log(T x) {
  using namespace parts;
  using B = Bits<T>;
  constexpr int fraction = Format<T>::kFraction;
  constexpr B bias = Format<T>::kBias;
  const T smallest_normal = from_bits<T>(B{1} << fraction);
  const bool subnormal = x < smallest_normal;
  const T lift = select(subnormal, static_cast<T>(B{1} << (fraction + 1)), T{1});
  const B bits = bits_of(x * lift);
  // 1 + f starts at 2/3 in f32 and at sqrt(1/2) in f64.
  const B start = kIsFloat<T> ? B{0x3F2AAAAB} : static_cast<B>(0x3FE6A09E667F3BCDu);
  const B biased_k = (bits - start + (bias << fraction)) >> fraction;
  const T f = from_bits<T>(bits - ((biased_k - bias) << fraction)) - T{1};
  // The integer biased_k as a number: written below 2^kFraction, which is subtracted again.
  const T two_to_fraction = static_cast<T>(B{1} << fraction);
  const T k = (from_bits<T>(bits_of(two_to_fraction) | biased_k) -
               (two_to_fraction + static_cast<T>(bias))) -
              select(subnormal, static_cast<T>(fraction + 1), T{0});
  T tail;
  if constexpr (kIsFloat<T>) {
    tail = (f * f) * polynomial(f, -0.5f, 0x1.555502p-2f, -0x1.ffff14p-3f, 0x1.99d1c4p-3f,
                                -0x1.559802p-3f, 0x1.1ec0fep-3f, -0x1.f3a7dep-4f, 0x1.1ec5e2p-3f,
                                -0x1.06cdfap-3f);
  } else {
    const double s = f / (2.0 + f);
    const double z = s * s;
    const double half_square = 0.5 * f * f;
    const double r =
        z * polynomial(z, 0x1.5555555555592p-1, 0x1.999999997ff19p-2, 0x1.24924941e1a6ep-2,
                       0x1.c71c5213bfafcp-3, 0x1.74663d1b9aa82p-3, 0x1.39a1e28b77bc9p-3,
                       0x1.2f040839ff97ap-3);
    tail = std::fma(s, half_square + r, -half_square);
  }
  tail = std::fma(k, pick<T>(0x1.7f7d1cp-20f, -0x1.8432a1b0e2634p-43), tail);
  const Pair<T> head = ordered_sum(k * pick<T>(0x1.62e4p-1f, 0x1.62e42fefa4p-1), f);
  const T infinity = from_bits<T>((2 * bias + 1) << fraction);
  T result = head.high + (head.low + tail);
  result = select(x < infinity, result, x);  // infinity and NaN
  result = select(x == T{0}, -infinity, result);
  return select(x < T{0}, infinity - infinity, result);
}

/// sigmoid and tanh have two steps, an exponential and what is made of it, for math_each.h.
template <class T>
CHAINLINE_HOST_DEVICE inline parts::ExpParts<T> sigmoid_exponential(T x) {
  using namespace parts;
  const T limit = pick<T>(104.0f, 746.0);
  return exp_parts(-at_most(absolute(x), limit));
}
template <class T>
CHAINLINE_HOST_DEVICE inline T sigmoid_of(T x, const parts::ExpParts<T>& e) {
  using namespace parts;
  const Pair<T> m = significand(e);
  const T scale = held_scale<T>(e.exponent);
  Pair<T> denominator = ordered_sum(T{1}, scale * m.high);
  denominator.low += scale * m.low;
  const bool negative = x < T{0};
  const Pair<T> numerator = {select(negative, m.high, T{1}), select(negative, m.low, T{0})};
  return scaled_down(quotient(numerator, denominator),
                     e.exponent & (Bits<T>{0} - static_cast<Bits<T>>(negative)));
}

/// 1 / (1 + e^-x). Worst error: f32 0.788, f64 0.76.
///
/// With e = e^-|x| it is 1 / (1 + e) for positive and e / (1 + e) for negative arguments; the power
/// of two in the second numerator is multiplied last, so that small results keep their digits.
template <class T>
CHAINLINE_HOST_DEVICE inline T sigmoid(T x) {
  return sigmoid_of(x, sigmoid_exponential(x));
}

template <class T>
CHAINLINE_HOST_DEVICE inline parts::ExpParts<T> tanh_exponential(T x) {
  using namespace parts;
  const T limit = pick<T>(10.0f, 22.0);
  return exp_parts(T{-2} * at_most(absolute(x), limit));
}
template <class T>
CHAINLINE_HOST_DEVICE inline T tanh_of(T x, const parts::ExpParts<T>& e) {
  using namespace parts;
  const T scale = held_scale<T>(e.exponent);
  const Pair<T> s = ordered_sum(e.r, e.tail);
  const Pair<T> one_less = ordered_sum(T{-1}, scale);
  const Pair<T> one_more = ordered_sum(T{1}, scale);
  Pair<T> numerator = ordered_sum(one_less.high, scale * s.high);
  numerator.low += std::fma(scale, s.low, one_less.low);
  Pair<T> denominator = ordered_sum(one_more.high, scale * s.high);
  denominator.low += std::fma(scale, s.low, one_more.low);
  return with_sign_of(absolute(quotient(numerator, denominator)), x);
}

/// The hyperbolic tangent. Worst error: f32 0.752, f64 0.70.
///
/// (1 - e) / (1 + e) with e = e^(-2|x|) = S (1 + s), S a power of two: 1 - e = (1 - S) - S s has no
/// cancellation, for S is 1 where x is small.
template <class T>
CHAINLINE_HOST_DEVICE inline T tanh(T x) {
  return tanh_of(x, tanh_exponential(x));
}

/// The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x. Worst error:
/// f32 0.991, f64 0.84.
///
/// For |x| <= 1 it is x + x p(x^2); above, 1 - erfc(1) e^(-t h(t)) with t = |x| - 1, which rounds
/// once at the end. p and h are minimax.
template <class T>
CHAINLINE_HOST_DEVICE inline T erf(T x) {
  using namespace parts;
  const T limit = pick<T>(4.0f, 6.0);  // erf rounds to 1
  const T a = at_most(absolute(x), limit);
  const T z = a * a;
  const T t = a - T{1};
  T p, h;
  if constexpr (kIsFloat<T>) {
    p = polynomial(z, 0x1.06eba8p-3f, -0x1.81274p-2f, 0x1.ce2d52p-4f, -0x1.b7fec4p-6f,
                   0x1.542fecp-8f, -0x1.a5197ap-11f, 0x1.4c5cb4p-14f);
    h = polynomial(t, 0x1.51c9bp+1f, 0x1.afabbcp-1f, 0x1.547caep-5f, -0x1.49317cp-7f,
                   0x1.07ace2p-9f, -0x1.2f71fcp-12f, 0x1.6b6828p-16f);
  } else {
    p = polynomial(z, 0x1.06eba8214db69p-3, -0x1.812746b0379fep-2, 0x1.ce2f21a0436e0p-4,
                   -0x1.b82ce312aee4dp-6, 0x1.565bcd130177fp-8, -0x1.c02db4ac45014p-11,
                   0x1.f9a3370be8d04p-14, -0x1.f4d3546f65589p-17, 0x1.b9f0241aaf05fp-20,
                   -0x1.5fa4b15bc54d9p-23, 0x1.fcf964ca385e2p-27, -0x1.47f5d4dd156f8p-30,
                   0x1.2d54b7b687775p-34);
    h = polynomial(t, 0x1.51c9b0006c23dp+1, 0x1.afabc11a28f3cp-1, 0x1.5477f09ca8ea3p-5,
                   -0x1.48c9d40bfcad8p-7, 0x1.033f6994c8711p-9, -0x1.f1b4bc82f8b09p-13,
                   -0x1.b8be19c2ac66bp-16, 0x1.c758ca4a0f78bp-16, -0x1.4154497e1cc11p-17,
                   0x1.0eaa11d029f33p-19, -0x1.abd374d5ca100p-24, -0x1.1842d11394019p-23,
                   0x1.31813e0f47bcfp-24, -0x1.8fe42526ef023p-26, 0x1.80f3457be8cbep-28,
                   -0x1.192b8aa74783fp-30, 0x1.31bcc9da1b968p-33, -0x1.d3f5da871fcf5p-37,
                   0x1.c189da2d1e7efp-41, -0x1.96ff1c5a9372fp-46);
  }
  const T near = std::fma(p, a, a);
  const ExpParts<T> e = exp_parts(-(t * h));
  const T power = (T{1} + (e.r + e.tail)) * power_of_two<T>(e.exponent);
  const T far = std::fma(pick<T>(-0x1.422616p-3f, -0x1.4226162fbddd5p-3), power, T{1});
  return with_sign_of(select(a > T{1}, far, near), x);
}

/// 1 / sqrt(x); infinity with the sign of x at a zero, NaN below. Worst error: f32 0.501, f64
/// 0.501.
///
/// The root s and its reciprocal y are rounded; what they lost, x - s^2 and 1 - y s, corrects y.
template <class T>
CHAINLINE_HOST_DEVICE inline T rsqrt(T x) {
  using namespace parts;
  // Small arguments are lifted by 2^92 (2^208), so that x - s^2 stays above the subnormals.
  constexpr Bits<T> lift = 2 * Format<T>::kFraction;
  const bool small = x < pick<T>(0x1p-64f, 0x1p-512);
  const T lifted = x * select(small, power_of_two<T>(2 * lift), T{1});
  const T s = std::sqrt(lifted);
  const T y = T{1} / s;
  const T correction = std::fma(-y, s, T{1}) - T{0.5} * (y * y) * std::fma(-s, s, lifted);
  // At zeros and infinity the correction is a NaN, and y is right.
  const T result = select(correction == correction, std::fma(y, correction, y), y);
  return result * select(small, power_of_two<T>(lift), T{1});
}

/// The sine and the cosine of x in radians, which have most of their work in common.
struct SineCosine {
  double sine, cosine;
};
CHAINLINE_HOST_DEVICE inline SineCosine sine_cosine(double x) {
  using namespace parts;
  const Reduced r = reduce_by_half_pi(absolute(x));
  const double s = sin_near_zero(r), c = cos_near_zero(r);
  const bool odd = (r.quadrant & 1) != 0;
  const std::uint64_t flip_sine =
      (std::uint64_t{r.quadrant >> 1 & 1} << 63) ^ (bits_of(x) & std::uint64_t{1} << 63);
  const std::uint64_t flip_cosine = std::uint64_t{(r.quadrant + 1) >> 1 & 1} << 63;
  return {from_bits<double>(bits_of(select(odd, c, s)) ^ flip_sine),
          from_bits<double>(bits_of(select(odd, s, c)) ^ flip_cosine)};
}

/// The sine of x in radians. Worst error: f32 0.501, f64 0.75.
CHAINLINE_HOST_DEVICE inline double sin(double x) { return sine_cosine(x).sine; }

/// The cosine of x in radians. Worst error: f32 0.501, f64 0.79.
CHAINLINE_HOST_DEVICE inline double cos(double x) { return sine_cosine(x).cosine; }

/// In f32 sine and cosine are those of f64, rounded: about twice the cost of a polynomial in f32,
/// for one argument reduction that serves both types. The hot user, rope, keeps its table.
CHAINLINE_HOST_DEVICE inline float sin(float x) { return static_cast<float>(sin(double{x})); }
CHAINLINE_HOST_DEVICE inline float cos(float x) { return static_cast<float>(cos(double{x})); }

}  // namespace chainline::math
