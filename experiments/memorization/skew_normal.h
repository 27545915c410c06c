#pragma once

#include <cstdint>
#include <span>

namespace chainline::experiments {

/// log Phi(x) of the standard normal distribution, with all its digits however far below x lies.
///
/// **Bits** a function of libm: erfc down to x = -20, below it the asymptotic series.
double log_normal_cdf(double x);

/// Owen's T function, half the probability that X > |h| and 0 < Y < a X less the sign of a:
///
///     T(h, a) = 1 / 2 pi integral_0^a exp(-h^2 (1 + x^2) / 2) / (1 + x^2) dx
///
/// Gauss-Legendre up to |a| = 1, and by T(h, a) = (Q(h) + Q(a h)) / 2 - Q(h) Q(a h) - T(a h, 1 / a)
/// beyond; the error is some 1e-16, absolutely.
///
/// **Bits** a function of libm.
double owens_t(double h, double a);

/// The skew-normal distribution: of z = (x - location) / scale the density is
/// 2 phi(z) Phi(shape z) / scale.
///
/// **Bits** functions of libm.
struct SkewNormal {
  double location = 0, scale = 1, shape = 0;

  double log_density(double x) const;
  /// Phi(z) - 2 T(z, shape); absolutely right to some 1e-16, so worth nothing far below.
  double cdf(double x) const;
  /// Its logarithm by integrating the density downwards from x (upwards, past the median): right
  /// relatively even where the probability itself is no f64.
  double log_cdf(double x) const;
};

/// The largest |shape| that a fit gives: from here on the density is that of half a normal
/// distribution to within the samples that anyone draws.
inline constexpr double kLargestShape = 1000;

struct SkewNormalFit {
  SkewNormal distribution;
  double log_likelihood = 0;
  std::int64_t values = 0;
  bool converged = false;       // of the optimiser
  bool shape_at_bound = false;  // |shape| reached kLargestShape: the likelihood has no maximum
  double ks = 0;                // largest distance of the fitted from the empirical cdf
  double ks_limit = 0;          // below it are 99 % of fits to true skew-normal samples
  /// log2 of fitted / empirical cdf at the lowest 1 %, in bits: below 0 the fit calls the tail
  /// rarer than it is, and extrapolates too many. Chance moves it by some 14 / sqrt(values).
  double tail_gap = 0;

  /// Whether the fit may be extrapolated at all; bits from one that may not are only a number.
  bool good() const { return converged && ks <= ks_limit; }
};

/// The skew-normal distribution under which the values are likeliest, by Nelder-Mead over mean,
/// log standard deviation and artanh of the skewness (the likelihood is nearly quadratic in them,
/// where it is flat in the shape near 0), from those of the values.
///
/// **Errors** ValueError for fewer than 20 values, values that are not finite, or all alike.
/// **Bits** a function of the values, of libm, and of nothing else.
/// **Source** Azzalini (1985); Arellano-Valle and Azzalini (2008) on the parameters
SkewNormalFit fit_skew_normal(std::span<const double> values);

}  // namespace chainline::experiments
