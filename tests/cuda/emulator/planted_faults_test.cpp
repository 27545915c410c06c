// Each planted fault that a wrong result or the emulator itself can show is reported, and the same
// kernel without the fault is not. Faults for the sanitizers are in sanitized_faults_test.cpp, those
// for the race checker in race_checker_test.cpp.
#include "tests/cuda/emulator/planted_faults.cu"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "tests/cuda/emulator/device_array.h"

namespace chainline::test {
namespace {

using emulator::Order;
using emulator::Settings;
using Kernel = void (*)(const float*, float*);

class PlantedFaults : public testing::Test {
 protected:
  void TearDown() override { emulator::set_settings({}); }
};

/// Numbers that differ from those of all calls before, so that what a former kernel left in shared
/// memory is never right.
std::vector<float> fresh_numbers(int n) {
  static float next = 1;
  std::vector<float> x(static_cast<std::size_t>(n));
  for (float& v : x) v = next++;
  return x;
}

const std::vector<Settings> kShuffled = {{Order::reverse},
                                         {Order::random, 1},
                                         {Order::random, 2},
                                         {Order::random, 3},
                                         {Order::random, 4}};

/// In how many of the orders run(x, y) gives other values than expected(x).
int wrong_in(const std::vector<Settings>& orders, int n,
             const std::function<void(const float*, float*)>& run,
             const std::function<float(const std::vector<float>&, int)>& expected) {
  int wrong = 0;
  for (const Settings& s : orders) {
    emulator::set_settings(s);
    const std::vector<float> x = fresh_numbers(n);
    DeviceArray<float> in(x), out(Unwritten{kThreads});
    run(in.data(), out.data());
    const std::vector<float> y = out.values();
    bool same = true;
    for (int t = 0; t < kThreads; ++t) same &= y[static_cast<std::size_t>(t)] == expected(x, t);
    wrong += !same;
  }
  return wrong;
}

auto one_block(Kernel kernel, std::size_t shared_bytes = 0) {
  return [=](const float* x, float* y) { cuda::launch({1, kThreads, shared_bytes}, kernel, x, y); };
}

float at(const std::vector<float>& x, int i) { return x[static_cast<std::size_t>(i)]; }

const std::vector<Settings> kIndex = {{Order::index}};

TEST_F(PlantedFaults, AMissingBarrierBeforeALaterThreadsValueShowsInEachOrder) {
  const auto expected = [](const std::vector<float>& x, int t) {
    return at(x, (t + 1) % kThreads);
  };
  EXPECT_EQ(wrong_in(kIndex, kThreads, one_block(&no_barrier_reads_later<true>), expected), 1);
  EXPECT_EQ(wrong_in(kShuffled, kThreads, one_block(&no_barrier_reads_later<true>), expected), 5);
  EXPECT_EQ(wrong_in(kIndex, kThreads, one_block(&no_barrier_reads_later<false>), expected), 0);
  EXPECT_EQ(wrong_in(kShuffled, kThreads, one_block(&no_barrier_reads_later<false>), expected), 0);
}

TEST_F(PlantedFaults,
       AMissingBarrierBeforeAnEarlierThreadsValueShowsInOtherOrdersThanThatOfTheIndex) {
  const auto expected = [](const std::vector<float>& x, int t) {
    return at(x, t == 0 ? 0 : t - 1);
  };
  EXPECT_EQ(wrong_in(kIndex, kThreads, one_block(&no_barrier_reads_earlier<true>), expected), 0)
      << "if this order finds it too, the documentation says too little";
  EXPECT_EQ(wrong_in(kShuffled, kThreads, one_block(&no_barrier_reads_earlier<true>), expected), 5);
  EXPECT_EQ(wrong_in(kShuffled, kThreads, one_block(&no_barrier_reads_earlier<false>), expected),
            0);
}

TEST_F(PlantedFaults, AMissingSecondBarrierOfATileLoopShowsInEachOrder) {
  constexpr int kTiles = 5;
  const auto run = [=](auto kernel) {
    return [=](const float* x, float* y) { cuda::launch({1, kThreads}, kernel, x, y, 5); };
  };
  const auto expected = [](const std::vector<float>& x, int t) {
    float sum = 0;
    for (int k = 0; k < kTiles; ++k) sum += at(x, k * kThreads + (t + 1) % kThreads);
    return sum;
  };
  constexpr int kNumbers = kTiles * kThreads;
  EXPECT_EQ(wrong_in(kIndex, kNumbers, run(&tile_loop<true>), expected), 1);
  EXPECT_EQ(wrong_in(kShuffled, kNumbers, run(&tile_loop<true>), expected), 5);
  EXPECT_EQ(wrong_in(kIndex, kNumbers, run(&tile_loop<false>), expected), 0);
  EXPECT_EQ(wrong_in(kShuffled, kNumbers, run(&tile_loop<false>), expected), 0);
}

TEST_F(PlantedFaults, AMissingSyncwarpShowsInEachOrder) {
  const auto expected = [](const std::vector<float>& x, int t) { return at(x, t ^ 31); };
  EXPECT_EQ(wrong_in(kIndex, kThreads, one_block(&no_syncwarp<true>), expected), 1);
  EXPECT_EQ(wrong_in(kShuffled, kThreads, one_block(&no_syncwarp<true>), expected), 5);
  EXPECT_EQ(wrong_in(kIndex, kThreads, one_block(&no_syncwarp<false>), expected), 0);
  EXPECT_EQ(wrong_in(kShuffled, kThreads, one_block(&no_syncwarp<false>), expected), 0);
}

TEST_F(PlantedFaults, UnwrittenDynamicSharedMemoryShowsAsNan) {
  const auto expected = [](const std::vector<float>& x, int t) { return at(x, kThreads - 1 - t); };
  constexpr std::size_t kBytes = kThreads * sizeof(float);
  EXPECT_EQ(
      wrong_in(kIndex, kThreads, one_block(&unwritten_dynamic_shared<true>, kBytes), expected), 1);
  EXPECT_EQ(
      wrong_in(kIndex, kThreads, one_block(&unwritten_dynamic_shared<false>, kBytes), expected), 0);
}

/// What the emulator says about a kernel on one block, in each order; empty if it says nothing.
std::vector<std::string> reports(void (*kernel)(int*), int threads) {
  std::vector<std::string> all;
  for (const Settings& s : {Settings{}, Settings{Order::reverse}, Settings{Order::random, 1},
                            Settings{Order::random, 2}}) {
    emulator::set_settings(s);
    DeviceArray<int> y(Zeros{static_cast<std::size_t>(threads)});
    try {
      cuda::launch({1, threads}, kernel, y.data());
      all.emplace_back();
    } catch (const emulator::KernelError& e) {
      all.emplace_back(e.what());
    }
  }
  return all;
}

void expect_reported(const std::vector<std::string>& reports,
                     const std::vector<std::string>& parts) {
  for (const std::string& report : reports) {
    for (const std::string& part : parts) {
      EXPECT_NE(report.find(part), std::string::npos) << '"' << report << "\" lacks " << part;
    }
  }
}

void expect_nothing(const std::vector<std::string>& reports) {
  for (const std::string& report : reports) EXPECT_EQ(report, "");
}

TEST_F(PlantedFaults, AReturnBeforeABarrierIsReported) {
  expect_reported(reports(&returns_before_a_barrier<true>, 64),
                  {"__syncthreads: planted_faults.cu:", "block (0,0,0)",
                   "expected all threads at the barrier, got thread (", "that has returned"});
  expect_nothing(reports(&returns_before_a_barrier<false>, 64));
}

TEST_F(PlantedFaults, AReturnBeforeABarrierIsAllowedIfOneSaysSo) {
  Settings s;
  s.allow_early_return = true;
  emulator::set_settings(s);
  DeviceArray<int> y(Zeros{64});
  cuda::launch({1, 64}, &returns_before_a_barrier<true>, y.data());
  std::vector<int> expected(64);
  std::fill_n(expected.begin(), 40, 2);
  EXPECT_EQ(y.values(), expected);
}

TEST_F(PlantedFaults, BarriersOnTwoLinesAreReported) {
  expect_reported(reports(&barriers_on_two_lines<true>, 64),
                  {"__syncthreads: planted_faults.cu:",
                   "expected all threads at one barrier, got thread (", " at planted_faults.cu:"});
  expect_nothing(reports(&barriers_on_two_lines<false>, 64));
}

TEST_F(PlantedFaults, AWholeMaskInHalfAWarpIsReported) {
  expect_reported(reports(&whole_mask_in_half_a_warp<true>, 64),
                  {"deadlock: block (0,0,0)", "threads (0,0,0) to (15,0,0) at __shfl_xor_sync",
                   "with mask 0xffffffff", "threads (16,0,0) to (31,0,0) returned"});
  expect_nothing(reports(&whole_mask_in_half_a_warp<false>, 64));
}

TEST_F(PlantedFaults, AShuffleFromALaneOutsideTheMaskIsReported) {
  expect_reported(reports(&source_outside_the_mask<true>, 32),
                  {"__shfl_sync: planted_faults.cu:", "thread (",
                   "expected a source lane that takes part, got lane 20"});
  expect_nothing(reports(&source_outside_the_mask<false>, 32));
}

TEST_F(PlantedFaults, AMaskWithoutTheCallersLaneIsReported) {
  expect_reported(reports(&own_lane_not_in_the_mask<true>, 32),
                  {"thread (31,0,0): expected a mask with the calling lane 31, got 0x7fffffff"});
  expect_nothing(reports(&own_lane_not_in_the_mask<false>, 32));
}

TEST_F(PlantedFaults, OverlappingMasksThatWaitForEachOtherAreReported) {
  expect_reported(reports(&overlapping_masks<true>, 32),
                  {"deadlock", "with mask 0xfffff; threads (10,0,0) to (31,0,0) returned"});
  expect_nothing(reports(&overlapping_masks<false>, 32));
}

TEST_F(PlantedFaults, AWarpAndItsBlockThatWaitForEachOtherAreReported) {
  expect_reported(reports(&warp_and_block_wait<true>, 32),
                  {"deadlock", "threads (0,0,0) to (15,0,0) at __syncthreads",
                   "threads (16,0,0) to (31,0,0) at __syncwarp"});
  expect_nothing(reports(&warp_and_block_wait<false>, 32));
}

TEST_F(PlantedFaults, APauseWithoutEndIsReported) {
  expect_reported(reports(&waits_for_a_store_that_never_comes<true>, 32),
                  {"deadlock: block (0,0,0)", "thread (0,0,0) that pauses for ever at "});
  expect_nothing(reports(&waits_for_a_store_that_never_comes<false>, 32));
}

}  // namespace
}  // namespace chainline::test
