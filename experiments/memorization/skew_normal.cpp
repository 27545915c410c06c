#include "experiments/memorization/skew_normal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "experiments/memorization/nelder_mead.h"
#include "experiments/statistics/statistics.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr double kLogSqrtTwoPi = 0.91893853320467274178;

/// Nodes and weights of Gauss-Legendre on [-1, 1], by Newton's method on the Legendre polynomial.
struct Quadrature {
  static constexpr int kPoints = 24;
  std::array<double, kPoints> node{}, weight{};

  Quadrature() {
    for (int i = 0; i < kPoints; ++i) {
      double x = std::cos(std::numbers::pi * (i + 0.75) / (kPoints + 0.5));
      double slope = 1;
      for (int newton = 0; newton < 8; ++newton) {  // it converges in 4
        double p = x, before = 1;
        for (int k = 2; k <= kPoints; ++k) {
          const double next = ((2 * k - 1) * x * p - (k - 1) * before) / k;
          before = p;
          p = next;
        }
        slope = kPoints * (x * p - before) / (x * x - 1);
        x -= p / slope;
      }
      node[static_cast<std::size_t>(i)] = x;
      weight[static_cast<std::size_t>(i)] = 2 / ((1 - x * x) * slope * slope);
    }
  }

  template <class F>
  double integral(const F& f, double from, double to) const {
    const double centre = (from + to) / 2, half = (to - from) / 2;
    double sum = 0;
    for (std::size_t i = 0; i < kPoints; ++i) sum += weight[i] * f(centre + half * node[i]);
    return half * sum;
  }
};

const Quadrature& quadrature() {
  static const Quadrature rule;
  return rule;
}

/// Halves the interval until halves and whole agree to 1e-14 of `scale`.
template <class F>
double adaptive(const F& f, double from, double to, double whole, double scale, int depth) {
  const double middle = (from + to) / 2;
  const double left = quadrature().integral(f, from, middle);
  const double right = quadrature().integral(f, middle, to);
  if (depth == 0 || std::abs(left + right - whole) <= 1e-14 * std::max(scale, left + right))
    return left + right;
  return adaptive(f, from, middle, left, scale, depth - 1) +
         adaptive(f, middle, to, right, scale, depth - 1);
}

double upper_normal(double x) { return std::erfc(x / std::numbers::sqrt2) / 2; }

double standard_log_density(double z, double shape) {
  return std::numbers::ln2 - z * z / 2 - kLogSqrtTwoPi + log_normal_cdf(shape * z);
}

/// The log of the integral of the standard density over (-infinity, z]. The density is log-concave:
/// once 45 below its value at z the rest of the tail is below 1e-19 of the whole.
double log_lower_tail(double z, double shape) {
  const double reference = standard_log_density(z, shape);
  double reach = 1 / (1 + std::abs(z) * (1 + (shape * z < 0 ? shape * shape : 0)));
  while (standard_log_density(z - reach, shape) > reference - 45) reach *= 2;
  const auto f = [&](double s) { return std::exp(standard_log_density(z - s, shape) - reference); };
  const double whole = quadrature().integral(f, 0, reach);
  return reference + std::log(adaptive(f, 0.0, reach, whole, whole, 40));
}

double skewness(std::span<const double> standardized) {
  double cubes = 0;
  for (const double z : standardized) cubes += z * z * z;
  return cubes / static_cast<double>(standardized.size());
}

/// Where the shape goes to infinity: that of half a normal distribution.
const double kLargestSkewness =
    (4 - std::numbers::pi) / 2 * std::pow(2 / (std::numbers::pi - 2), 1.5);

/// The skew-normal distribution of that mean, standard deviation and skewness.
SkewNormal from_moments(double mean, double deviation, double skew) {
  const double r = std::pow(std::abs(skew) * 2 / (4 - std::numbers::pi), 2.0 / 3);
  // mean of z = sqrt(r / (1 + r)) = delta sqrt(2 / pi), by inverting the skewness.
  const double mean_z = std::copysign(std::sqrt(r / (1 + r)), skew);
  const double delta = mean_z * std::sqrt(std::numbers::pi / 2);
  const double rest = 1 - delta * delta;  // up to rounding 0 at the largest skewness
  const double shape = rest > 0 ? delta / std::sqrt(rest) : std::copysign(kLargestShape, skew);
  const double scale = deviation * std::sqrt(1 + r);  // sd of z is sqrt(1 - mean_z^2)
  return {mean - scale * mean_z, scale, std::clamp(shape, -kLargestShape, kLargestShape)};
}

