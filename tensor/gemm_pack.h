#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "tensor/gemm_tile.h"

// Copies of a matrix product's right operand in the order in which its tiles read it.

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// A thread's memory, which keeps its size from use to use. It begins with anything, at a multiple
/// of a cache line: a vector that lies across two takes as long as two.
template <class T>
class Scratch {
 public:
  T* take(std::int64_t size) {
    if (size > size_) {
      constexpr std::size_t kLine = 64;
      const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(T);
      memory_.reset(std::aligned_alloc(kLine, (bytes + kLine - 1) / kLine * kLine));
      if (memory_ == nullptr) throw std::bad_alloc();
      size_ = size;
    }
    return static_cast<T*>(memory_.get());
  }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  std::int64_t size_ = 0;
};

/// B's rows [0, K) and `columns` columns, at most a tile's, as a dense panel of kTileColumns;
/// columns missing in a vector become zeros.
template <class T>
void pack_panel(std::int64_t K, std::int64_t columns, Matrix<T> b, T* panel) {
  constexpr std::int64_t W = kWidth<T>, C = kTileColumns<T>;
  constexpr std::int64_t kAhead = 16;  // rows; each may lie in a page of its own
  if (columns == C && b.column_stride == 1) {
    for (std::int64_t k = 0; k < K; ++k) {
      const T* const row = b.data + k * b.row_stride;
      __builtin_prefetch(row + kAhead * b.row_stride);
      __builtin_prefetch(row + kAhead * b.row_stride + W);
      for (std::int64_t j = 0; j < C; j += W) Vec<T>::load(row + j).store(panel + k * C + j);
    }
    return;
  }
  for (; columns > 0; columns -= W, panel += W, b = b.from(0, W)) {
    const std::int64_t present = std::min(columns, W);
    std::int64_t k = 0;
    if (b.column_stride == 1) {
      for (; k < K; ++k)
        Vec<T>::load_first(present, b.data + k * b.row_stride).store(panel + k * C);
    } else if (b.row_stride == 1 && present == W) {
      for (; k + W <= K; k += W) {
        simd::transpose_block(b.data + k, b.column_stride, panel + k * C, C);
      }
    } else if (b.row_stride == 1) {
      T whole[W * W] = {};  // with columns of zeros for those that are missing
      for (; k + W <= K; k += W) {
        for (std::int64_t j = 0; j < present; ++j) {
          Vec<T>::load(b.data + j * b.column_stride + k).store(whole + j * W);
        }
        simd::transpose_block(whole, W, panel + k * C, C);
      }
    }
    for (; k < K; ++k) {
      for (std::int64_t j = 0; j < present; ++j) panel[k * C + j] = *b.from(k, j).data;
      for (std::int64_t j = present; j < W; ++j) panel[k * C + j] = 0;
    }
  }
}

/// A's first M rows and K columns, tile by tile: the numbers of a tile's rows lie together, column
/// after column. A's own columns are contiguous.
template <class T>
void pack_rows(std::int64_t M, std::int64_t K, Matrix<T> a, T* tiles) {
  for (std::int64_t i = 0; i < M; i += kTileRows, tiles += K * kTileRows) {
    const std::int64_t rows = std::min<std::int64_t>(kTileRows, M - i);
    for (std::int64_t k = 0; k < K; ++k) {
      const T* const from = a.from(i, k).data;
      if (rows == kTileRows) {
        std::memcpy(tiles + k * kTileRows, from, sizeof(T) * kTileRows);
      } else {
        for (std::int64_t r = 0; r < rows; ++r) tiles[k * kTileRows + r] = from[r];
      }
    }
  }
}

/// Asks for the memory of a panel that is packed next, while the tiles of the last one are computed:
/// packing itself would wait for most of it.
template <class T>
class Prefetch {
 public:
  /// K rows and `columns` columns from b on; none if K <= 0.
  Prefetch(Matrix<T> b, std::int64_t K, std::int64_t columns) : from_(b.data) {
    // Runs of contiguous memory: rows, or columns.
    const bool rows = b.column_stride == 1;
    runs_ = rows ? K : columns;
    length_ = rows ? columns : K;
    stride_ = rows ? b.row_stride : b.column_stride;
    if (K <= 0 || (!rows && b.row_stride != 1)) runs_ = 0;
  }

  /// The share of it that falls to [begin, end) of `all`.
  void part(std::int64_t begin, std::int64_t end, std::int64_t all) const {
    constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
    for (std::int64_t r = runs_ * begin / all; r < runs_ * end / all; ++r) {
      for (std::int64_t i = 0; i < length_; i += kLine) {
        __builtin_prefetch(from_ + r * stride_ + i, 0, 2);
      }
    }
  }

 private:
  const T* from_;
  std::int64_t runs_, length_, stride_;
};

/// The panels of the first N columns of B, one after the other; a last one of fewer columns is as
/// large as the others.
template <class T>
void pack_panels(std::int64_t K, std::int64_t N, Matrix<T> b, T* panels) {
  for (std::int64_t j = 0; j < N; j += kTileColumns<T>, panels += K * kTileColumns<T>) {
    pack_panel(K, std::min(kTileColumns<T>, N - j), b.from(0, j), panels);
  }
}

/// N, rounded up to whole tiles: the columns of packed panels.
template <class T>
constexpr std::int64_t panel_columns(std::int64_t N) {
  return (N + kTileColumns<T> - 1) / kTileColumns<T> * kTileColumns<T>;
}

}  // namespace
}  // namespace chainline::cpu::CHAINLINE_ISA
