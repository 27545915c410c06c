#include "experiments/statistics/distributions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = 1e9;  // of a, b and df: some 1e5 terms of the fraction

void check_probability(const char* of, double p) {
  check<ValueError>(p >= 0 && p <= 1, of, ": p: expected 0 .. 1, got ", p);
}

void check_parameter(const char* of, const char* name, double value) {
  check<ValueError>(value > 0 && value <= kLargest, of, ": ", name, ": expected (0, 1e9], got ",
                    value);
}

/// log Gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2). From 10 on Stirling's series: the first
/// term that is left out is below 3e-17. Below, Gamma(x) = Gamma(x + n) / (x (x + 1) ...). Unlike
/// lgamma it may be called from several threads, and it doesn't lose the digits that a ratio of
/// large gammas needs.
double stirling_remainder(double x) {
  const auto series = [](double y) {
    const double s = 1 / (y * y);
    return (1.0 / 12 -
            s * (1.0 / 360 -
                 s * (1.0 / 1260 -
                      s * (1.0 / 1680 - s * (1.0 / 1188 - s * (691.0 / 360360 - s / 156)))))) /
           y;
  };
  if (x >= 10) return series(x);
  double product = 1, y = x;
  for (; y < 10; y += 1) product *= y;
  return series(y) + (y - 0.5) * std::log(y) - (x - 0.5) * std::log(x) - (y - x) -
         std::log(product);
}

/// x^a y^b / B(a, b) for y = 1 - x. With s = a + b the powers are taken of x s / a and y s / b,
/// which are near 1 where the density is large.
double beta_power(double a, double b, double x, double y) {
  const double s = a + b;
  // x s / a - 1 = (b x - a y) / a, and y s / b - 1 = (a y - b x) / b.
  const double shift = b * x - a * y;
  const auto log_ratio = [](double ratio, double less_one) {
    return std::abs(less_one) < 0.5 ? std::log1p(less_one) : std::log(ratio);
  };
  const double powers = a * log_ratio(x * s / a, shift / a) + b * log_ratio(y * s / b, -shift / b);
  const double rest = stirling_remainder(s) - stirling_remainder(a) - stirling_remainder(b);
  return std::sqrt(a / s * b / (2 * std::numbers::pi)) * std::exp(powers + rest);
}

/// I_x(a, b) by the continued fraction, for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x, double y) {
  // Where a denominator of Lentz's method is 0, a number that vanishes beside any other stands in.
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), fraction = d;
  for (int m = 1; m < 1'000'000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1) <= std::numeric_limits<double>::epsilon())
      return beta_power(a, b, x, y) / a * fraction;
  }
  throw ValueError("incomplete_beta: the continued fraction did not converge");
}

/// I_x(a, b) for y = 1 - x, where one of them may be too small for the other to show it.
double incomplete_beta(double a, double b, double x, double y) {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x < (a + 1) / (a + b + 2)) return beta_fraction(a, b, x, y);
  return 1 - beta_fraction(b, a, y, x);
}

/// The root of an increasing function between low and high: Newton's step where it stays inside of
/// what the signs so far leave, half way otherwise.
template <class Value, class Slope>
double increasing_root(const Value& value, const Slope& slope, double low, double high, double x) {
  // Halving alone, down to neighbouring numbers, takes up to 1,100 steps near 0.
  for (int step = 0; step < 2000; ++step) {
    const double v = value(x);
    if (v == 0) return x;
    (v < 0 ? low : high) = x;
    double next = x - v / slope(x);
    if (!(next > low && next < high)) next = low + (high - low) / 2;
    if (std::abs(next - x) <= 2 * std::numeric_limits<double>::epsilon() * std::abs(next))
      return next;
    x = next;
  }
  return x;
}

/// P(T <= -t) for t >= 0.
double student_t_tail(double t, double df) {
  const double squares = df + t * t;
  return 0.5 * incomplete_beta(df / 2, 0.5, df / squares, t * t / squares);
}

}  // namespace

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double normal_quantile(double p) {
  check_probability("normal_quantile", p);
  if (p == 0) return -kInfinity;
  if (p == 1) return kInfinity;
  const double tail = std::min(p, 1 - p);
  if (tail == 0.5) return 0;
  const double t = std::sqrt(-2 * std::log(tail));
  double z = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
  // The error is cubed each time: 4.5e-4, 1e-10, nothing.
  for (int step = 0; step < 3; ++step) {
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
    const double newton = (normal_cdf(z) - tail) / density;
    z -= newton / (1 + z * newton / 2);
  }
  return p < 0.5 ? z : -z;
}

double incomplete_beta(double a, double b, double x) {
  check_parameter("incomplete_beta", "a", a);
  check_parameter("incomplete_beta", "b", b);
  check<ValueError>(x >= 0 && x <= 1, "incomplete_beta: x: expected 0 .. 1, got ", x);
  return incomplete_beta(a, b, x, 1 - x);
}

double beta_quantile(double a, double b, double p) {
  check_parameter("beta_quantile", "a", a);
  check_parameter("beta_quantile", "b", b);
  check_probability("beta_quantile", p);
  if (p == 0 || p == 1) return p;
  return increasing_root([&](double x) { return incomplete_beta(a, b, x, 1 - x) - p; },
                         [&](double x) { return beta_power(a, b, x, 1 - x) / (x * (1 - x)); }, 0, 1,
                         a / (a + b));
}

double student_t_cdf(double t, double df) {
  check_parameter("student_t_cdf", "df", df);
  check<ValueError>(!std::isnan(t), "student_t_cdf: t: expected a number, got NaN");
  const double tail = std::isinf(t) ? 0 : student_t_tail(std::abs(t), df);
  return t < 0 ? tail : 1 - tail;
}

double student_t_quantile(double p, double df) {
  check_parameter("student_t_quantile", "df", df);
  check_probability("student_t_quantile", p);
  if (p == 0) return -kInfinity;
  if (p == 1) return kInfinity;
  const double tail = std::min(p, 1 - p);
  if (tail == 0.5) return 0;
  // t's tails are wider than the normal ones, so the root lies below z. All in -t, which decreases.
  const double z = -normal_quantile(tail);
  double far = 2 * z;
  while (student_t_tail(far, df) > tail) {
    far *= 2;
    check<ValueError>(std::isfinite(far), "student_t_quantile: p: expected a quantile below 1e308");
  }
  const auto density = [&](double t) {
    // d/dt of the tail, by x y in terms of t: dx/dt = -2 x y / t.
    const double x = df / (df + t * t), y = t * t / (df + t * t);
    return beta_power(df / 2, 0.5, x, y) / t;
  };
  const double t = increasing_root([&](double at) { return tail - student_t_tail(at, df); },
                                   density, 0, far, std::max(z, far / 2));
  return p < 0.5 ? -t : t;
}

Interval clopper_pearson_interval(std::int64_t successes, std::int64_t trials, double confidence) {
  check<ValueError>(
      trials > 0 && successes >= 0 && successes <= trials,
      "clopper_pearson_interval: successes: expected 0 .. trials of at least one trial, got ",
      successes, " of ", trials);
  check<ValueError>(confidence > 0 && confidence < 1,
                    "clopper_pearson_interval: confidence: expected a share of (0, 1), got ",
                    confidence);
  const auto k = static_cast<double>(successes), n = static_cast<double>(trials);
  const double tail = (1 - confidence) / 2;
  return {successes == 0 ? 0 : beta_quantile(k, n - k + 1, tail),
          successes == trials ? 1 : beta_quantile(k + 1, n - k, 1 - tail)};
}

}  // namespace chainline::experiments
