#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "tensor/free_order.h"
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
  const std::int64_t C = x[-1];
  const std::int64_t samples = kFreeOrder && total.rank() == 1 ? 1 : sample_count(x);
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

/// The same for N parameters by an op that has a row's numbers at hand anyway: calls row(r, sums) for
/// every row of x, which computes the row and adds its terms to sums[i][c], the column sums of
/// parameter i. So what the terms are made of is read once. A sample's rows are one thread's, in
/// ascending order; the samples' sums are added by columns, as above.
///
/// Bits     those of add_column_sums
template <class T, std::size_t N, class F>
void for_rows_with_column_sums(const std::array<Tensor*, N>& totals, const Shape& x, const F& row) {
  constexpr std::int64_t kColumns = 256, kElementsPerChunk = 16384;
  constexpr std::int64_t kCached = 65536;  // elements of samples' sums that are kept at a time
  const std::int64_t C = x[-1], samples = sample_count(x), width = N * C;
  if (samples == 0) return;
  const std::int64_t rows = x.numel() / C / samples;
  const std::int64_t kept = std::clamp<std::int64_t>(kCached / width, 1, samples);
  const std::int64_t grain =
      std::max<std::int64_t>(1, kElementsPerChunk / std::max<std::int64_t>(1, rows * C));
  std::vector<T> sums_of_samples(static_cast<std::size_t>(kept * width));
  T* const kept_sums = sums_of_samples.data();
  std::array<T*, N> out;
  for (std::size_t i = 0; i < N; ++i) out[i] = totals[i]->template mutable_data<T>();
  for (std::int64_t first = 0; first < samples; first += kept) {
    const std::int64_t count = std::min(kept, samples - first);
    parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
      std::fill(kept_sums + begin * width, kept_sums + end * width, T(0));
      for (std::int64_t b = begin; b < end; ++b) {
        std::array<T*, N> sums;
        for (std::size_t i = 0; i < N; ++i) {
          sums[i] = kept_sums + b * width + static_cast<std::int64_t>(i) * C;
        }
        for (std::int64_t r = 0; r < rows; ++r) row((first + b) * rows + r, sums);
      }
    });
    parallel_for(C, kColumns, [&](std::int64_t begin, std::int64_t end) {
      for (std::size_t i = 0; i < N; ++i) {
        const std::int64_t slice = totals[i]->rank() == 2 ? C : 0;
        for (std::int64_t b = 0; b < count; ++b) {
          const T* const sum = kept_sums + b * width + static_cast<std::int64_t>(i) * C;
          T* const total = out[i] + (first + b) * slice;
          for (std::int64_t c = begin; c < end; ++c) total[c] += sum[c];
        }
      }
    });
  }
}

}  // namespace chainline
