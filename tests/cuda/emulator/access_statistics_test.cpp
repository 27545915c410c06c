// Bank cycles and sectors of accesses that can be counted by hand.
#include "cuda/emulator/checker/access_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/cuda/emulator/access_patterns.cu"
#include "tests/cuda/emulator/device_array.h"

namespace chainline::test {
namespace {

using emulator::Access;
using emulator::AccessStatistics;
using emulator::LineStatistics;
using emulator::Memory;

constexpr int kSize = 64;
constexpr std::uint64_t kWarps = kSize * kSize / 32;

/// The lines of one kind, in the order of the source.
std::vector<LineStatistics> only(const std::vector<LineStatistics>& all, Memory memory,
                                 Access kind) {
  std::vector<LineStatistics> some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some),
               [&](const LineStatistics& l) { return l.memory == memory && l.kind == kind; });
  return some;
}

std::vector<LineStatistics> of_transpose(void (*kernel)(const float*, float*, int)) {
  std::vector<float> numbers(kSize * kSize);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  DeviceArray<float> x(numbers), y(Unwritten{numbers.size()});
  AccessStatistics statistics;
  cuda::launch({dim3(kSize / 32, kSize / 32), dim3(32, 32)}, kernel, x.data(), y.data(), kSize);
  EXPECT_EQ(y.values()[1], kSize);
  return statistics.lines();
}

TEST(AccessStatistics, AColumnOfASquareTileIsInOneBank) {
  const auto reads = only(of_transpose(&transpose_tiles<32>), Memory::shared, Access::read);
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_EQ(reads[0].warp_accesses, kWarps);
  EXPECT_EQ(reads[0].each, 32);
  EXPECT_EQ(reads[0].ideal, 1);
  EXPECT_TRUE(reads[0].line.starts_with("access_patterns.cu:")) << reads[0].line;
}

TEST(AccessStatistics, APaddedTileHasOneBankCycleEverywhere) {
  const auto all = of_transpose(&transpose_tiles<33>);
  EXPECT_EQ(all.size(), 4u) << "a load and a store in each memory";
  for (const LineStatistics& l : all) {
    EXPECT_EQ(l.each, l.ideal) << l.line;
    EXPECT_EQ(l.each, l.memory == Memory::shared ? 1 : 4) << l.line;
    EXPECT_EQ(l.warp_accesses, kWarps) << l.line;
  }
}

TEST(AccessStatistics, ANaiveTransposeWritesASectorForEachLane) {
  const auto all = of_transpose(&transpose_naively);
  const auto reads = only(all, Memory::global, Access::read);
  const auto writes = only(all, Memory::global, Access::write);
  ASSERT_EQ(reads.size(), 1u);
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(reads[0].each, 4);
  EXPECT_EQ(writes[0].each, 32);
  EXPECT_EQ(writes[0].ideal, 4);
}

TEST(AccessStatistics, VectorsGoByQuartersOfAWarpAndABroadcastTakesOneCycle) {
  DeviceArray<float> y(Unwritten{32});
  AccessStatistics statistics;
  cuda::launch({1, 32}, &shared_patterns, y.data());
  const auto all = statistics.lines();
  const auto writes = only(all, Memory::shared, Access::write);
  double cycles = 0;  // g++ writes a float4 at once, clang by its members
  for (const LineStatistics& l : writes) cycles += l.each * static_cast<double>(l.warp_accesses);
  EXPECT_GE(cycles, 4) << "128 words";
  const auto reads = only(all, Memory::shared, Access::read);
  ASSERT_EQ(reads.size(), 2u);
  EXPECT_EQ(reads[0].each, 1) << "the same word for all";
  EXPECT_EQ(reads[1].each, 2) << "each second word: two in a bank";
  EXPECT_EQ(reads[1].ideal, 1);
}

TEST(AccessStatistics, TheTableNamesLineAndMemory) {
  DeviceArray<float> x(Zeros{kSize * kSize}), y(Unwritten{kSize * kSize});
  AccessStatistics statistics;
  cuda::launch({dim3(2, 2), dim3(32, 32)}, &transpose_tiles<32>, x.data(), y.data(), kSize);
  const std::string table = statistics.table();
  EXPECT_NE(table.find("shared read :    128 warp accesses, 32.00 bank cycles each (ideal 1.00)"),
            std::string::npos)
      << table;
}

}  // namespace
}  // namespace chainline::test
