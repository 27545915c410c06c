#pragma once

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

}  // namespace chainline
