#include "experiments/memorization/similarity.h"

#include <cmath>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// The lower triangle, row by row, of the Gram matrix of the items with centred features.
std::vector<double> centred_gram(const char* side, const Features& x) {
  check<ShapeError>(static_cast<std::int64_t>(x.values.size()) == x.rows * x.columns,
                    "linear_cka: ", side, ": expected ", x.rows, " x ", x.columns, " values, got ",
                    x.values.size());
  const auto n = static_cast<std::size_t>(x.rows), d = static_cast<std::size_t>(x.columns);
  std::vector<double> mean(d, 0.0), centred(n * d);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < d; ++j) {
      check<ValueError>(std::isfinite(x.values[i * d + j]), "linear_cka: ", side, ": item ", i,
                        ", feature ", j, ": expected a finite number, got ", x.values[i * d + j]);
      mean[j] += x.values[i * d + j];
    }
  for (double& m : mean) m /= static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < d; ++j) centred[i * d + j] = x.values[i * d + j] - mean[j];
  std::vector<double> gram;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k <= i; ++k) {
      double sum = 0;
      for (std::size_t j = 0; j < d; ++j) sum += centred[i * d + j] * centred[k * d + j];
      gram.push_back(sum);
    }
  return gram;
}

/// The sum of the products over both triangles and the diagonal.
double inner(const std::vector<double>& k, const std::vector<double>& l, std::int64_t n) {
  double sum = 0;
  std::size_t at = 0;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j, ++at) sum += (i == j ? 1 : 2) * k[at] * l[at];
  return sum;
}

}  // namespace

double linear_cka(const Features& x, const Features& y) {
  check<ShapeError>(x.rows == y.rows, "linear_cka: y: expected ", x.rows, " items as x has, got ",
                    y.rows);
  check<ValueError>(x.rows >= 2, "linear_cka: x: expected at least 2 items, got ", x.rows);
  const std::vector<double> k = centred_gram("x", x), l = centred_gram("y", y);
  return inner(k, l, x.rows) / std::sqrt(inner(k, k, x.rows) * inner(l, l, x.rows));
}

}  // namespace chainline::experiments
