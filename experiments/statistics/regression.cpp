#include "experiments/statistics/regression.h"

#include <cmath>
#include <limits>
#include <map>

#include "experiments/statistics/distributions.h"
#include "experiments/statistics/hierarchical.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

using Columns = std::vector<std::vector<double>>;

double product(const std::vector<double>& a, const std::vector<double>& b, std::size_t from) {
  double sum = 0;
  for (std::size_t i = from; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void check_observations(const char* op, const Columns& predictors, std::span<const double> response,
                        double confidence) {
  for (const std::vector<double>& predictor : predictors) {
    check<ShapeError>(predictor.size() == response.size(), op, ": predictors: expected ",
                      response.size(), " observations, got ", predictor.size());
    for (const double value : predictor)
      check<ValueError>(std::isfinite(value), op, ": predictors: expected finite values, got ",
                        value);
  }
  for (const double value : response)
    check<ValueError>(std::isfinite(value), op, ": response: expected finite values, got ", value);
  check<ValueError>(response.size() > predictors.size() + 1, op, ": response: expected more than ",
                    predictors.size() + 1, " observations, got ", response.size());
  check<ValueError>(confidence > 0 && confidence < 1, op,
                    ": confidence: expected a share of (0, 1), got ", confidence);
}

/// A constant, then the predictors.
Columns design(const Columns& predictors, std::size_t observations) {
  Columns columns = {std::vector<double>(observations, 1.0)};
  columns.insert(columns.end(), predictors.begin(), predictors.end());
  return columns;
}

/// X = Q R by Householder reflections, and Q^T y.
struct Factors {
  Columns r;              // r[j][i], i <= j
  std::vector<double> y;  // Q^T y: what R b = y needs, then the residual in its own coordinates
  bool independent = true;
};

Factors factorize(Columns x, std::vector<double> y) {
  Factors factors;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double length = std::sqrt(product(x[k], x[k], 0));
    const double rest = std::sqrt(product(x[k], x[k], k));
    factors.independent = factors.independent && rest > 1e-10 * length;
    if (!factors.independent) return factors;
    std::vector<double> v = x[k];
    const double diagonal = x[k][k] > 0 ? -rest : rest;  // the sign that doesn't cancel
    v[k] -= diagonal;
    const double squares = product(v, v, k);
    const auto reflect = [&](std::vector<double>& column) {
      const double factor = 2 * product(v, column, k) / squares;
      for (std::size_t i = k; i < column.size(); ++i) column[i] -= factor * v[i];
    };
    x[k][k] = diagonal;
    for (std::size_t j = k + 1; j < x.size(); ++j) reflect(x[j]);
    reflect(y);
  }
  factors.r = std::move(x);
  factors.y = std::move(y);
  return factors;
}

/// The b of R b = y.
std::vector<double> solve(const Factors& factors, const std::vector<double>& y) {
  const std::size_t n = factors.r.size();
  std::vector<double> b(n);
  for (std::size_t i = n; i-- > 0;) {
    b[i] = y[i];
    for (std::size_t j = i + 1; j < n; ++j) b[i] -= factors.r[j][i] * b[j];
    b[i] /= factors.r[i][i];
  }
  return b;
}

}  // namespace

LinearFit least_squares(const Columns& predictors, std::span<const double> response,
                        double confidence) {
  check_observations("least_squares", predictors, response, confidence);
  const std::size_t n = predictors.size() + 1;
  const Factors factors = factorize(design(predictors, response.size()),
                                    std::vector<double>(response.begin(), response.end()));
  check<ValueError>(factors.independent,
                    "least_squares: predictors: expected independent columns that vary, got some "
                    "that depend on each other");
  LinearFit fit;
  fit.df = static_cast<std::int64_t>(response.size() - n);
  const double residual = product(factors.y, factors.y, n);
  fit.residual_deviation = std::sqrt(residual / static_cast<double>(fit.df));
  const double centre = mean(response);
  double total = 0;
  for (const double value : response) total += (value - centre) * (value - centre);
  fit.r_squared = total > 0 ? 1 - residual / total : std::numeric_limits<double>::quiet_NaN();

  // (X^T X)^-1 = R^-1 R^-T: its diagonal has the squared lengths of the rows of R^-1.
  std::vector<double> squares(n, 0.0);
  for (std::size_t j = 0; j < n; ++j) {
    std::vector<double> unit(n, 0.0);
    unit[j] = 1;
    const std::vector<double> column = solve(factors, unit);
    for (std::size_t i = 0; i < n; ++i) squares[i] += column[i] * column[i];
  }
  const auto df = static_cast<double>(fit.df);
  const double reach = student_t_quantile((1 + confidence) / 2, df);
  const std::vector<double> estimates = solve(factors, factors.y);
  for (std::size_t i = 0; i < n; ++i) {
    Coefficient c;
    c.estimate = estimates[i];
    c.standard_error = fit.residual_deviation * std::sqrt(squares[i]);
    c.t = c.estimate / c.standard_error;
    c.p = std::isnan(c.t) ? c.t : 2 * student_t_cdf(-std::abs(c.t), df);
    c.interval = {c.estimate - reach * c.standard_error, c.estimate + reach * c.standard_error};
    fit.coefficients.push_back(c);
  }
  return fit;
}

std::vector<Interval> cluster_bootstrap(const Columns& predictors, std::span<const double> response,
                                        const std::vector<int>& clusters, std::int64_t replicates,
                                        const Generator& generator, double confidence) {
  const char* op = "cluster_bootstrap";
  check_observations(op, predictors, response, confidence);
  check<ShapeError>(clusters.size() == response.size(), op, ": clusters: expected ",
                    response.size(), " observations, got ", clusters.size());
  check<ValueError>(replicates >= 2 && replicates < std::int64_t{1} << 32, op,
                    ": replicates: expected 2 .. 2^32 - 1, got ", replicates);
  std::map<int, std::vector<std::size_t>> by_name;
  for (std::size_t i = 0; i < clusters.size(); ++i) by_name[clusters[i]].push_back(i);
  check<ValueError>(by_name.size() >= 2, op, ": clusters: expected at least 2, got ",
                    by_name.size());
  std::vector<std::vector<std::size_t>> members;
  for (const auto& cluster : by_name) members.push_back(cluster.second);

  const Columns whole = design(predictors, response.size());
  Columns drawn_coefficients(whole.size());
  for (std::int64_t r = 0; r < replicates; ++r) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(r));
    Columns x(whole.size());
    std::vector<double> y;
    for (std::size_t k = 0; k < members.size(); ++k) {
      for (const std::size_t i : members[random.below(members.size())]) {
        for (std::size_t j = 0; j < whole.size(); ++j) x[j].push_back(whole[j][i]);
        y.push_back(response[i]);
      }
    }
    if (y.size() < whole.size()) continue;  // fewer observations than coefficients
    const Factors factors = factorize(std::move(x), std::move(y));
    if (!factors.independent) continue;
    const std::vector<double> b = solve(factors, factors.y);
    for (std::size_t j = 0; j < b.size(); ++j) drawn_coefficients[j].push_back(b[j]);
  }
  std::vector<Interval> intervals;
  for (const std::vector<double>& values : drawn_coefficients)
    intervals.push_back(percentile_interval(values, confidence));
  return intervals;
}

}  // namespace chainline::experiments
