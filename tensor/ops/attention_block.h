#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "tensor/gemm_pack.h"
#include "tensor/gemm_tile.h"
#include "tensor/row_sum.h"
#include "tensor/tensor.h"

// Some queries of one head of attention, all the keys they may see, and the three products between
// them.

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// Which of the pairs (query, key) count, as bytes.
using Seen = Matrix<std::uint8_t>;

/// The right operand (K, N) of products, packed into panels.
template <class T>
struct Panels {
  std::int64_t K = 0, N = 0;
  const T* data = nullptr;

  Panels(std::int64_t rows, std::int64_t columns, Matrix<T> b, Scratch<T>& memory)
      : K(rows), N(columns) {
    T* const panels = memory.take(rows * panel_columns<T>(columns));
    pack_panels(rows, columns, b, panels);
    data = panels;
  }
  /// The panel that begins at row k and column n, where one begins.
  const T* at(std::int64_t k, std::int64_t n) const { return data + n * K + k * kTileColumns<T>; }
};

/// The queries [begin, begin + queries) and the keys [0, keys) that any of them may see. Query i of
/// the block sees the keys before limit(i), but for those that a mask hides.
template <class T>
class AttentionBlock {
 public:
  AttentionBlock(std::int64_t queries, std::int64_t keys, std::int64_t first_limit, Seen seen)
      : queries_(queries),
        keys_(std::clamp<std::int64_t>(queries - 1 + first_limit, 0, keys)),
        stride_((keys_ + kRowLanes - 1) / kRowLanes * kRowLanes),
        first_limit_(first_limit),
        seen_(seen) {}

  std::int64_t queries() const { return queries_; }
  std::int64_t keys() const { return keys_; }
  std::int64_t limit(std::int64_t i) const {
    return std::clamp<std::int64_t>(i + first_limit_, 0, keys_);
  }
  /// The pairs are rows of keys this far apart; row_length of them hold what is worth reading, all
  /// keys before the limit and as many more as make whole lanes.
  std::int64_t stride() const { return stride_; }
  std::int64_t row_length(std::int64_t i) const {
    return (limit(i) + kRowLanes - 1) / kRowLanes * kRowLanes;
  }

  /// out[i, j] = a[i] . b[:, j], a chain, where query i may see key j; anything elsewhere.
  void pair_products(Matrix<T> a, const Panels<T>& b, T* out) const {
    for (std::int64_t j = 0; j < keys_; j += kTileColumns<T>) {
      const std::int64_t vectors =
          std::min<std::int64_t>(kTileVectors, (keys_ - j + kWidth<T> - 1) / kWidth<T>);
      for (std::int64_t i = 0; i < queries_; i += kTileRows) {
        const std::int64_t rows = std::min<std::int64_t>(kTileRows, queries_ - i);
        if (limit(i + rows - 1) <= j) continue;
        tile_of<T>(rows, vectors)({.length = b.K,
                                   .a = a.from(i, 0),
                                   .b = b.at(0, j),
                                   .b_stride = kTileColumns<T>,
                                   .c = out + i * stride_ + j,
                                   .c_stride = stride_});
      }
    }
  }

  /// Row i of the scores: scaled, and -inf where the key is hidden.
  void scale_and_hide(std::int64_t i, T scale, T* row) const {
    constexpr T hidden = -std::numeric_limits<T>::infinity();
    const std::int64_t n = row_length(i), end = limit(i);
    for (std::int64_t j = 0; j < n; ++j) row[j] *= scale;
    std::fill(row + end, row + n, hidden);
    if (seen_.data == nullptr) return;
    for (std::int64_t j = 0; j < end; ++j) {
      if (*seen_.from(i, j).data == 0) row[j] = hidden;
    }
  }

