#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "tensor/ops/indices.h"

namespace chainline {

// What cross_entropy says of the numbers that it can't use, for the kernels of every device.

/// Target number i is neither a class nor ignored.
inline void refuse_target(const Shape& targets, std::int64_t i, std::int64_t value, std::int64_t V,
                          std::int64_t ignored, std::string_view op) {
  check<ValueError>(false, op, ": targets: expected values in [0, ", V, ") or ", ignored, ", got ",
                    value, " at position ", position_text(i, targets));
}

/// Nothing is learned from sample b.
inline void refuse_unlabelled_sample(std::int64_t b) {
  check<ValueError>(false,
                    "cross_entropy: targets: expected a labelled token in every sample, got none "
                    "in sample ",
                    b);
}

/// Nothing is learned from any row.
inline void refuse_unlabelled_rows(std::int64_t rows) {
  check<ValueError>(
      false, "cross_entropy: targets: expected a labelled row, got none in rows 0 to ", rows - 1);
}

/// A mean per sample divides by the count of sample b.
inline void refuse_count(std::int64_t b) {
  check<ValueError>(false,
                    "cross_entropy_scale: counts: expected a labelled token in every sample, "
                    "got none in sample ",
                    b);
}

namespace cpu {

/// Refuses a target that is neither a class nor ignored. The targets are dense and on the host.
inline void check_targets(const Tensor& targets, std::int64_t V, std::int64_t ignored,
                          std::string_view op) {
  const std::int64_t* p = targets.data<std::int64_t>();
  for (std::int64_t i = 0; i < targets.numel(); ++i) {
    if ((p[i] >= 0 && p[i] < V) || p[i] == ignored) [[likely]]
      continue;
    refuse_target(targets.shape(), i, p[i], V, ignored, op);
  }
}

/// Calls found(b, count) with the labelled tokens of each of the samples, and refuses samples that
/// nothing is learned from. A sample of (N, V) is a row, so there it takes all of them. The targets
/// are dense and on the host.
template <class Found>
void count_labelled(const Tensor& targets, std::int64_t samples, std::int64_t ignored,
                    const Found& found) {
  const std::int64_t* p = targets.data<std::int64_t>();
  const std::int64_t tokens = samples == 0 ? 0 : targets.numel() / samples;
  std::int64_t labelled = 0;
  for (std::int64_t b = 0; b < samples; ++b, p += tokens) {
    const std::int64_t count = tokens - std::count(p, p + tokens, ignored);
    labelled += count;
    if (count == 0 && targets.rank() > 1) refuse_unlabelled_sample(b);
    found(b, count);
  }
  if (labelled == 0 && samples > 0) refuse_unlabelled_rows(samples);
}

}  // namespace cpu
}  // namespace chainline