double largest_distance(const SkewNormal& fitted, const std::vector<double>& sorted) {
  const auto n = static_cast<double>(sorted.size());
  double most = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double p = fitted.cdf(sorted[i]);
    most = std::max({most, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return most;
}

}  // namespace

double log_normal_cdf(double x) {
  if (x > 0) return std::log1p(-upper_normal(x));
  if (x > -20) return std::log(upper_normal(-x));
  // Phi(x) = phi(x) / |x| (1 - 1 / x^2 + 3 / x^4 - ...); the first term left out is below 1e-16.
  const double inverse = 1 / (x * x);
  double term = 1, sum = 1;
  for (int k = 1; k <= 10; ++k) {
    term *= -(2 * k - 1) * inverse;
    sum += term;
  }
  return -x * x / 2 - kLogSqrtTwoPi - std::log(-x) + std::log(sum);
}

double owens_t(double h, double a) {
  if (a < 0) return -owens_t(h, -a);
  h = std::abs(h);
  if (a > 1) {
    const double q = upper_normal(h);
    if (std::isinf(a)) return q / 2;
    const double q_a = upper_normal(a * h);
    return (q + q_a) / 2 - q * q_a - owens_t(a * h, 1 / a);
  }
  const auto f = [&](double x) { return std::exp(-h * h * (1 + x * x) / 2) / (1 + x * x); };
  // Beyond x = 9 / h the integrand is below 1e-17 of that at 0.
  const double end = h * a > 9 ? 9 / h : a;
  double sum = 0;
  for (int panel = 0; panel < 3; ++panel)
    sum += quadrature().integral(f, end * panel / 3, end * (panel + 1) / 3);
  return sum / (2 * std::numbers::pi);
}

double SkewNormal::log_density(double x) const {
  return standard_log_density((x - location) / scale, shape) - std::log(scale);
}

double SkewNormal::cdf(double x) const {
  const double z = (x - location) / scale;
  return std::clamp(upper_normal(-z) - 2 * owens_t(z, shape), 0.0, 1.0);
}

double SkewNormal::log_cdf(double x) const {
  const double z = (x - location) / scale;
  if (cdf(x) <= 0.5) return log_lower_tail(z, shape);
  return std::log1p(-std::exp(log_lower_tail(-z, -shape)));
}

SkewNormalFit fit_skew_normal(std::span<const double> values) {
  constexpr std::size_t kFewest = 20;
  check<ValueError>(values.size() >= kFewest, "fit_skew_normal: values: expected at least ",
                    kFewest, ", got ", values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    check<ValueError>(std::isfinite(values[i]), "fit_skew_normal: value ", i,
                      ": expected a finite number, got ", values[i]);
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  check<ValueError>(sorted.front() < sorted.back(),
                    "fit_skew_normal: values: expected some that differ, got ", sorted.size(),
                    " times ", sorted.front());
  const auto n = static_cast<double>(sorted.size());
  const double centre = mean(sorted), spread = standard_deviation(sorted);
  std::vector<double> z;
  for (const double value : sorted) z.push_back((value - centre) / spread);

  const auto at = [](std::span<const double> p) {
    return from_moments(p[0], std::exp(p[1]), kLargestSkewness * std::tanh(p[2]));
  };
  const auto cost = [&](std::span<const double> p) {
    const SkewNormal d = at(p);
    const double constant = std::numbers::ln2 - kLogSqrtTwoPi - std::log(d.scale);
    double sum = 0;
    for (const double value : z) {
      const double t = (value - d.location) / d.scale;
      sum += log_normal_cdf(d.shape * t) - t * t / 2;
    }
    return -sum / n - constant;
  };
  const double share = std::clamp(skewness(z) / kLargestSkewness, -0.95, 0.95);
  const Minimum minimum = nelder_mead(cost, {0.0, 0.0, std::atanh(share)});

  SkewNormalFit fit;
  const SkewNormal standard = at(minimum.at);
  fit.distribution = {centre + spread * standard.location, spread * standard.scale, standard.shape};
  fit.log_likelihood = -n * (minimum.value + std::log(spread));
  fit.values = static_cast<std::int64_t>(sorted.size());
  fit.converged = minimum.converged;
  fit.shape_at_bound = std::abs(standard.shape) >= kLargestShape;
  fit.ks = largest_distance(fit.distribution, sorted);
  // 99 % quantiles of sqrt(n) ks from fits to 200 to 800 true samples each of 100, 500 and 2,000
  // values: 0.98, 0.93, 0.92 up to shape 2, 1.13, 1.09, 1.09 at 5, 1.23, 1.27, 1.26 at 20. They are
  // below Kolmogorov's 1.63, since three parameters were fitted.
  const double shape = std::abs(fit.distribution.shape);
  fit.ks_limit = (shape <= 2 ? 0.98 : shape <= 5 ? 1.1 : 1.27) / std::sqrt(n);
  const auto low = static_cast<std::size_t>(std::ceil(n / 100));
  fit.tail_gap = fit.distribution.log_cdf(sorted[low - 1]) / std::numbers::ln2 -
                 std::log2(static_cast<double>(low) / (n + 1));
  return fit;
}

}  // namespace chainline::experiments
