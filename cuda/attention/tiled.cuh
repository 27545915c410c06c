#pragma once

// Step 2, tiled: a block has some queries, or keys, for itself and goes along the others by tiles in
// shared memory. What was a workspace for all pairs is a tile of 32 of them for each row.
//
// The rules stay (docs/numerics.md, rule 8), and they fix what a block does: weights need the largest
// score before the first sum, so the forward goes twice over the keys and makes the scores twice. A tile
// has 32 keys, one for each lane of rule 3, so a warp adds a tile to the 32 partial sums of its rows
// in one step. The chains of a product go through tiles in order, each in a register of one thread.

#include "cuda/attention/sizes.cuh"
#include "cuda/row_sum.cuh"

namespace chainline::cuda {

constexpr int kPairThreads = 256;
/// Threads beside each other in a tile; each has every 16th row and every 16th column of it.
constexpr int kPairAcross = 16;
/// Rows of the tiles that a block goes along.
constexpr int kOtherRows = kWarp;
/// Rows that a block has for itself: as many as registers and shared memory allow for heads of kWidth.
template <class T, int kWidth>
constexpr int kOwnRows = sizeof(T) == 4 && kWidth <= 64 ? 64 : 32;

/// Blocks of a multiprocessor at a time, for which f32 has registers enough.
template <class T>
constexpr int kBlocksAtOnce = sizeof(T) == 4 ? 2 : 1;

/// Rows of a head in shared memory. The odd pitch puts 16 rows of a column in different banks.
template <class T, int kRows, int kWidth>
struct HeadTile {
  T at[kRows][kWidth + 1];

  /// By all threads: `rows` rows from `first` on; zeros take the place of what is beyond.
  __device__ void fetch(const StridedHeads<const T>& m, std::int64_t b, std::int64_t h,
                        std::int64_t first, std::int64_t rows, std::int64_t columns) {
#pragma unroll 1
    for (int e = static_cast<int>(threadIdx.x); e < kRows * kWidth; e += kPairThreads) {
      const int r = e / kWidth, c = e % kWidth;
      at[r][c] = r < rows && c < columns ? m.at(b, h, first + r, c) : T(0);
    }
  }
};

/// A number for each own row and each row of a tile. A warp writes 16 numbers of two rows: those of odd
/// rows have their halves exchanged, so that the two are in different banks.
template <class T, int kWidth>
struct PairTile {
  T numbers[kOwnRows<T, kWidth>][kOtherRows];

  __device__ T& at(int r, int c) { return numbers[r][c ^ r % 2 * kPairAcross]; }
  __device__ T at(int r, int c) const { return numbers[r][c ^ r % 2 * kPairAcross]; }
};

/// Which pairs of a tile are of a query that sees the key, a bit for each other row: a hidden pair is
/// left out of a chain.
template <class T, int kWidth>
struct SeenTile {
  std::uint16_t halves[kOwnRows<T, kWidth>][2];

  __device__ unsigned row(int r) const {
    return halves[r][0] | static_cast<unsigned>(halves[r][1]) << 16;
  }
};

__device__ inline int row_in_tile(int i) {
  return static_cast<int>(threadIdx.x) / kPairAcross + kPairAcross * i;
}
__device__ inline int column_in_tile(int j) {
  return static_cast<int>(threadIdx.x) % kPairAcross + kPairAcross * j;
}

template <class T, int kWidth>
constexpr int kRowsOfThread = kOwnRows<T, kWidth> / kPairAcross;
constexpr int kPairsBeside = kOtherRows / kPairAcross;

/// The pairs of a thread in a tile, f(i, j).
template <class T, int kWidth, class F>
__device__ __forceinline__ void for_each_pair(const F& f) {
#pragma unroll
  for (int i = 0; i < kRowsOfThread<T, kWidth>; ++i) {
#pragma unroll
    for (int j = 0; j < kPairsBeside; ++j) f(i, j);
  }
}

template <class T, int kWidth>
using Pairs = T[kRowsOfThread<T, kWidth>][kPairsBeside];

/// pairs = the chains over the columns of own and other rows.
template <class T, int kWidth>
__device__ __forceinline__ void pair_products(Pairs<T, kWidth>& pairs,
                                              const HeadTile<T, kOwnRows<T, kWidth>, kWidth>& own,
                                              const HeadTile<T, kOtherRows, kWidth>& other,
                                              std::int64_t columns) {
  for_each_pair<T, kWidth>([&](int i, int j) { pairs[i][j] = 0; });
#pragma unroll 4
  for (int c = 0; c < static_cast<int>(columns); ++c) {
    T x[kRowsOfThread<T, kWidth>], y[kPairsBeside];
#pragma unroll
    for (int i = 0; i < kRowsOfThread<T, kWidth>; ++i) x[i] = own.at[row_in_tile(i)][c];
#pragma unroll
    for (int j = 0; j < kPairsBeside; ++j) y[j] = other.at[column_in_tile(j)][c];
    for_each_pair<T, kWidth>(
        [&](int i, int j) { pairs[i][j] = std::fma(x[i], y[j], pairs[i][j]); });
  }
}

/// The elements of a thread in rows of a head: those of its rows, every 16th column.
template <class T, int kWidth>
struct RowChains {
  static constexpr int kColumns = kWidth / kPairAcross;
  T sums[kRowsOfThread<T, kWidth>][kColumns];

