#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "tensor/parallel.h"
#include "tensor/sample_sum.h"
#include "tensor/tensor.h"

namespace chainline {

/// Adds the gradient of a parameter that every row uses, sample by sample (docs/numerics.md, rules
/// 4 and 6): the columns of term(r, c) are summed, where r counts the R rows of all B samples of a
/// tensor of shape x, (B, ..., C).
///
///   total[c] = ((total[c] + g_1[c]) + g_2[c]) + ...,   g_b[c] = sum_r term(b * R / B + r, c)
///
/// where g_b is a chain over the sample's ascending rows from +0. A total of shape (samples, C), as
/// SampleSum::start makes it for per-sample gradients, gets one g_b in each slice.
///
/// Bits     columns are independent, so neither threads nor their chunks show
template <class T, class F>
void add_column_sums(Tensor& total, const Shape& x, const F& term) {
  constexpr std::int64_t kColumns =
      256;  // wide enough for the prefetcher, small enough for a cache
  const std::int64_t C = x[-1], samples = sample_count(x);
  if (samples == 0) return;
  const std::int64_t rows = x.numel() / C / samples;
  const std::int64_t slice = total.rank() == 2 ? C : 0;
  T* const out = total.mutable_data<T>();
  parallel_for(C, kColumns, [&](std::int64_t begin, std::int64_t end) {
    std::array<T, kColumns> sums;
    T* const sum = sums.data();
    for (std::int64_t b = 0; b < samples; ++b) {
      std::fill_n(sum, end - begin, T(0));
      for (std::int64_t r = b * rows; r < (b + 1) * rows; ++r) {
        for (std::int64_t c = begin; c < end; ++c) sum[c - begin] += term(r, c);
      }
      for (std::int64_t c = begin; c < end; ++c) out[b * slice + c] += sum[c - begin];
    }
  });
}

}  // namespace chainline
