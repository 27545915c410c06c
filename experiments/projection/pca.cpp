#include "experiments/projection/pca.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/projection/eigen.h"
#include "experiments/projection/points.h"
#include "tensor/error.h"
#include "tensor/ops/matmul.h"

namespace chainline::experiments {
namespace {

std::vector<double> centred(std::vector<double> rows, const std::vector<double>& mean) {
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] -= mean[i % mean.size()];
  return rows;
}

}  // namespace

Tensor Pca::transform(const Tensor& points) const {
  const std::int64_t d = components.shape()[1];
  check<ShapeError>(points.rank() == 2 && points.shape()[1] == d, "pca: points: expected (m, ", d,
                    "), got ", points.shape());
  const std::vector<double> rows = rows_of_points("pca", points, 0);
  return ops::matmul(Tensor::from(centred(rows, mean.to_vector<double>()), points.shape()),
                     components.transpose(0, 1));
}

Pca principal_components(const Tensor& points, std::int64_t count) {
  check<ValueError>(count >= 1, "pca: count: expected at least 1, got ", count);
  std::vector<double> rows = rows_of_points("pca", points, 2);
  const std::int64_t n = points.shape()[0], d = points.shape()[1];
  std::vector<double> mean(static_cast<std::size_t>(d), 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) mean[i % mean.size()] += rows[i];
  for (double& m : mean) m /= static_cast<double>(n);
  const Tensor x = Tensor::from(centred(std::move(rows), mean), {n, d});
  const Tensor xt = x.transpose(0, 1);
  const bool wide = d > n;
  const std::int64_t m = wide ? n : d;
  const std::vector<double> products =
      (wide ? ops::matmul(x, xt) : ops::matmul(xt, x)).to_vector<double>();
  double total = 0;
  for (std::int64_t i = 0; i < m; ++i) total += products[static_cast<std::size_t>(i * m + i)];
  const SymmetricEigen eigen = symmetric_eigen(products, m);

  const double least = eigen.values.empty()
                           ? 0.0
                           : static_cast<double>(std::max(n, d)) *
                                 std::numeric_limits<double>::epsilon() * eigen.values[0];
  Pca pca;
  for (std::int64_t k = 0; k < std::min(count, m); ++k) {
    const double value = eigen.values[static_cast<std::size_t>(k)];
    if (!(value > least)) break;
    pca.variance.push_back(value / static_cast<double>(n - 1));
    pca.ratio.push_back(value / total);
  }
  const auto kept = static_cast<std::int64_t>(pca.variance.size());
  check<ValueError>(kept > 0, "pca: points: expected points that differ, got ", n,
                    " that are all the same");
  std::vector<double> vectors(eigen.vectors.begin(),
                              eigen.vectors.begin() + static_cast<std::ptrdiff_t>(kept * m));
  if (wide) vectors = ops::matmul(Tensor::from(vectors, {kept, n}), x).to_vector<double>();
  for (std::int64_t k = 0; k < kept; ++k) {
    double* v = &vectors[static_cast<std::size_t>(k * d)];
    const double* peak =
        std::max_element(v, v + d, [](double a, double b) { return std::abs(a) < std::abs(b); });
    double square = 0;
    for (std::int64_t j = 0; j < d; ++j) square += v[j] * v[j];
    const double norm = *peak < 0 ? -std::sqrt(square) : std::sqrt(square);
    for (std::int64_t j = 0; j < d; ++j) v[j] /= norm;
  }
  pca.mean = Tensor::from(mean, {d});
  pca.components = Tensor::from(vectors, {kept, d});
  return pca;
}

}  // namespace chainline::experiments
