#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace chainline {

/// The distance of neighbouring f32 numbers at |x|: 2^(e - 23) for 2^e <= |x| < 2^(e + 1), and
/// 2^-149 below the normal numbers.
inline double f32_ulp(double x) {
  if (!std::isfinite(x)) return x;
  return x == 0 ? 0x1p-149 : std::ldexp(1.0, std::max(std::ilogb(x), -126) - 23);
}

/// A number that a formula has in exact arithmetic, beside a bound of how far the same formula in
/// f32 may be from it: running error analysis. A formula written with these gives, for the numbers
/// at hand, a proved bound of its own rounding errors, whatever cancels in it.
///
///   computed(a op b) = (computed(a) op computed(b)) rounded:   at most half an ulp of it away
///   |computed(a op b) - a op b| <= what the errors of a and b do to a op b, + that half ulp
///
/// The exact number is held in f64, whose own rounding is 2^-29 of the bound.
///
/// Source   Higham: Accuracy and Stability of Numerical Algorithms (2002), sec. 3.3
class Rounded {
 public:
  /// A number that f32 holds exactly.
  Rounded(double exact = 0) : value(exact) {}  // NOLINT: formulas have literals
  Rounded(double value_, double error_) : value(value_), error(error_) {}

  double value;
  double error = 0;

  bool is_zero() const { return value == 0 && error == 0; }

  Rounded operator-() const { return {-value, error}; }
  friend Rounded operator+(const Rounded& a, const Rounded& b);
  friend Rounded operator-(const Rounded& a, const Rounded& b) { return a + -b; }
  friend Rounded operator*(const Rounded& a, const Rounded& b);
  friend Rounded operator/(const Rounded& a, const Rounded& b);
};

/// A number that came with an error and was rounded to f32, `ulps` ulps away at worst.
inline Rounded rounded(double value, double error, double ulps = 0.5) {
  return {value, error + ulps * f32_ulp(std::abs(value) + error)};
}

/// A constant of a formula, rounded to f32 once.
inline Rounded rounded_constant(double value) {
  return {value, std::abs(static_cast<double>(static_cast<float>(value)) - value)};
}

// Adding 0 and multiplying by 0 or 1 round nothing.

inline Rounded operator+(const Rounded& a, const Rounded& b) {
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  return rounded(a.value + b.value, a.error + b.error);
}

/// The error of a product before it is rounded.
inline double product_error(const Rounded& a, const Rounded& b) {
  return std::abs(a.value) * b.error + std::abs(b.value) * a.error + a.error * b.error;
}

inline Rounded operator*(const Rounded& a, const Rounded& b) {
  if (a.is_zero() || b.is_zero()) return 0;
  if (a.error == 0 && std::abs(a.value) == 1) return {a.value * b.value, b.error};
  if (b.error == 0 && std::abs(b.value) == 1) return {a.value * b.value, a.error};
  return rounded(a.value * b.value, product_error(a, b));
}

inline Rounded operator/(const Rounded& a, const Rounded& b) {
  const double quotient = a.value / b.value;
  const double least = std::abs(b.value) - b.error;  // of the divisors that are possible
  if (!(least > 0)) return {quotient, INFINITY};
  return rounded(quotient, (a.error + std::abs(quotient) * b.error) / least);
}

/// a * b + c, rounded once.
inline Rounded fma(const Rounded& a, const Rounded& b, const Rounded& c) {
  if (a.is_zero() || b.is_zero()) return c;
  return rounded(a.value * b.value + c.value, product_error(a, b) + c.error);
}

/// |sqrt(x + e) - sqrt(x)| = e / (sqrt(x + e) + sqrt(x)).
inline Rounded sqrt(const Rounded& x) {
  const double root = std::sqrt(x.value);
  return rounded(root, x.error == 0 ? 0 : x.error / root);
}

inline Rounded max(const Rounded& a, const Rounded& b) {
  return {std::max(a.value, b.value), std::max(a.error, b.error)};
}

/// A sum in the order of rows (docs/numerics.md, rule 3): 32 lanes, folded by halves.
inline Rounded sum_of_row(const std::vector<Rounded>& terms) {
  std::array<Rounded, 32> lane;
  for (std::size_t i = 0; i < terms.size(); ++i) lane[i % 32] = lane[i % 32] + terms[i];
  for (std::size_t half = 16; half > 0; half /= 2) {
    for (std::size_t l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
  }
  return lane[0];
}

/// The worst errors of the elementary functions in f32, in ulps: those that tensor/math.h states
/// and tests/tensor/math_exhaustive_test.cpp proves for every argument.
namespace math_ulps {
inline constexpr double kExp = 0.765, kLog = 0.938, kTanh = 0.752, kErf = 0.991, kSigmoid = 0.788,
                        kRsqrt = 0.501, kSin = 0.501, kCos = 0.501;
}  // namespace math_ulps

// Each passes its argument's error on by its steepest slope within it: that of exp and log beside
// the argument, 2 / sqrt(pi) of erf, 1 of tanh and 1/4 of sigmoid anywhere.

inline Rounded exp(const Rounded& x) {
  const double y = std::exp(x.value);
  return rounded(y, y * std::expm1(x.error), math_ulps::kExp);
}

inline Rounded log(const Rounded& x) {
  const double least = x.value - x.error;
  if (!(least > 0)) return {std::log(x.value), INFINITY};
  return rounded(std::log(x.value), x.error / least, math_ulps::kLog);
}

inline Rounded tanh(const Rounded& x) {
  return rounded(std::tanh(x.value), x.error, math_ulps::kTanh);
}

inline Rounded erf(const Rounded& x) {
  return rounded(std::erf(x.value), 1.1283791670955126 * x.error, math_ulps::kErf);
}

inline Rounded sigmoid(const Rounded& x) {
  return rounded(1 / (1 + std::exp(-x.value)), x.error / 4, math_ulps::kSigmoid);
}

}  // namespace chainline
