// Strategy. A tile of C, kTileRows x two vectors, stays in registers while k runs. B is repacked,
// a panel of one tile's width and kDepth rows at a time, so that the panel (16 KiB) lies in the
// first-level cache while all the row tiles of a block pass over it; the block of A they read
// (kBlockRows x kDepth) stays in the second level. A is read in place where its rows are
// contiguous in k, and repacked otherwise. Threads take whole blocks of C, so they share nothing.

#include "tensor/gemm.h"

#include <algorithm>
#include <vector>

#include "tensor/parallel.h"
#include "tensor/simd.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

using simd::kTileRows;
using simd::Vec;

template <class T>
constexpr std::int64_t kWidth = Vec<T>::kWidth;
/// Vectors in a tile's row, and columns of a panel of B.
constexpr int kTileVectors = 2;
template <class T>
constexpr std::int64_t kTileColumns = kTileVectors* kWidth<T>;

/// Rows of B in a panel: 1 KiB of a tile row's floats, so that panel and tile fit the first level.
template <class T>
constexpr std::int64_t kDepth = 1024 / static_cast<std::int64_t>(sizeof(T));
/// Rows of C in a block: with kDepth columns of A, about half of a second-level cache.
constexpr std::int64_t kBlockRows = 288;
/// Blocks are cut into columns too until there are this many, to have work for many threads...
constexpr std::int64_t kWantedBlocks = 16;
/// ...but not narrower than this: a block repacks its part of A.
constexpr std::int64_t kFewestColumns = 128;
/// Up to this many rows, copying B costs more than reading it in place.
constexpr std::int64_t kRowsWithoutCopy = 4 * kTileRows;
/// Below this many multiply-adds other threads aren't worth waking.
constexpr std::int64_t kAloneBelow = 1 << 16;

/// C's tile, R x V vectors, from K steps. `b` has V vectors in a row.
template <class T, int R, int V>
void tile(std::int64_t K, Matrix<T> a, const T* b, std::int64_t b_stride, T* c,
          std::int64_t c_stride, GemmMode mode) {
  constexpr std::int64_t W = kWidth<T>;
  Vec<T> acc[R][V];
  if (mode == GemmMode::extend) {
    for (int i = 0; i < R; ++i) {
      for (int v = 0; v < V; ++v) acc[i][v] = Vec<T>::load(c + i * c_stride + v * W);
    }
  } else {
    for (int i = 0; i < R; ++i) {
      for (int v = 0; v < V; ++v) acc[i][v] = Vec<T>::zero();
    }
  }
  const T* column = a.data;
  for (std::int64_t k = 0; k < K; ++k) {
    Vec<T> row[V];
    for (int v = 0; v < V; ++v) row[v] = Vec<T>::load(b + v * W);
    for (int i = 0; i < R; ++i) {
      const Vec<T> x = Vec<T>::broadcast(column[i * a.row_stride]);
      for (int v = 0; v < V; ++v) acc[i][v] = fma(x, row[v], acc[i][v]);
    }
    column += a.column_stride;
    b += b_stride;
  }
  if (mode == GemmMode::add) {
    for (int i = 0; i < R; ++i) {
      for (int v = 0; v < V; ++v) {
        acc[i][v] = Vec<T>::load(c + i * c_stride + v * W) + acc[i][v];
      }
    }
  }
  for (int i = 0; i < R; ++i) {
    for (int v = 0; v < V; ++v) acc[i][v].store(c + i * c_stride + v * W);
  }
}

template <class T>
using Tile = void (*)(std::int64_t, Matrix<T>, const T*, std::int64_t, T*, std::int64_t, GemmMode);

/// The tile function with R rows and V vectors.
template <class T, int R = kTileRows>
Tile<T> tile_of(std::int64_t rows, std::int64_t vectors) {
  if constexpr (R > 1) {
    if (rows < R) return tile_of<T, R - 1>(rows, vectors);
  }
  return vectors == 1 ? tile<T, R, 1> : tile<T, R, kTileVectors>;
}

/// A tile whose last vector reaches past C's columns computes in a copy. The lanes beyond hold
/// whatever the panel's padding made of them and are dropped.
template <class T>
void ragged_tile(std::int64_t rows, std::int64_t columns, std::int64_t K, Matrix<T> a, const T* b,
                 std::int64_t b_stride, T* c, std::int64_t c_stride, GemmMode mode) {
  T copy[kTileRows * kTileColumns<T>] = {};
  if (mode != GemmMode::store) {
    for (std::int64_t i = 0; i < rows; ++i) {
      std::copy_n(c + i * c_stride, columns, copy + i * kTileColumns<T>);
    }
  }
  const std::int64_t vectors = (columns + kWidth<T> - 1) / kWidth<T>;
  tile_of<T>(rows, vectors)(K, a, b, b_stride, copy, kTileColumns<T>, mode);
  for (std::int64_t i = 0; i < rows; ++i) {
    std::copy_n(copy + i * kTileColumns<T>, columns, c + i * c_stride);
  }
}

