#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/text/conversation.h"

namespace chainline::experiments {

/// Token sequences side by side, row-major (rows, columns), shorter ones filled up on the right.
struct Batch {
  std::int64_t rows = 0, columns = 0;
  std::vector<std::int64_t> ids;      // (rows, columns)
  std::vector<std::int64_t> labels;   // (rows, columns), kIgnoreIndex in the padding
  std::vector<std::int64_t> lengths;  // (rows)
};

/// Puts sequences into one batch as wide as the longest. Nothing is ever cut off: a sequence that
/// does not fit loses its answer first, and the loss would go on without a word.
///
/// **Errors** ValueError for a sequence longer than `max_length`; ShapeError for an empty sequence
/// or one with another number of labels than ids. Both name the row.
Batch collate(std::span<const Tokens> sequences, std::int64_t pad_token, std::int64_t max_length);

/// The same rows filled up to the next multiple of so many columns, so that batches of about the same
/// length have the same shape. Padding changes no bit of what a model computes (docs/numerics.md,
/// rule 8).
Batch widened(const Batch& batch, std::int64_t multiple, std::int64_t pad_token);

}  // namespace chainline::experiments
