#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tensor/tensor.h"

namespace chainline {

/// "(1, 2)": where element number i of a tensor of this shape stands.
inline std::string position_text(std::int64_t i, const Shape& shape) {
  std::string text;
  for (std::int64_t d = shape.rank() - 1; d >= 0; --d) {
    text = (d > 0 ? ", " : "") + std::to_string(i % shape[d]) + text;
    i /= shape[d];
  }
  return "(" + text + ")";
}

/// What is said of element number i of an index that expects values in [low, end).
[[noreturn]] inline void refuse_index(const Shape& index, std::int64_t i, std::int64_t value,
                                      std::int64_t low, std::int64_t end, std::string_view op,
                                      std::string_view argument) {
  throw ValueError(std::string(op) + ": " + std::string(argument) + ": expected values in [" +
                   std::to_string(low) + ", " + std::to_string(end) + "), got " +
                   std::to_string(value) + " at position " + position_text(i, index));
}

namespace cpu {

/// Refuses the first element of `index` (dense, i64) outside of [low, end): ValueError naming op,
/// argument, value and position. Kernels call it before they write, for only they may read values.
inline void check_indices(const Tensor& index, std::int64_t low, std::int64_t end,
                          std::string_view op, std::string_view argument) {
  const std::int64_t* p = index.data<std::int64_t>();
  for (std::int64_t i = 0; i < index.numel(); ++i) {
    if (p[i] >= low && p[i] < end) [[likely]]
      continue;
    refuse_index(index.shape(), i, p[i], low, end, op, argument);
  }
}

}  // namespace cpu
}  // namespace chainline
