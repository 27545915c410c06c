// What the steps of the ladder cost in memory: no races, no two words in a bank, and so many sectors
// and bank cycles for each warp's fma. docs/lessons/gemm.md quotes the table that this prints.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "cuda/emulator/checker/access_statistics.h"
#include "cuda/gemm/fragments.cuh"
#include "cuda/gemm/pipelined.cuh"
#include "cuda/gemm/plain.cuh"
#include "cuda/gemm/register_tile.cuh"
#include "cuda/gemm/shared_tile.cuh"
#include "cuda/gemm/tensor_core.cuh"
#include "tests/cuda/gemm/products.h"

namespace chainline::test {
namespace {

using emulator::Access;
using emulator::AccessStatistics;
using emulator::LineStatistics;
using emulator::Memory;

/// Sums over all lines of a kernel, divided by its fmas of 32 lanes.
struct Cost {
  double sectors_read = 0, shared_cycles = 0, shared_reads = 0;
  double worst_bank = 0;  // the most bank cycles of a line, as a multiple of what it needs
  std::string table;
};

Cost cost_of(AccessStatistics& statistics, double fmas) {
  Cost cost;
  for (const LineStatistics& l : statistics.lines()) {
    const double units = l.each * static_cast<double>(l.warp_accesses) / (fmas / 32);
    if (l.memory == Memory::global) {
      if (l.kind == Access::read) cost.sectors_read += units;
    } else {
      cost.shared_cycles += units;
      if (l.kind == Access::read) {
        cost.shared_reads += static_cast<double>(l.warp_accesses) / (fmas / 32);
      }
      cost.worst_bank = std::max(cost.worst_bank, l.each / l.ideal);
    }
  }
  cost.table = statistics.table();
  return cost;
}

constexpr Sizes kWhole{128, 128, 32};

template <class T>
Cost cost_of(const Step<T>& step, Layout a, Layout b, const Sizes& s = kWhole) {
  AccessStatistics statistics;
  const Results<T> results = run_both<T>(step, s, a, b, GemmMode::store);
  EXPECT_EQ(results.device, results.cpu) << step.name;
  return cost_of(statistics, static_cast<double>(s.M * s.N * s.length * s.chains));
}

template <class T>
const Step<T> kPlain{"plain", &cuda::run_plain_gemm<T>};
template <class T>
const Step<T> kShared{"shared_tile", &cuda::run_shared_tile_gemm<T>};
template <class T>
const Step<T> kRegister{"register_tile", &cuda::run_register_tile_gemm<T>};
template <class T>
const Step<T> kPipelined{"pipelined", &cuda::run_pipelined_gemm<T>};

/// Compared as printed: divisors are powers of two, so the figures are exact.
void expect_cost(const Step<float>& step, Layout b, double sectors, double shared_reads) {
  const Cost cost = cost_of<float>(step, Layout::rows, b);
  std::printf(
      "%s, B by %s: for a warp's fma %.4f sectors, %.4f reads of shared memory, %.4f bank "
      "cycles\n%s",
      step.name, b == Layout::rows ? "rows" : "columns", cost.sectors_read, cost.shared_reads,
      cost.shared_cycles, cost.table.c_str());
  EXPECT_EQ(cost.sectors_read, sectors) << step.name;
  EXPECT_EQ(cost.shared_reads, shared_reads) << step.name;
}

// The lanes share a number of A, one sector, and have 32 neighbours in a row of B, four.
TEST(GemmCosts, APlainFmaReadsFiveSectorsAndManyMoreWhereLanesStandApart) {
  expect_cost(kPlain<float>, Layout::rows, 5, 0);
  expect_cost(kPlain<float>, Layout::columns, 33, 0);
}

// Two tiles of 32 by 32 numbers, 256 sectors, serve 32 * 32 * 32 fmas, 1024 of a warp.
TEST(GemmCosts, ASharedTileReadsASectorForFourFmasInBothLayouts) {
  expect_cost(kShared<float>, Layout::rows, 0.25, 2);
  expect_cost(kShared<float>, Layout::columns, 0.25, 2);
}

// Of each tile of 128 by 16, 256 sectors, 128 * 128 * 16 fmas, 8192 of a warp; 16 numbers for 64.
TEST(GemmCosts, ARegisterTileReadsAnEighthOfThatFromSharedMemory) {
  expect_cost(kRegister<float>, Layout::rows, 0.0625, 0.25);
  expect_cost(kRegister<float>, Layout::columns, 0.0625, 0.25);
}

// The same numbers by vectors of four.
TEST(GemmCosts, APipelineReadsSharedMemoryByVectors) {
#if defined(__clang__)
  GTEST_SKIP() << "clang copies a vector without announcing it";
#endif
  expect_cost(kPipelined<float>, Layout::rows, 0.0625, 0.0625);
  expect_cost(kPipelined<float>, Layout::columns, 0.0625, 0.0625);
}

template <class T>
void expect_no_two_words_in_a_bank() {
  for (const Step<T>& step : {kShared<T>, kRegister<T>, kPipelined<T>}) {
    for (const Layout a : {Layout::rows, Layout::columns}) {
      for (const Layout b : {Layout::rows, Layout::columns}) {
        const Cost cost = cost_of<T>(step, a, b, kWhole);
        EXPECT_EQ(cost.worst_bank, 1) << step.name << '\n' << cost.table;
      }
    }
  }
}

TEST(GemmCosts, InAWholeTileNoTwoWordsMeetInABank) {
  expect_no_two_words_in_a_bank<float>();
  expect_no_two_words_in_a_bank<double>();
}

TEST(GemmCosts, ATileOfPitch32HasItsColumnsInOneBank) {
  const Step<float> unpadded{"shared_tile", &cuda::run_shared_tile_gemm<float, 32>};
  EXPECT_EQ(cost_of<float>(unpadded, Layout::rows, Layout::rows).worst_bank, 1);
  EXPECT_EQ(cost_of<float>(unpadded, Layout::columns, Layout::columns).worst_bank, 32);
}

// A launch with a race throws. Tails of every tile, several chains, C that is read.
TEST(GemmCosts, NoStepHasARace) {
  for (const auto order : {emulator::Order::index, emulator::Order::reverse}) {
    emulator::set_settings({.order = order});
    for (const Layout layout : {Layout::rows, Layout::columns, Layout::shifted}) {
      for (const Step<float>& step :
           {kPlain<float>, kShared<float>, kRegister<float>, kPipelined<float>}) {
        const Results<float> results =
            run_both<float>(step, {131, 37, 35, 2}, layout, layout, GemmMode::add);
        EXPECT_EQ(results.device, results.cpu) << step.name;
      }
    }
  }
  emulator::set_settings({});
}

// Their operands are exchanged so that ldmatrix, which reads eight rows of 16 bytes at a time, never
// finds two words in a bank.
template <bool kAlongK>
void expect_eight_rows_in_all_banks() {
  using Tile = cuda::OperandTile<__nv_bfloat16, kAlongK, cuda::kCoreSide, cuda::kCoreDepth>;
  for (int first = 0; first < Tile::kRows; first += 8) {
    for (int v = 0; v < Tile::kInRow; ++v) {
      unsigned places = 0;
      for (int r = first; r < first + 8; ++r) {
        places |= 1u << (r * Tile::kInRow + Tile::exchanged(r, v)) % 8;
      }
      EXPECT_EQ(places, 0xffu) << "rows from " << first << ", vector " << v;
    }
  }
}

TEST(GemmCosts, LdmatrixFindsEightRowsInAllBanks) {
  expect_eight_rows_in_all_banks<true>();
  expect_eight_rows_in_all_banks<false>();
}

TEST(GemmCosts, NoStepOnTensorCoresHasARace) {
  constexpr std::int64_t M = 131, N = 40, K = 80;  // two tiles of k in each of two chains
  const DeviceArray<__nv_bfloat16> a(Zeros{M * K}), b(Zeros{K * N});
  const DeviceArray<float> c(Zeros{M * N});
  for (const auto order : {emulator::Order::index, emulator::Order::reverse}) {
    emulator::set_settings({.order = order});
    for (const bool turned : {false, true}) {
      const auto right = turned ? cuda::Matrix<__nv_bfloat16>{b.data(), 1, K}
                                : cuda::Matrix<__nv_bfloat16>{b.data(), N, 1};
      for (const auto run : {&cuda::run_fragment_gemm<>, &cuda::run_tensor_core_gemm<>}) {
        EXPECT_NO_THROW(run({.M = M,
                             .N = N,
                             .length = K / 2,
                             .chains = 2,
                             .mode = GemmMode::add,
                             .a = {a.data(), K, 1},
                             .b = right,
                             .c = c.data()},
                            1, {}, nullptr));
      }
    }
  }
  emulator::set_settings({});
}

}  // namespace
}  // namespace chainline::test
