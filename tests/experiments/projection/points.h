#pragma once

#include <cstdint>
#include <vector>

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

/// Points of f32 whose coordinates are 2u - 1, times a factor of the column, plus a centre of the
/// point's cluster along all columns: point i is in cluster i % clusters. Column j has the factor
/// 1 / (1 + j / 2), so that no two directions vary alike.
inline Tensor scattered(std::int64_t n, std::int64_t d, std::int64_t clusters, double apart,
                        std::uint32_t number) {
  RandomSequence random = Generator(17, "projection test").sequence(0, number);
  std::vector<float> values;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < d; ++j)
      values.push_back(
          static_cast<float>((2 * random.uniform() - 1) / (1 + 0.5 * static_cast<double>(j)) +
                             (j % clusters == i % clusters ? apart : 0.0)));
  return Tensor::from(values, {n, d});
}

}  // namespace chainline::experiments