  template <class F>
  __device__ __forceinline__ void for_each(const F& f) {
#pragma unroll
    for (int i = 0; i < kRowsOfThread<T, kWidth>; ++i) {
#pragma unroll
      for (int c = 0; c < kColumns; ++c) f(sums[i][c], i, c);
    }
  }
  __device__ void clear() {
    for_each([](T& sum, int, int) { sum = 0; });
  }

  /// Goes on with the chains over `count` other rows, of the pairs that are seen.
  __device__ __forceinline__ void add(const PairTile<T, kWidth>& weights,
                                      const SeenTile<T, kWidth>& seen,
                                      const HeadTile<T, kOtherRows, kWidth>& other, int count) {
    unsigned bits[kRowsOfThread<T, kWidth>];
#pragma unroll
    for (int i = 0; i < kRowsOfThread<T, kWidth>; ++i) bits[i] = seen.row(row_in_tile(i));
#pragma unroll 1
    for (int r = 0; r < count; ++r) {
      T y[kColumns];
#pragma unroll
      for (int c = 0; c < kColumns; ++c) y[c] = other.at[r][column_in_tile(c)];
#pragma unroll
      for (int i = 0; i < kRowsOfThread<T, kWidth>; ++i) {
        if ((bits[i] >> r & 1) == 0) continue;
        const T x = weights.at(row_in_tile(i), r);
#pragma unroll
        for (int c = 0; c < kColumns; ++c) sums[i][c] = std::fma(x, y[c], sums[i][c]);
      }
    }
  }
};

/// Notes which pairs of the tile are seen, by a vote of the lanes: 16 of a row, 16 of the next one.
template <class T, int kWidth>
__device__ __forceinline__ void mark_seen(SeenTile<T, kWidth>& seen, int i, int j,
                                          bool pair_is_seen) {
  const unsigned votes = __ballot_sync(kAllLanes, pair_is_seen);
  const int of_row = lane() / kPairAcross * kPairAcross;
  if (lane() % kPairAcross == 0) {
    seen.halves[row_in_tile(i)][j] = static_cast<std::uint16_t>(votes >> of_row);
  }
}

/// Which tiles of others a block of own rows has to do with.
struct Along {
  std::int64_t begin, end;
};

/// The keys that the last of `rows` queries from `first` on may see.
__device__ inline Along keys_along(const AttentionSizes& s, std::int64_t first, std::int64_t rows) {
  const std::int64_t last = first + rows + (s.S - s.T);
  return {0, !s.causal || last > s.S ? s.S : last < 0 ? 0 : last};
}
/// The queries that may see the first key of a block, from whole tiles on.
__device__ inline Along queries_along(const AttentionSizes& s, std::int64_t first) {
  const std::int64_t begin = s.causal && first > s.S - s.T ? first - (s.S - s.T) : 0;
  return {begin / kOtherRows * kOtherRows, s.T};
}

__device__ inline int at_most(std::int64_t x, int most) {
  return x < most ? static_cast<int>(x) : most;
}

namespace {

template <class T, int kWidth>
struct TiledForward {
  HeadTile<T, kOwnRows<T, kWidth>, kWidth> q;
  HeadTile<T, kOtherRows, kWidth> other;  // keys, then their values
  PairTile<T, kWidth> p;
  SeenTile<T, kWidth> seen;
  T max[kOwnRows<T, kWidth>], sum[kOwnRows<T, kWidth>];
};

template <class T, int kWidth>
__global__ void __launch_bounds__(kPairThreads, kBlocksAtOnce<T>)
    tiled_attention(AttentionSizes s, T scale, StridedHeads<const T> q, StridedHeads<const T> k,
                    StridedHeads<const T> v, StridedHeads<T> y, T* max, T* sum, T* lse) {
  constexpr int kOwn = kOwnRows<T, kWidth>, kRows = kRowsOfThread<T, kWidth>;
  auto& tiles = *dynamic_shared<TiledForward<T, kWidth>>();
  const std::int64_t blocks = (s.T + kOwn - 1) / kOwn, head = blockIdx.x / blocks;
  const std::int64_t b = head / s.H, h = head % s.H, g = s.group(h);
  const std::int64_t first = blockIdx.x % blocks * kOwn;
  const int rows = at_most(s.T - first, kOwn);
  const Along keys = keys_along(s, first, rows);
  const auto is_seen = [&](int i, std::int64_t j) {
    return row_in_tile(i) < rows && j < s.S && s.sees(b, h, first + row_in_tile(i), j);
  };
  Pairs<T, kWidth> scores;
  const auto make_scores = [&](std::int64_t j0) {
    __syncthreads();
    tiles.other.fetch(k, b, g, j0, s.S - j0, s.D);
    __syncthreads();
    pair_products<T, kWidth>(scores, tiles.q, tiles.other, s.D);
  };
  tiles.q.fetch(q, b, h, first, rows, s.D);

  // Once for the largest score of each query.
  const auto larger = [](T x, T z) { return z > x ? z : x; };  // passes NaNs over
  T largest[kRows];
  for (T& x : largest) x = -kInfinity<T>;
  for (std::int64_t j0 = keys.begin; j0 < keys.end; j0 += kOtherRows) {
    make_scores(j0);
    for_each_pair<T, kWidth>([&](int i, int j) {
      if (is_seen(i, j0 + column_in_tile(j))) largest[i] = larger(largest[i], scores[i][j] * scale);
    });
  }
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
#pragma unroll
    for (int distance = kPairAcross / 2; distance > 0; distance /= 2) {
      largest[i] = larger(largest[i], __shfl_xor_sync(kAllLanes, largest[i], distance));
    }
    if (column_in_tile(0) == 0) tiles.max[row_in_tile(i)] = largest[i];
  }

