#include "experiments/text/batch.h"

#include <algorithm>

#include "tensor/error.h"

namespace chainline::experiments {

Batch collate(std::span<const Tokens> sequences, std::int64_t pad_token, std::int64_t max_length) {
  Batch batch;
  batch.rows = static_cast<std::int64_t>(sequences.size());
  for (const Tokens& tokens : sequences) {
    const auto row = batch.lengths.size();
    const auto length = static_cast<std::int64_t>(tokens.ids.size());
    check<ShapeError>(tokens.labels.size() == tokens.ids.size(), "collate: row ", row,
                      ": expected as many labels as ids (", length, "), got ",
                      tokens.labels.size());
    check<ShapeError>(length > 0, "collate: row ", row, ": expected at least one token, got none");
    check<ValueError>(length <= max_length, "collate: row ", row, ": expected at most ", max_length,
                      " tokens, got ", length);
    batch.lengths.push_back(length);
    batch.columns = std::max(batch.columns, length);
  }
  const auto columns = static_cast<std::size_t>(batch.columns);
  batch.ids.assign(sequences.size() * columns, pad_token);
  batch.labels.assign(sequences.size() * columns, kIgnoreIndex);
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    const auto at = static_cast<std::ptrdiff_t>(row * columns);
    std::copy(sequences[row].ids.begin(), sequences[row].ids.end(), batch.ids.begin() + at);
    std::copy(sequences[row].labels.begin(), sequences[row].labels.end(),
              batch.labels.begin() + at);
  }
  return batch;
}

Batch widened(const Batch& batch, std::int64_t multiple, std::int64_t pad_token) {
  Batch wide;
  wide.rows = batch.rows;
  wide.columns = (batch.columns + multiple - 1) / multiple * multiple;
  wide.lengths = batch.lengths;
  const auto from = static_cast<std::size_t>(batch.columns);
  const auto to = static_cast<std::size_t>(wide.columns);
  wide.ids.assign(batch.lengths.size() * to, pad_token);
  wide.labels.assign(batch.lengths.size() * to, kIgnoreIndex);
  for (std::size_t row = 0; row < batch.lengths.size(); ++row) {
    std::copy_n(batch.ids.data() + row * from, from, wide.ids.data() + row * to);
    std::copy_n(batch.labels.data() + row * from, from, wide.labels.data() + row * to);
  }
  return wide;
}

}  // namespace chainline::experiments