/// B's rows [0, K) and `columns` columns as a dense panel, one vector's width after the other;
/// columns missing in a vector become zeros.
template <class T>
void pack_panel(std::int64_t K, std::int64_t columns, Matrix<T> b, T* panel) {
  constexpr std::int64_t W = kWidth<T>, C = kTileColumns<T>;
  for (; columns > 0; columns -= W, panel += W, b = b.from(0, W)) {
    std::int64_t k = 0;
    if (columns >= W && b.column_stride == 1) {
      for (; k < K; ++k) Vec<T>::load(b.data + k * b.row_stride).store(panel + k * C);
    } else if (columns >= W && b.row_stride == 1) {
      for (; k + W <= K; k += W) {
        simd::transpose_block(b.data + k, b.column_stride, panel + k * C, C);
      }
    }
    const std::int64_t present = std::min(columns, W);
    for (; k < K; ++k) {
      for (std::int64_t j = 0; j < present; ++j) panel[k * C + j] = *b.from(k, j).data;
      for (std::int64_t j = present; j < W; ++j) panel[k * C + j] = 0;
    }
  }
}

/// A's rows [0, rows) and columns [0, K) as panels of kTileRows rows in which k is the slow index.
template <class T>
void pack_rows(std::int64_t rows, std::int64_t K, Matrix<T> a, T* panels) {
  for (std::int64_t i = 0; i < rows; i += kTileRows) {
    const std::int64_t n = std::min<std::int64_t>(kTileRows, rows - i);
    const T* from = a.data + i * a.row_stride;
    for (std::int64_t k = 0; k < K; ++k, from += a.column_stride, panels += kTileRows) {
      if (n == kTileRows && a.row_stride == 1) {
        std::copy_n(from, kTileRows, panels);
      } else {
        for (std::int64_t r = 0; r < n; ++r) panels[r] = from[r * a.row_stride];
      }
    }
  }
}

/// A thread's memory for packed operands; it keeps its size from call to call.
template <class T>
T* workspace(std::vector<T>& memory, std::int64_t size) {
  const auto n = static_cast<std::size_t>(size);
  if (memory.size() < n) memory.resize(n);
  return memory.data();
}

template <class T>
struct Product {
  std::int64_t M, N, K;
  std::int64_t length;  // of a chain, for GemmMode::add; a divisor of K
  Matrix<T> a, b;
  T* c;
  std::int64_t c_stride;
  GemmMode mode;
  const T* bias;

  /// The depth of a block of k: a panel where C can hold an unfinished chain. Where C holds a sum
  /// of finished ones, as many whole chains as fit a panel, and at least one.
  std::int64_t depth() const {
    if (mode != GemmMode::add || K == 0) return std::min(K, kDepth<T>);
    return std::min(K, length * std::max<std::int64_t>(1, kDepth<T> / length));
  }

  /// Rows [i0, i1) and columns [j0, j1) of C.
  void block(std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1) const {
    thread_local std::vector<T> packed_a, packed_b;
    const std::int64_t step = depth();
    for (std::int64_t k0 = 0; k0 < K; k0 += step) {
      const std::int64_t ks = std::min(step, K - k0);
      Matrix<T> rows = a.from(i0, k0);
      std::int64_t tile_step = kTileRows * rows.row_stride;
      if (rows.column_stride != 1 && j1 - j0 > kTileColumns<T>) {
        const std::int64_t tiles = (i1 - i0 + kTileRows - 1) / kTileRows;
        T* const panels = workspace(packed_a, tiles * kTileRows * ks);
        pack_rows(i1 - i0, ks, rows, panels);
        rows = {panels, 1, kTileRows};
        tile_step = kTileRows * ks;
      }
      for (std::int64_t j = j0; j < j1; j += kTileColumns<T>) {
        const std::int64_t columns = std::min(kTileColumns<T>, j1 - j);
        Matrix<T> panel = b.from(k0, j);
        const bool whole = columns % kWidth<T> == 0;
        if (!(whole && panel.column_stride == 1 && i1 - i0 <= kRowsWithoutCopy)) {
          T* const packed = workspace(packed_b, ks * kTileColumns<T>);
          pack_panel(ks, columns, panel, packed);
          panel = {packed, kTileColumns<T>, 1};
        }
        Matrix<T> at = rows;
        for (std::int64_t i = i0; i < i1; i += kTileRows, at.data += tile_step) {
          tiles_of_chains(k0, ks, std::min<std::int64_t>(kTileRows, i1 - i), columns, at, panel,
                          c + i * c_stride + j);
        }
      }
    }
    if (bias != nullptr) {
      for (std::int64_t i = i0; i < i1; ++i) {
        T* const row = c + i * c_stride;
        for (std::int64_t j = j0; j < j1; ++j) row[j] += bias[j];
      }
    }
  }

