#include "experiments/projection/points.h"

#include <cmath>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace chainline::experiments {

std::vector<double> rows_of_points(std::string_view subject, const Tensor& points,
                                   std::int64_t least) {
  check<ShapeError>(points.rank() == 2 && points.shape()[0] >= least, subject,
                    ": points: expected (n, d) with n of at least ", least, ", got ",
                    points.shape());
  check<DTypeError>(points.dtype() == DType::f32 || points.dtype() == DType::f64, subject,
                    ": points: expected f32 or f64, got ", points.dtype());
  std::vector<double> rows = points.to(DType::f64).to_vector<double>();
  const std::int64_t d = points.shape()[1];
  for (std::size_t i = 0; i < rows.size(); ++i)
    check<ValueError>(std::isfinite(rows[i]), subject, ": points: point ",
                      static_cast<std::int64_t>(i) / d, ", coordinate ",
                      static_cast<std::int64_t>(i) % d, ": expected a finite number, got ",
                      rows[i]);
  return rows;
}

std::vector<double> squared_distances(const std::vector<double>& rows, std::int64_t n,
                                      std::int64_t d) {
  std::vector<double> columns(rows.size());  // the loop over points is the inner one
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < d; ++k)
      columns[static_cast<std::size_t>(k * n + i)] = rows[static_cast<std::size_t>(i * d + k)];
  std::vector<double> result(static_cast<std::size_t>(n * n), 0.0);
  parallel_for(n, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      double* to = &result[static_cast<std::size_t>(i * n)];
      for (std::int64_t k = 0; k < d; ++k) {
        const double at = rows[static_cast<std::size_t>(i * d + k)];
        const double* column = &columns[static_cast<std::size_t>(k * n)];
        for (std::int64_t j = 0; j < n; ++j) to[j] += (at - column[j]) * (at - column[j]);
      }
    }
  });
  return result;
}

}  // namespace chainline::experiments
