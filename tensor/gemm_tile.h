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

/// What a tile computes: C = A B, or C += A B chain by chain, where A's columns and B's rows are
/// those of `chains` chains of `length` each. More than one chain is for GemmMode::add.
template <class T>
struct TileTask {
  std::int64_t chains, length;
  Matrix<T> a;
  const T* b;  // whole vectors, also where C has fewer columns
  std::int64_t b_stride;
  T* c;
  std::int64_t c_stride;
  std::int64_t
      last;  // columns of C in the last vector: what lies beyond is neither read nor written
  GemmMode mode;
};

/// The tile with R rows and V vectors. Where acc[i][v] is, and that it never leaves its register, is
/// for the compiler to find out, which it does while all loops over i and v have fixed counts.
template <class T, int R, int V>
void tile(const TileTask<T>& t) {
  constexpr std::int64_t W = kWidth<T>;
  T* const c = t.c;
  const std::int64_t c_stride = t.c_stride, a_row = t.a.row_stride, a_column = t.a.column_stride;
  // C is wanted when the chain is done; by then it should have come.
  CHAINLINE_UNROLL
  for (int i = 0; i < R; ++i) {
    CHAINLINE_UNROLL
    for (int v = 0; v < V; ++v) __builtin_prefetch(c + i * c_stride + v * W, 1);
  }
  // Three rows share a pointer: an address is a register plus 0, 1 or 2 times another one. A
  // pointer for each row would leave the loop without registers.
  constexpr int G = (R + 2) / 3;
  const T* group[G];
  CHAINLINE_UNROLL
  for (int g = 0; g < G; ++g) group[g] = t.a.data + 3 * g * a_row;
  const T* b = t.b;
  for (std::int64_t n = 0; n < t.chains; ++n) {
    Vec<T> acc[R][V];
    CHAINLINE_UNROLL
    for (int i = 0; i < R; ++i) {
      CHAINLINE_UNROLL
      for (int v = 0; v < V; ++v) acc[i][v] = Vec<T>::zero();
    }
    if (t.mode == GemmMode::extend) {
      CHAINLINE_UNROLL
      for (int i = 0; i < R; ++i) {
        CHAINLINE_UNROLL
        for (int v = 0; v < V; ++v) {
          acc[i][v] = Vec<T>::load_first(v + 1 < V ? W : t.last, c + i * c_stride + v * W);
        }
      }
    }
    for (std::int64_t k = 0; k < t.length; ++k) {
      Vec<T> row[V];
      CHAINLINE_UNROLL
      for (int v = 0; v < V; ++v) row[v] = Vec<T>::load(b + v * W);
      CHAINLINE_UNROLL
      for (int i = 0; i < R; ++i) {
        const Vec<T> x = Vec<T>::broadcast(group[i / 3][i % 3 * a_row]);
        CHAINLINE_UNROLL
        for (int v = 0; v < V; ++v) acc[i][v] = fma(x, row[v], acc[i][v]);
      }
      CHAINLINE_UNROLL
      for (int g = 0; g < G; ++g) group[g] += a_column;
      b += t.b_stride;
    }
    if (t.last < W) {
      CHAINLINE_UNROLL
      for (int i = 0; i < R; ++i) {
        CHAINLINE_UNROLL
        for (int v = 0; v < V; ++v) {
          const std::int64_t columns = v + 1 < V ? W : t.last;
          T* const to = c + i * c_stride + v * W;
          if (t.mode == GemmMode::add) acc[i][v] = Vec<T>::load_first(columns, to) + acc[i][v];
          acc[i][v].store_first(columns, to);
        }
      }
    } else if (t.mode == GemmMode::add) {
      CHAINLINE_UNROLL
      for (int i = 0; i < R; ++i) {
        CHAINLINE_UNROLL
        for (int v = 0; v < V; ++v) {
          T* const to = c + i * c_stride + v * W;
          (Vec<T>::load(to) + acc[i][v]).store(to);
        }
      }
    } else {
      CHAINLINE_UNROLL
      for (int i = 0; i < R; ++i) {
        CHAINLINE_UNROLL
        for (int v = 0; v < V; ++v) acc[i][v].store(c + i * c_stride + v * W);
      }
    }
  }
}

template <class T>
using Tile = void (*)(const TileTask<T>&);

/// The tile function with so many rows and vectors.
template <class T, int R = kTileRows>
Tile<T> tile_of(std::int64_t rows, std::int64_t vectors) {
  if constexpr (R > 1) {
    if (rows < R) return tile_of<T, R - 1>(rows, vectors);
  }
  return vectors == 1 ? tile<T, R, 1> : tile<T, R, kTileVectors>;
}

}  // namespace
}  // namespace chainline::cpu::CHAINLINE_ISA