 private:
  /// One tile of C through a block of k: a part of its chain, or chain by chain.
  void tiles_of_chains(std::int64_t k0, std::int64_t ks, std::int64_t rows, std::int64_t columns,
                       Matrix<T> at, Matrix<T> panel, T* to) const {
    const std::int64_t run = mode == GemmMode::add ? length : ks;
    const GemmMode now = mode == GemmMode::store && k0 > 0 ? GemmMode::extend : mode;
    const bool whole = columns % kWidth<T> == 0;
    const Tile<T> function = tile_of<T>(rows, (columns + kWidth<T> - 1) / kWidth<T>);
    for (std::int64_t k = 0; k < ks; k += run) {
      const Matrix<T> x = at.from(0, k);
      const Matrix<T> y = panel.from(k, 0);
      if (whole) {
        function(run, x, y.data, y.row_stride, to, c_stride, now);
      } else {
        ragged_tile(rows, columns, run, x, y.data, y.row_stride, to, c_stride, now);
      }
    }
  }
};

/// n cut into the fewest parts of at most `largest`, all alike up to a multiple of `unit`.
std::int64_t part(std::int64_t n, std::int64_t largest, std::int64_t unit) {
  const std::int64_t parts = (n + largest - 1) / largest;
  const std::int64_t even = (n + parts - 1) / parts;
  return (even + unit - 1) / unit * unit;
}

template <class T>
void run(const Product<T>& p) {
  if (p.M == 0 || p.N == 0) return;
  // The blocks follow from the sizes alone.
  const std::int64_t rows = part(p.M, kBlockRows, kTileRows);
  const std::int64_t row_blocks = (p.M + rows - 1) / rows;
  std::int64_t columns = p.N, column_blocks = 1;
  if (row_blocks < kWantedBlocks && p.N > kFewestColumns) {
    const std::int64_t wanted = (kWantedBlocks + row_blocks - 1) / row_blocks;
    columns = part(p.N, std::max(kFewestColumns, p.N / wanted), kTileColumns<T>);
    column_blocks = (p.N + columns - 1) / columns;
  }
  const std::int64_t blocks = row_blocks * column_blocks;
  const bool alone = p.M * p.N < kAloneBelow && p.M * p.N * p.K < kAloneBelow;
  parallel_for(blocks, alone ? blocks : 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t i = n / column_blocks * rows, j = n % column_blocks * columns;
      p.block(i, std::min(i + rows, p.M), j, std::min(j + columns, p.N));
    }
  });
}

}  // namespace

template <class T>
void gemm(std::int64_t M, std::int64_t N, std::int64_t K, Matrix<T> a, Matrix<T> b, T* c,
          std::int64_t c_stride, GemmMode mode, const T* bias) {
  if (K == 0 && mode == GemmMode::store) {
    for (std::int64_t i = 0; i < M; ++i) std::fill_n(c + i * c_stride, N, T(0));
  }
  run(Product<T>{M, N, K, K, a, b, c, c_stride, mode, bias});
}

template <class T>
void gemm_add_chains(std::int64_t M, std::int64_t N, std::int64_t chains, std::int64_t length,
                     Matrix<T> a, Matrix<T> b, T* c, std::int64_t c_stride) {
  const GemmMode mode = GemmMode::add;
  run(Product<T>{M, N, chains * length, length, a, b, c, c_stride, mode, nullptr});
}

template void gemm(std::int64_t, std::int64_t, std::int64_t, Matrix<float>, Matrix<float>, float*,
                   std::int64_t, GemmMode, const float*);
template void gemm(std::int64_t, std::int64_t, std::int64_t, Matrix<double>, Matrix<double>,
                   double*, std::int64_t, GemmMode, const double*);
template void gemm_add_chains(std::int64_t, std::int64_t, std::int64_t, std::int64_t, Matrix<float>,
                              Matrix<float>, float*, std::int64_t);
template void gemm_add_chains(std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                              Matrix<double>, Matrix<double>, double*, std::int64_t);

}  // namespace chainline::cpu::CHAINLINE_ISA
