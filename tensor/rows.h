#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "tensor/parallel.h"
#include "tensor/tensor.h"

namespace chainline {

/// A tensor as rows of its last dimension.
struct Rows {
  std::int64_t count, length;
};

/// The rows of an operand that is reduced over its last dimension. A row of nothing has no mean and
/// no maximum, so it is refused.
inline Rows rows_of(const Tensor& t, std::string_view op, std::string_view argument) {
  check<ShapeError>(t.rank() >= 1 && t.shape()[-1] >= 1, op, ": ", argument,
                    ": expected shape (..., C) with C >= 1, got ", t.shape());
  return {t.numel() / t.shape()[-1], t.shape()[-1]};
}

/// Runs body(r) for every row, in chunks of about as many elements as an elementwise op takes. Rows
/// are independent, so neither threads nor chunks show.
template <class F>
void parallel_rows(Rows rows, const F& body) {
  constexpr std::int64_t kElementsPerChunk = 16384;
  const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerChunk / rows.length);
  parallel_for(rows.count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) body(r);
  });
}

}  // namespace chainline
