#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/tensor.h"

namespace chainline::test {

/// The largest |a - b|; NaN when any difference is one, so that no comparison passes by accident.
/// Tests and benchmarks judge by it, so it needs no GoogleTest.
inline double max_abs_diff(const Tensor& a, const Tensor& b) {
  check<ShapeError>(a.shape() == b.shape(), "max_abs_diff: shapes ", a.shape(), " and ", b.shape());
  const std::vector<double> x = a.to(DType::f64).to_vector<double>();
  const std::vector<double> y = b.to(DType::f64).to_vector<double>();
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double difference = std::abs(x[i] - y[i]);
    if (std::isnan(difference)) return difference;
    largest = std::max(largest, difference);
  }
  return largest;
}

}  // namespace chainline::test
