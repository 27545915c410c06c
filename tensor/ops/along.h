#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/parallel.h"
#include "tensor/tensor.h"

namespace chainline {

/// A dense tensor seen along one dimension: element n of the column (o, i) lies at
/// (o * length + n) * inner + i.
struct Along {
  std::int64_t outer = 1, length = 1, inner = 1;

  Along(const Shape& shape, std::int64_t d) : length(shape[d]) {
    for (std::int64_t k = 0; k < d; ++k) outer *= shape[k];
    for (std::int64_t k = d + 1; k < shape.rank(); ++k) inner *= shape[k];
  }
};

/// Runs body(first, column, n) over all columns, in groups of n neighbours: `first` is the offset
/// of the first one's element 0, its next elements are `inner` apart, and `column` counts columns.
/// A body walks down the dimension and, at each step, along its neighbours, which is along memory.
template <class F>
void parallel_columns(const Along& along, const F& body) {
  constexpr std::int64_t kElementsPerChunk = 16384;
  const std::int64_t grain =
      std::max<std::int64_t>(1, kElementsPerChunk / std::max<std::int64_t>(along.length, 1));
  parallel_for(along.outer * along.inner, grain, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t o = begin / along.inner, i = begin % along.inner;
      const std::int64_t n = std::min(along.inner - i, end - begin);
      body(o * along.length * along.inner + i, begin, n);
      begin += n;
    }
  });
}

}  // namespace chainline