  /// out[i] (N) = the chain over the keys j that query i sees of a[i, j] * b[j].
  void sum_over_keys(const T* a, const Panels<T>& b, T* out, std::int64_t out_stride) const {
    const Matrix<T> pairs{a, stride_, 1};
    if (seen_.data != nullptr) {
      for (std::int64_t i = 0; i < queries_; ++i) {
        std::fill_n(out + i * out_stride, b.N, T(0));
        chain_over_seen(limit(i), pairs.from(i, 0), seen_.from(i, 0), b, out + i * out_stride);
      }
      return;
    }
    for (std::int64_t i = 0; i < queries_; i += kTileRows) {
      const std::int64_t rows = std::min<std::int64_t>(kTileRows, queries_ - i);
      // All of the tile's queries see the keys before `first`; query i + r sees r more.
      const std::int64_t first = i + first_limit_;
      row_of_tiles<Corner::after>(rows, b, 0, out + i * out_stride, out_stride,
                                  {.length = limit(i),
                                   .a = pairs.from(i, 0),
                                   .mode = GemmMode::store,
                                   .corner_begin = std::max<std::int64_t>(0, -first),
                                   .corner_end = keys_ - first});
    }
  }

  /// out[j] (N) = the chain over the queries i that see key j of a[i, j] * b[i]: from +0 with
  /// GemmMode::store, from what earlier blocks left with GemmMode::extend.
  void sum_over_queries(const T* a, const Panels<T>& b, T* out, GemmMode mode) const {
    const Matrix<T> pairs{a, 1, stride_};
    if (seen_.data != nullptr) {
      for (std::int64_t j = 0; j < keys_; ++j) {
        // The queries whose limit lies beyond j are the last ones.
        const std::int64_t first = std::clamp<std::int64_t>(j + 1 - first_limit_, 0, queries_);
        if (mode == GemmMode::store) std::fill_n(out + j * b.N, b.N, T(0));
        chain_over_seen(queries_ - first, pairs.from(j, first), seen_.transposed().from(j, first),
                        b, out + j * b.N, first);
      }
      return;
    }
    for (std::int64_t j = 0; j < keys_; j += kTileRows) {
      const std::int64_t rows = std::min<std::int64_t>(kTileRows, keys_ - j);
      // Key j is seen from query `first` on, key j + r from r queries later on.
      const std::int64_t first = j + 1 - first_limit_;
      const std::int64_t begin = std::max<std::int64_t>(0, first);
      const std::int64_t all = std::max<std::int64_t>(0, first + rows - 1);
      row_of_tiles<Corner::before>(rows, b, begin, out + j * b.N, b.N,
                                   {.length = std::max<std::int64_t>(0, queries_ - all),
                                    .a = pairs.from(j, begin),
                                    .mode = mode,
                                    .corner_begin = begin - first,
                                    .corner_end = queries_ - first});
    }
  }

 private:
  /// The tiles beside each other in some rows of out, from row k of b on.
  template <Corner kCorner>
  static void row_of_tiles(std::int64_t rows, const Panels<T>& b, std::int64_t k, T* out,
                           std::int64_t out_stride, TileTask<T> task) {
    task.b_stride = kTileColumns<T>;
    task.c_stride = out_stride;
    for (std::int64_t n = 0; n < b.N; n += kTileColumns<T>) {
      const std::int64_t columns = std::min(kTileColumns<T>, b.N - n);
      const std::int64_t vectors = (columns + kWidth<T> - 1) / kWidth<T>;
      task.b = b.at(k, n);
      task.c = out + n;
      task.last = columns - (vectors - 1) * kWidth<T>;
      tile_of<T, kCorner>(rows, vectors)(task);
    }
  }

  /// c (N) = the chain, continued, of a[k] * b[first + k] over the k < K that are seen.
  static void chain_over_seen(std::int64_t K, Matrix<T> a, Seen seen, const Panels<T>& b, T* c,
                              std::int64_t first = 0) {
    constexpr std::int64_t W = kWidth<T>;
    for (std::int64_t n = 0; n < b.N; n += W) {
      const std::int64_t present = std::min(W, b.N - n);
      const T* const column =
          b.at(first, n / kTileColumns<T> * kTileColumns<T>) + n % kTileColumns<T>;
      Vec<T> sum = Vec<T>::load_first(present, c + n);
      for (std::int64_t k = 0; k < K; ++k) {
        if (*seen.from(0, k).data == 0) continue;
        const Vec<T> row = Vec<T>::load(column + k * kTileColumns<T>);
        sum = fma(Vec<T>::broadcast(*a.from(0, k).data), row, sum);
      }
      sum.store_first(present, c + n);
    }
  }

  std::int64_t queries_, keys_, stride_, first_limit_;
  Seen seen_;
};

}  // namespace
}  // namespace chainline::cpu::CHAINLINE_ISA