  // Once more for the weights, their sums by rule 3 and y.
  constexpr int kWarps = kPairThreads / kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  T sums[kOwn / kWarps];  // of rows warp, warp + kWarps, ...
  for (T& x : sums) x = 0;
  RowChains<T, kWidth> out;
  out.clear();
  for (std::int64_t j0 = keys.begin; j0 < keys.end; j0 += kOtherRows) {
    make_scores(j0);
    for_each_pair<T, kWidth>([&](int i, int j) {
      const bool seen = is_seen(i, j0 + column_in_tile(j));
      mark_seen(tiles.seen, i, j, seen);
      tiles.p.at(row_in_tile(i), column_in_tile(j)) =
          seen ? probability(scores[i][j] * scale, largest[i]) : T(0);
    });
    __syncthreads();
    tiles.other.fetch(v, b, g, j0, s.S - j0, s.V);
#pragma unroll
    for (int r = 0; r < kOwn / kWarps; ++r) sums[r] += tiles.p.at(warp + kWarps * r, lane());
    __syncthreads();
    out.add(tiles.p, tiles.seen, tiles.other, at_most(s.S - j0, kOtherRows));
  }

  __syncthreads();
#pragma unroll
  for (int r = 0; r < kOwn / kWarps; ++r) {
    const int row = warp + kWarps * r;
    const T total = fold_lanes(sums[r], [](T x, T z) { return x + z; });
    if (lane() == 0) {
      tiles.sum[row] = total;
      if (row < rows) {
        const std::int64_t n = head * s.T + first + row;
        max[n] = tiles.max[row];
        sum[n] = total;
        lse[n] = tiles.max[row] + math::log(total);
      }
    }
  }
  __syncthreads();
  out.for_each([&](T x, int i, int c) {
    const int row = row_in_tile(i), column = column_in_tile(c);
    if (row >= rows || column >= s.V) return;
    const T total = tiles.sum[row];
    y.at(b, h, first + row, column) = total != 0 ? x / total : x;
  });
}

}  // namespace

/// The widest head whose tiles fit into shared memory.
constexpr std::int64_t kWidestTile = 128;

inline bool can_be_tiled(const AttentionSizes& s) {
  return s.D <= kWidestTile && s.V <= kWidestTile;
}

/// Starts a kernel with a block for every so many rows of `length` in each of `heads`.
template <class... Parameters, class... Arguments>
void launch_tiled(std::int64_t heads, std::int64_t length, int rows, std::size_t shared_bytes,
                  void (*kernel)(Parameters...), const Arguments&... arguments) {
  const std::int64_t blocks = heads * ((length + rows - 1) / rows), most = 0x7fffffff;
  check<ShapeError>(blocks <= most, "attention: expected at most ", most, " blocks, got ", blocks);
  if (blocks == 0) return;
  launch({dim3(static_cast<unsigned>(blocks)), dim3(kPairThreads), shared_bytes, stream()}, kernel,
         arguments...);
}

template <class T, int kWidth>
void run_tiled_attention_of(const AttentionSizes& s, const Tensor& q, const Tensor& k,
                            const Tensor& v, double scale, Tensor& y, Tensor& lse, Tensor& max,
                            Tensor& sum) {
  launch_tiled(s.B * s.H, s.T, kOwnRows<T, kWidth>, sizeof(TiledForward<T, kWidth>),
               &tiled_attention<T, kWidth>, s, static_cast<T>(scale), heads_of<T>(q),
               heads_of<T>(k), heads_of<T>(v), heads_to<T>(y), max.mutable_device_data<T>(),
               sum.mutable_device_data<T>(), lse.mutable_device_data<T>());
}

template <class T, class... Arguments>
void run_tiled_attention(const AttentionSizes& s, Arguments&... arguments) {
  if (s.D <= 64 && s.V <= 64) return run_tiled_attention_of<T, 64>(s, arguments...);
  run_tiled_attention_of<T, kWidestTile>(s, arguments...);
}

}  // namespace chainline::cuda
