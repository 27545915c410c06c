#pragma once

#include <cstdint>

#include "tensor/gemm.h"
#include "tensor/simd.h"

/// Before a loop with a fixed count: unroll it before anything else is decided, so that arrays
/// indexed by its counter become registers.
#if defined(__clang__)
#define CHAINLINE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CHAINLINE_UNROLL _Pragma("GCC unroll 32")
#endif

// The innermost part of a matrix product: a tile of C that stays in registers while k runs.

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

using simd::kTileRows;
using simd::Vec;

template <class T>
constexpr std::int64_t kWidth = Vec<T>::kWidth;
/// Vectors in a tile's row, and columns of a tile.
constexpr int kTileVectors = 2;
template <class T>
constexpr std::int64_t kTileColumns = kTileVectors* kWidth<T>;

/// Steps of k in which not all rows of a tile take part, as where a query does not see the keys that
/// come after it. In step s of a corner,
enum class Corner {
  none,
  before,  ///< rows r <= s take part; the corner's steps come before the others
  after,   ///< rows r > s take part; the corner's steps come after the others
};

/// What a tile computes: C = A B, or C += A B chain by chain, where A's columns and B's rows are
/// those of `chains` chains of `length` each, one after the other. More than one chain is for
/// GemmMode::add; steps of a corner go with one chain only.
template <class T>
struct TileTask {
  std::int64_t chains = 1, length = 0;
  Matrix<T> a{};
  const T* b = nullptr;  // whole vectors, also where C has fewer columns
  std::int64_t b_stride = 0;
  T* c = nullptr;
  std::int64_t c_stride = 0;
  std::int64_t last = kWidth<T>;  // columns of C in the last vector; none beyond them is touched
  GemmMode mode = GemmMode::store;
  std::int64_t corner_begin = 0, corner_end = 0;  // the corner's steps are [begin, end)
};

/// The tile with R rows and V vectors. That its sums never leave their registers is for the compiler
/// to find out, which it does while all loops over i and v have fixed counts.
template <class T, int R, int V>
struct TileSums {
  static constexpr std::int64_t W = kWidth<T>;
  /// Three rows share a pointer: an address is a register plus 0, 1 or 2 times another one. A pointer
  /// for each row would leave the loop over k without registers.
  static constexpr int kPointers = (R + 2) / 3;

  const T *a[kPointers], *b;
  std::int64_t a_row, a_column, b_row;
  Vec<T> sum[R][V];

  /// sum = fma(a[i, k], b[k], sum) for the rows i of [From, To), then on to the next k.
  [[gnu::always_inline]] void step(int from = 0, int to = R) {
    Vec<T> row[V];
    CHAINLINE_UNROLL
    for (int v = 0; v < V; ++v) row[v] = Vec<T>::load(b + v * W);
    CHAINLINE_UNROLL
    for (int i = 0; i < R; ++i) {
      if (i < from || i >= to) continue;
      const Vec<T> x = Vec<T>::broadcast(a[i / 3][i % 3 * a_row]);
      CHAINLINE_UNROLL
      for (int v = 0; v < V; ++v) sum[i][v] = fma(x, row[v], sum[i][v]);
    }
    CHAINLINE_UNROLL
    for (int p = 0; p < kPointers; ++p) a[p] += a_column;
    b += b_row;
  }

  /// f(i, v, where) for every vector of C, `where` being its place.
  template <class F>
  [[gnu::always_inline]] static void for_each(T* c, std::int64_t c_stride, const F& f) {
    CHAINLINE_UNROLL
    for (int i = 0; i < R; ++i) {
      CHAINLINE_UNROLL
      for (int v = 0; v < V; ++v) f(i, v, c + i * c_stride + v * W);
    }
  }
};

template <class T, int R, int V, Corner kCorner>
void tile(const TileTask<T>& t) {
  using Sums = TileSums<T, R, V>;
  const auto present = [&](int v) { return v + 1 < V ? kWidth<T> : t.last; };
  // C is wanted when the chain is done; by then it should have come.
  Sums::for_each(t.c, t.c_stride, [](int, int, T* at) { __builtin_prefetch(at, 1); });
  Sums s;
  CHAINLINE_UNROLL
  for (int p = 0; p < Sums::kPointers; ++p) s.a[p] = t.a.data + 3 * p * t.a.row_stride;
  s.b = t.b;
  s.a_row = t.a.row_stride;
  s.a_column = t.a.column_stride;
  s.b_row = t.b_stride;
  for (std::int64_t n = 0; n < t.chains; ++n) {
    Sums::for_each(t.c, 0, [&](int i, int v, T*) { s.sum[i][v] = Vec<T>::zero(); });
    if (t.mode == GemmMode::extend) {
      Sums::for_each(t.c, t.c_stride, [&](int i, int v, T* at) {
        s.sum[i][v] = Vec<T>::load_first(present(v), at);
      });
    }
    if constexpr (kCorner == Corner::before) {
      CHAINLINE_UNROLL
      for (int k = 0; k < R - 1; ++k) {
        if (t.corner_begin <= k && k < t.corner_end) s.step(0, k + 1);
      }
    }
    for (std::int64_t k = 0; k < t.length; ++k) s.step();
    if constexpr (kCorner == Corner::after) {
      CHAINLINE_UNROLL
      for (int k = 0; k < R - 1; ++k) {
        if (t.corner_begin <= k && k < t.corner_end) s.step(k + 1, R);
      }
    }
    if (t.last < kWidth<T>) {
      Sums::for_each(t.c, t.c_stride, [&](int i, int v, T* at) {
        const Vec<T> old =
            t.mode == GemmMode::add ? Vec<T>::load_first(present(v), at) : s.sum[i][v];
        (t.mode == GemmMode::add ? old + s.sum[i][v] : old).store_first(present(v), at);
      });
    } else if (t.mode == GemmMode::add) {
      Sums::for_each(t.c, t.c_stride,
                     [&](int i, int v, T* at) { (Vec<T>::load(at) + s.sum[i][v]).store(at); });
    } else {
      Sums::for_each(t.c, t.c_stride, [&](int i, int v, T* at) { s.sum[i][v].store(at); });
    }
  }
}

template <class T>
using Tile = void (*)(const TileTask<T>&);

/// The tile function with so many rows and vectors.
template <class T, Corner kCorner = Corner::none, int R = kTileRows>
Tile<T> tile_of(std::int64_t rows, std::int64_t vectors) {
  if constexpr (R > 1) {
    if (rows < R) return tile_of<T, kCorner, R - 1>(rows, vectors);
  }
  return vectors == 1 ? tile<T, R, 1, kCorner> : tile<T, R, kTileVectors, kCorner>;
}

}  // namespace
}  // namespace chainline::cpu::CHAINLINE_ISA
