#pragma once

#include <cstdint>

#include "experiments/statistics/statistics.h"

namespace chainline::experiments {

// Distribution functions and their inverses in f64. All are functions of libm's exp, log, log1p and
// erfc, so their last bits are those of the C library, and are held to 1e-12 of SciPy's values.

/// P(Z <= z) of the standard normal distribution, erfc(-z / sqrt 2) / 2: all digits in both tails.
double normal_cdf(double z);

/// The z with normal_cdf(z) = p; -infinity at 0, infinity at 1. Halley's method on normal_cdf from
/// a start that is right to 4.5e-4.
///
/// **Errors** ValueError for p outside of [0, 1].
/// **Source** Abramowitz and Stegun, 26.2.23 (the start).
double normal_quantile(double p);

/// The regularized incomplete beta function, P(X <= x) of the beta distribution:
///
///     I_x(a, b) = integral_0^x t^(a-1) (1-t)^(b-1) dt / B(a, b)
///
/// By its continued fraction on the side where that converges in some sqrt(max(a, b)) terms. The
/// factor before it takes log B from Stirling's series with the large terms cancelled by hand, so
/// that large a and b keep their digits.
///
/// **Errors** ValueError unless 0 <= x <= 1 and a and b are in (0, 1e9].
/// **Source** DLMF 8.17.22 (the fraction); Lentz's evaluation, modified by Thompson and Barnett.
double incomplete_beta(double a, double b, double x);

/// The x with incomplete_beta(a, b, x) = p, by Newton's method within a bracket.
///
/// **Errors** as incomplete_beta; ValueError for p outside of [0, 1].
double beta_quantile(double a, double b, double p);

/// P(T <= t) of Student's distribution with `df` degrees of freedom, any positive number of them:
///
///     P(T <= -|t|) = I_x(df / 2, 1 / 2) / 2,   x = df / (df + t^2)
///
/// Where t^2 overflows, t counts as infinite.
///
/// **Errors** ValueError for NaN, or df outside of (0, 1e9].
double student_t_cdf(double t, double df);

/// The t with student_t_cdf(t, df) = p; -infinity at 0, infinity at 1.
///
/// **Errors** ValueError for p outside of [0, 1] or df outside of (0, 1e9].
double student_t_quantile(double p, double df);

/// The exact interval for a probability of which `successes` in `trials` were seen: the ends are
/// the probabilities at which as many, or as few, have the probability (1 - confidence) / 2.
///
///     low = beta_quantile(k, n - k + 1, (1 - confidence) / 2),   high likewise of (k + 1, n - k)
///
/// It covers at least as often as it says, at any probability; wilson_interval() covers so on
/// average over probabilities and is shorter. It takes the trials for independent.
///
/// **Errors** ValueError unless 0 <= successes <= trials, trials > 0 and 0 < confidence < 1.
/// **Source** Clopper and Pearson (1934)
Interval clopper_pearson_interval(std::int64_t successes, std::int64_t trials,
                                  double confidence = 0.95);

}  // namespace chainline::experiments
