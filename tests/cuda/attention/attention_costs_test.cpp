// What the versions of attention cost in memory: sectors of 32 bytes that move between global memory and a
// multiprocessor, and words that meet in a bank of shared memory.
// docs/lessons/attention.md quotes what this prints.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "cuda/attention/plain.cuh"
#include "cuda/attention/tiled.cuh"
#include "cuda/emulator/checker/access_statistics.h"
#include "cuda/fast/flash_backward.cuh"
#include "tensor/ops/attention.h"
#include "tests/support.h"

namespace chainline::test {
namespace {

using emulator::Access;
using emulator::AccessStatistics;
using emulator::LineStatistics;
using emulator::Memory;

constexpr Device kCuda{DeviceType::cuda, 0};

/// Of all lines of some launches.
struct Cost {
  double sectors_read = 0, sectors_written = 0;
  double worst_sectors_written = 0;  // of a line, as a multiple of what its bytes need
  double worst_bank = 0;             // the same of bank cycles
  std::string table;
};

template <class F>
Cost cost_of(const F& f) {
  Cost cost;
  AccessStatistics statistics;
  f();
  for (const LineStatistics& l : statistics.lines()) {
    const double units = l.each * static_cast<double>(l.warp_accesses);
    if (l.memory == Memory::global) {
      (l.kind == Access::read ? cost.sectors_read : cost.sectors_written) += units;
      if (l.kind == Access::write) {
        cost.worst_sectors_written = std::max(cost.worst_sectors_written, l.each / l.ideal);
      }
    } else {
      cost.worst_bank = std::max(cost.worst_bank, l.each / l.ideal);
    }
  }
  cost.table = statistics.table();
  return cost;
}

struct Problem {
  Tensor grad_y, q, k, v;
  ops::AttentionOptions options;

  Problem(std::int64_t T, std::int64_t S, std::int64_t D, bool causal, DType dtype)
      : grad_y(random({1, 1, T, D}, 1, dtype)),
        q(random({1, 1, T, D}, 2, dtype)),
        k(random({1, 1, S, D}, 3, dtype)),
        v(random({1, 1, S, D}, 4, dtype)),
        options{0.125, causal, {}} {}

