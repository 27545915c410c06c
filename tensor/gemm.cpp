// Strategy. A tile of C, kTileRows x two vectors, stays in registers while k runs. B is repacked,
// a panel of one tile's width and kDepth rows at a time, so that the panel lies in the first-level
// cache while all the row tiles of a block pass over it; the part of A that they read stays in the
// second level. A is read in place, whatever its strides: a tile takes one number of each row at a
// time, and those come in time from wherever they are, but for strides that collide in the cache.
// Threads take whole blocks of C, so they share nothing, and finish each while it is at hand.

#include "tensor/gemm.h"

#include <algorithm>

#include "tensor/free_order.h"
#include "tensor/gemm_pack.h"
#include "tensor/gemm_tile.h"
#include "tensor/parallel.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// Rows of B in a panel: 1 KiB of a tile row's floats, so that panel and tile fit the first level.
template <class T>
constexpr std::int64_t kDepth = 1024 / static_cast<std::int64_t>(sizeof(T));
/// Products of so few rows use a panel once: a short one goes through the first level with the part
/// of B that it comes from.
constexpr std::int64_t kThinRows = 4, kThinDepth = 64;
/// A block of C has as many rows as make its part of A this large, about half of a second-level
/// cache: the more rows, the fewer times B is packed.
constexpr std::int64_t kBlockBytes = 512 * 1024;
/// With several threads, blocks are cut further until each thread has about so many, so that all end
/// at about the same time.
constexpr std::int64_t kBlocksPerThread = 4;
/// Narrow blocks read their part of A for few columns, low ones pack their part of B for few rows.
constexpr std::int64_t kColumnsThatRepay = 128, kRowsThatRepay = 16 * kTileRows;
constexpr std::int64_t kFewestRows = 4 * kTileRows;
/// Up to this many rows, copying B costs more than reading it in place.
constexpr std::int64_t kRowsWithoutCopy = 10 * kTileRows;
/// Below this many multiply-adds other threads aren't worth waking.
constexpr std::int64_t kAloneBelow = 1 << 16;

/// n cut into the fewest parts of at most `largest`, all alike up to a multiple of `unit`.
std::int64_t part(std::int64_t n, std::int64_t largest, std::int64_t unit) {
  const std::int64_t parts = (n + largest - 1) / largest;
  const std::int64_t even = (n + parts - 1) / parts;
  return (even + unit - 1) / unit * unit;
}

template <class T>
struct Product {
  std::int64_t M, N, K;
  std::int64_t length;  // of a chain, for GemmMode::add; a divisor of K
  Matrix<T> a, b;
  T* c;
  std::int64_t c_stride;
  GemmMode mode;
  const Finish& finish;

  /// The depth of a block of k: a panel where C can hold an unfinished chain. Where C holds a sum
  /// of finished ones, as many whole chains as fit a panel, and at least one.
  std::int64_t depth() const {
    if (K == 0) return 1;
    if (mode != GemmMode::add) return part(K, M <= kThinRows ? kThinDepth : kDepth<T>, 1);
    return std::min(K, length * std::max<std::int64_t>(1, kDepth<T> / length));
  }

  /// Rows [i0, i1) and columns [j0, j1) of C.
  void block(std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1) const {
    thread_local Scratch<T> memory, left_memory;
    const std::int64_t step = depth();
    const bool copy_left = left_columns_collide() && j1 - j0 > kTileColumns<T>;
    for (std::int64_t k0 = 0; k0 < K; k0 += step) {
      const std::int64_t ks = std::min(step, K - k0);
      T* const left = copy_left ? left_memory.take((i1 - i0 + kTileRows) * ks) : nullptr;
      if (copy_left) pack_rows(i1 - i0, ks, a.from(i0, k0), left);
      for (std::int64_t j = j0; j < j1; j += kTileColumns<T>) {
        const std::int64_t columns = std::min(kTileColumns<T>, j1 - j);
        Matrix<T> panel = b.from(k0, j);
        const bool whole = columns % kWidth<T> == 0;
        if (!(whole && panel.column_stride == 1 && i1 - i0 <= kRowsWithoutCopy)) {
          T* const packed = memory.take(ks * kTileColumns<T>);
          pack_panel(ks, columns, panel, packed);
          panel = {packed, kTileColumns<T>, 1};
        }
        const Prefetch<T> next = next_panel(k0, step, j0, j, j1);
        for (std::int64_t i = i0; i < i1; i += kTileRows) {
          // A lone tile would be over before its memory comes.
          if (i1 - i0 > kTileRows) {
            next.part(i - i0, std::min(kTileRows + i - i0, i1 - i0), i1 - i0);
          }
          const Matrix<T> rows =
              copy_left ? Matrix<T>{left + (i - i0) * ks, 1, kTileRows} : a.from(i, k0);
          tile_of_block(k0, ks, std::min<std::int64_t>(kTileRows, i1 - i), columns, rows, panel,
                        c + i * c_stride + j);
        }
      }
    }
    if (finish) finish(i0, i1, j0, j1);
  }

