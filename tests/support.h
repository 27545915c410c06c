#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace chainline::test {

/// Values that look normal, a function of the seed and the shape only: twelve uniform numbers
/// summed, minus 6, have mean 0 and variance 1, and need no elementary function.
inline Tensor randn(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64) {
  RandomSequence words = Generator(seed, "test").sequence(0, 0);
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) {
    value = -6;
    for (int i = 0; i < 12; ++i) value += words.uniform();
  }
  return Tensor::from<double>(values, shape).to(dtype);
}

/// Random integers of [low, high).
inline Tensor randint(const Shape& shape, std::int64_t low, std::int64_t high, std::uint64_t seed) {
  RandomSequence words = Generator(seed, "test").sequence(0, 0);
  std::vector<std::int64_t> values(static_cast<std::size_t>(shape.numel()));
  for (std::int64_t& value : values) {
    value = low + static_cast<std::int64_t>(words.below(static_cast<std::uint64_t>(high - low)));
  }
  return Tensor::from<std::int64_t>(values, shape);
}

/// The largest |a - b|; NaN when any difference is one, so that no comparison passes by accident.
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

/// The text of the E that f throws; says so when it throws nothing. Other exceptions pass through.
template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "(nothing was thrown)";
}

}  // namespace chainline::test
