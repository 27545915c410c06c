#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/statistics/statistics.h"
#include "tensor/random.h"

namespace chainline::experiments {

struct Coefficient {
  double estimate = 0, standard_error = 0;
  double t = 0, p = 1;  // of "the coefficient is 0", two-sided
  Interval interval;    // by Student's t
};

struct LinearFit {
  std::vector<Coefficient> coefficients;  // the intercept, then one per predictor
  double residual_deviation = 0;          // sqrt(squares of the residuals / df)
  double r_squared = 0;                   // NaN for a response that does not vary
  std::int64_t df = 0;                    // observations - coefficients
};

/// Ordinary least squares with an intercept, predictors[p][observation]: log memorization on log
/// learning rate and log batch size, say, whose coefficients are exponents.
///
///     minimum of |y - X b|^2,   standard errors sqrt(s^2 diag((X^T X)^-1)),   s^2 = |y - X b|^2 / df
///
/// The errors take observations for independent and of one variance; cluster_bootstrap() does not.
/// By Householder's QR, which keeps the digits that X^T X would square away. Where the fit is exact
/// an error is 0 and its t infinite (NaN for a coefficient 0).
///
/// **Errors** ShapeError for predictors of other lengths than the response; ValueError for fewer
/// observations than coefficients + 1, values that are not finite, predictors that depend linearly on
/// each other or on the constant (to 1e-10 of their length), or a confidence outside of (0, 1).
LinearFit least_squares(const std::vector<std::vector<double>>& predictors,
                        std::span<const double> response, double confidence = 0.95);

/// Percentile intervals of the same coefficients, from drawing clusters (runs) with replacement,
/// each with all its observations. Replicates in which predictors depend on each other do not count.
///
/// **Errors** as least_squares, and those of bootstrap_interval; ShapeError for another number of
/// clusters than observations; ValueError for fewer than 2 different clusters.
std::vector<Interval> cluster_bootstrap(const std::vector<std::vector<double>>& predictors,
                                        std::span<const double> response,
                                        const std::vector<int>& clusters, std::int64_t replicates,
                                        const Generator& generator, double confidence = 0.95);

}  // namespace chainline::experiments