 private:
  /// Whether A's columns begin so many bytes apart that a tile's share of them falls into two sets
  /// of the first-level cache, and pushes itself out. Then A is copied too.
  bool left_columns_collide() const {
    return a.row_stride == 1 && a.column_stride * static_cast<std::int64_t>(sizeof(T)) % 2048 == 0;
  }

  /// The panel that is packed after the one at (k0, j).
  Prefetch<T> next_panel(std::int64_t k0, std::int64_t step, std::int64_t j0, std::int64_t j,
                         std::int64_t j1) const {
    if (j + kTileColumns<T> < j1) {
      j += kTileColumns<T>;
    } else {
      j = j0;
      k0 += step;
    }
    return {b.from(k0, j), std::min(step, K - k0), std::min(kTileColumns<T>, j1 - j)};
  }

  /// One tile of C through a block of k: a part of its chain, or chain by chain.
  void tile_of_block(std::int64_t k0, std::int64_t ks, std::int64_t rows, std::int64_t columns,
                     Matrix<T> at, Matrix<T> panel, T* to) const {
    const std::int64_t run = mode == GemmMode::add ? length : ks;
    const std::int64_t vectors = (columns + kWidth<T> - 1) / kWidth<T>;
    tile_of<T>(rows,
               vectors)({.chains = run == 0 ? 1 : ks / run,
                         .length = run,
                         .a = at,
                         .b = panel.data,
                         .b_stride = panel.row_stride,
                         .c = to,
                         .c_stride = c_stride,
                         .last = columns - (vectors - 1) * kWidth<T>,
                         .mode = mode == GemmMode::store && k0 > 0 ? GemmMode::extend : mode});
  }
};

template <class T>
void run(const Product<T>& p) {
  if (p.M == 0 || p.N == 0) return;
  const std::int64_t in_block = kBlockBytes / static_cast<std::int64_t>(sizeof(T)) / p.depth();
  std::int64_t rows = part(p.M, std::max<std::int64_t>(kTileRows, in_block), kTileRows);
  std::int64_t columns = p.N;
  const auto row_blocks = [&] { return (p.M + rows - 1) / rows; };
  const auto column_blocks = [&] { return (p.N + columns - 1) / columns; };
  if (const std::int64_t n = threads_here(); n > 1) {
    const std::int64_t wanted = kBlocksPerThread * n;
    const auto enough = [&] { return row_blocks() * column_blocks() >= wanted / 2; };
    const auto cut_columns = [&](std::int64_t fewest) {
      columns = part(p.N, std::max(fewest, p.N * row_blocks() / wanted), kTileColumns<T>);
      return enough();
    };
    const auto cut_rows = [&](std::int64_t fewest) {
      rows = std::min(rows, part(p.M, std::max(fewest, p.M * column_blocks() / wanted), kTileRows));
      return enough();
    };
    // Each only if those before it were not enough.
    [[maybe_unused]] const bool cut = cut_columns(kColumnsThatRepay) || cut_rows(kRowsThatRepay) ||
                                      cut_columns(kTileColumns<T>) || cut_rows(kFewestRows);
  }
  const std::int64_t beside = column_blocks(), blocks = row_blocks() * beside;
  const bool alone = p.M * p.N < kAloneBelow && p.M * p.N * p.K < kAloneBelow;
  const auto some = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t i = n / beside * rows, j = n % beside * columns;
      p.block(i, std::min(i + rows, p.M), j, std::min(j + columns, p.N));
    }
  };
  if (alone) {
    some(0, blocks);
  } else {
    parallel_for(blocks, 1, some);
  }
}

}  // namespace

template <class T>
void gemm(std::int64_t M, std::int64_t N, std::int64_t K, Matrix<T> a, Matrix<T> b, T* c,
          std::int64_t c_stride, GemmMode mode, const Finish& finish) {
  if (K == 0 && mode == GemmMode::store) {
    for (std::int64_t i = 0; i < M; ++i) std::fill_n(c + i * c_stride, N, T(0));
  }
  run(Product<T>{M, N, K, K, a, b, c, c_stride, mode, finish});
}

template <class T>
void gemm_add_chains(std::int64_t M, std::int64_t N, std::int64_t chains, std::int64_t length,
                     Matrix<T> a, Matrix<T> b, T* c, std::int64_t c_stride) {
  if (kFreeOrder) return gemm(M, N, chains * length, a, b, c, c_stride, GemmMode::extend);
  const GemmMode mode = GemmMode::add;
  run(Product<T>{M, N, chains * length, length, a, b, c, c_stride, mode, {}});
}

template void gemm(std::int64_t, std::int64_t, std::int64_t, Matrix<float>, Matrix<float>, float*,
                   std::int64_t, GemmMode, const Finish&);
template void gemm(std::int64_t, std::int64_t, std::int64_t, Matrix<double>, Matrix<double>,
                   double*, std::int64_t, GemmMode, const Finish&);
template void gemm_add_chains(std::int64_t, std::int64_t, std::int64_t, std::int64_t, Matrix<float>,
                              Matrix<float>, float*, std::int64_t);
template void gemm_add_chains(std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                              Matrix<double>, Matrix<double>, double*, std::int64_t);

}  // namespace chainline::cpu::CHAINLINE_ISA