  static Tensor random(const Shape& shape, std::uint64_t seed, DType dtype) {
    return randn(shape, seed, dtype).to(kCuda);
  }
};

/// The library's choice.
struct OfTheLibrary {
  static ops::AttentionResult forward(const Problem& p) {
    return ops::attention(p.q, p.k, p.v, p.options);
  }
  static void backward(const Problem& p, const ops::AttentionResult& out) {
    ops::attention_backward(p.grad_y, p.q, p.k, p.v, out, p.options);
  }
};

/// The plain kernels in f32.
struct Plain {
  static Tensor like(const Tensor& t) { return Tensor::empty(t.shape(), t.dtype(), kCuda); }
  static cuda::AttentionSizes sizes(const Problem& p) {
    return {p.q, p.k, p.v, p.options.causal, {}};
  }
  static ops::AttentionResult forward(const Problem& p) {
    const Shape rows = p.q.shape().without(-1);
    const auto statistic = [&] { return Tensor::empty(rows, DType::f32, kCuda); };
    ops::AttentionResult out{like(p.grad_y), statistic(), statistic(), statistic()};
    cuda::run_plain_attention<float>(sizes(p), p.q, p.k, p.v, p.options.scale, out.y, out.lse,
                                     out.max, out.sum);
    return out;
  }
  static void backward(const Problem& p, const ops::AttentionResult& out) {
    Tensor dq = like(p.q), dk = like(p.k), dv = like(p.v);
    cuda::run_plain_attention_backward<float>(sizes(p), p.grad_y, p.q, p.k, p.v, out.y, out.max,
                                              out.sum, p.options.scale, dq, dk, dv);
  }
};

void print(const char* what, const Cost& cost, double pairs) {
  std::printf("%s: for a pair of query and key %.4f sectors read, %.4f written\n%s", what,
              cost.sectors_read / pairs, cost.sectors_written / pairs, cost.table.c_str());
}

struct Both {
  Cost forward, backward;
};
template <class Version = OfTheLibrary>
Both costs_of(const char* what, const Problem& p) {
  Both both;
  ops::AttentionResult out;
  both.forward = cost_of([&] { out = Version::forward(p); });
  both.backward = cost_of([&] { Version::backward(p, out); });
  const auto pairs = static_cast<double>(p.q.shape()[2] * p.k.shape()[2]);
  print((std::string(what) + ", forward").c_str(), both.forward, pairs);
  print((std::string(what) + ", backward").c_str(), both.backward, pairs);
  return both;
}

// A warp's 32 pairs are a query and 32 keys, whose rows are apart: for each of D = 64 numbers a
// sector of the query and 32 of keys, 66 sectors a pair; for each pair 64 columns of y by two warps that
// share the weight and have 4 sectors of values each, 10 sectors. Scores move in between.
TEST(AttentionCosts, ThePlainKernelsFetchSeventySixSectorsAPair) {
  const Both costs = costs_of<Plain>("plain", Problem(128, 128, 64, false, DType::f32));
  const double pairs = 128 * 128, rows = 128;
  // Scores are read three times for the softmax, and written once more than the results.
  EXPECT_EQ(costs.forward.sectors_read, pairs * (66 + 10 + 3 / 8.0) + 2 * rows);
  EXPECT_EQ(costs.forward.sectors_written, pairs * 2 / 8 + rows * (64 / 8 + 3));
}

// A row of 64 numbers is 8 sectors. Each block of 64 queries goes over the keys twice and the values once.
TEST(AttentionCosts, TilesReadKeysTwiceAndValuesOnceForABlockOfQueries) {
  constexpr std::int64_t T = 128, S = 128, kRow = 8, kBlocks = T / cuda::kOwnRows<float, 64>;
  const Both costs = costs_of("tiled", Problem(T, S, 64, false, DType::f32));
  EXPECT_EQ(costs.forward.sectors_read, kBlocks * 3 * S * kRow + T * kRow);
  EXPECT_EQ(costs.forward.sectors_written, T * kRow + 3 * T);  // y, and a sector for each statistic
  EXPECT_EQ(costs.forward.worst_bank, 1);
  EXPECT_EQ(costs.backward.worst_bank, 1);
}

// In bf16 a row of 64 numbers is 4 sectors. Each block of 128 queries reads all keys and values.
TEST(AttentionCosts, FlashReadsKeysAndValuesOnceForABlockOfQueries) {
  constexpr std::int64_t T = 256, S = 256, kRow = 4;
  constexpr std::int64_t kBlocks = T / cuda::FlashForward<64>::kQueries;
  const Cost cost = costs_of("flash", Problem(T, S, 64, false, DType::bf16)).forward;
  EXPECT_EQ(cost.sectors_read, kBlocks * 2 * S * kRow + T * kRow);
  EXPECT_EQ(cost.sectors_written, T * kRow + T / 8 + 1);  // y, lse, and the 1 that stands for sums
}

TEST(AttentionCosts, FlashReadsOnlyTheKeysThatABlockSees) {
  constexpr std::int64_t T = 256, kRow = 4, kOwn = cuda::FlashForward<64>::kQueries;
  const Cost cost = costs_of("flash, causal", Problem(T, T, 64, true, DType::bf16)).forward;
  EXPECT_EQ(cost.sectors_read, 2 * (kOwn + T) * kRow + T * kRow);
}

// Each block of 64 queries reads all keys and values, and each block of 64 keys all queries and grad_y,
// besides their own; y and grad_y are read for delta, and lse and delta for both.
TEST(AttentionCosts, TheGradientOfFlashGoesTwiceOverThePairs) {
  constexpr std::int64_t T = 128, kRow = 4, kOwn = cuda::FlashBackward<64>::kOwn;
  const Cost cost = costs_of("flash", Problem(T, T, 64, false, DType::bf16)).backward;
  const std::int64_t of_statistics = 2 * T / 8 * (1 + T / kOwn);
  EXPECT_EQ(cost.sectors_read,
            2 * (T / kOwn * 2 * T * kRow + 2 * T * kRow) + 2 * T * kRow + of_statistics);
  EXPECT_EQ(cost.sectors_written, 3 * T * kRow + T / 4);  // four deltas of a warp
}

TEST(AttentionCosts, FlashWritesWholeSectorsAndHasNoTwoWordsInABank) {
  const Both costs = costs_of("flash", Problem(128, 128, 64, false, DType::bf16));
  for (const Cost& cost : {costs.forward, costs.backward}) {
    EXPECT_EQ(cost.worst_sectors_written, 1);
    EXPECT_EQ(cost.worst_bank, 1);
  }
}

// Their vectors are exchanged so that ldmatrix, which reads eight rows of 16 bytes at a time, never finds
// two words in a bank; what is counted above are the numbers one by one.
template <int kD>
void expect_eight_rows_in_all_banks() {
  using Tile = cuda::RowTile<64, kD>;
  for (int first = 0; first < 64; first += 8) {
    for (int v = 0; v < Tile::kInRow; ++v) {
      unsigned places = 0;
      for (int r = first; r < first + 8; ++r) {
        places |= 1u << (r * Tile::kInRow + Tile::exchanged(r, v)) % 8;
      }
      EXPECT_EQ(places, 0xffu) << "width " << kD << ", rows from " << first << ", vector " << v;
    }
  }
}

TEST(AttentionCosts, LdmatrixFindsEightRowsOfATileInAllBanks) {
  expect_eight_rows_in_all_banks<32>();
  expect_eight_rows_in_all_banks<64>();
  expect_eight_rows_in_all_banks<128>();
}

}  // namespace
}  // namespace chainline::test
