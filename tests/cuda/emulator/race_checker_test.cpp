// The race checker reports each planted fault of order, also those that never change a result, and
// stays silent about the same kernels without them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cuda/emulator/device_array.h"
#include "tests/cuda/emulator/each_order.h"
#include "tests/cuda/emulator/matrix_products.cu"
#include "tests/cuda/emulator/planted_faults.cu"

namespace chainline::test {
namespace {

class RaceChecker : public EachOrder {};

// A race is one whichever thread comes first.
INSTANTIATE_TEST_SUITE_P(Orders, RaceChecker, testing::ValuesIn(orders()), name_of);

std::string report_of(auto run) {
  try {
    run();
  } catch (const emulator::KernelError& e) {
    return e.what();
  }
  return "";
}

void expect_parts(const std::string& report, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(report.find(part), std::string::npos) << '"' << report << "\" lacks " << part;
  }
}

const std::vector<std::string> kRace = {"race: block (0,0,0) thread (",
                                        " at planted_faults.cu:", " what block (0,0,0) thread (",
                                        ", and nothing orders them"};

/// What is said of a kernel that computes y from x, on one block.
std::string report_of_one_block(void (*kernel)(const float*, float*), std::size_t bytes = 0) {
  DeviceArray<float> x(Zeros{kThreads}), y(Unwritten{kThreads});
  return report_of([&] { cuda::launch({1, kThreads, bytes}, kernel, x.data(), y.data()); });
}

TEST_P(RaceChecker, AMissingBarrierIsReported) {
  expect_parts(report_of_one_block(&no_barrier_reads_later<true>), kRace);
  expect_parts(report_of_one_block(&no_barrier_reads_earlier<true>), kRace);
  EXPECT_EQ(report_of_one_block(&no_barrier_reads_later<false>), "");
  EXPECT_EQ(report_of_one_block(&no_barrier_reads_earlier<false>), "");
}

TEST_P(RaceChecker, AMissingSecondBarrierOfATileLoopIsReported) {
  DeviceArray<float> x(Zeros{5 * kThreads}), y(Unwritten{kThreads});
  expect_parts(report_of([&] {
                 cuda::launch({1, kThreads}, &tile_loop<true>, x.data(), y.data(), 5);
               }),
               kRace);
  EXPECT_EQ(report_of([&] {
              cuda::launch({1, kThreads}, &tile_loop<false>, x.data(), y.data(), 5);
            }),
            "");
}

TEST_P(RaceChecker, ACopyThatMayBeQuickerThanAReaderIsReported) {
  DeviceArray<float> x(Zeros{5 * 4 * kThreads}), y(Unwritten{kThreads});
  expect_parts(report_of([&] {
                 cuda::launch({1, kThreads}, &pipelined_tile_loop<true>, x.data(), y.data(), 5);
               }),
               {"race: block (0,0,0) thread (", ", and nothing orders them"});
  EXPECT_EQ(report_of([&] {
              cuda::launch({1, kThreads}, &pipelined_tile_loop<false>, x.data(), y.data(), 5);
            }),
            "");
}

TEST_P(RaceChecker, AMissingSyncwarpIsReported) {
  expect_parts(report_of_one_block(&no_syncwarp<true>), kRace);
  EXPECT_EQ(report_of_one_block(&no_syncwarp<false>), "");
}

TEST_P(RaceChecker, AShuffleIsNoFence) {
  expect_parts(report_of_one_block(&shuffle_as_fence<true>), kRace);
  EXPECT_EQ(report_of_one_block(&shuffle_as_fence<false>), "");
}

TEST_P(RaceChecker, UnwrittenSharedMemoryIsReported) {
  const std::vector<std::string> parts = {
      "unwritten: block (0,0,0) thread (",
      " reads at planted_faults.cu:", " shared memory that no thread of the block has written"};
  constexpr std::size_t kBytes = kThreads * sizeof(float);
  expect_parts(report_of_one_block(&unwritten_static_shared<true>), parts);
  expect_parts(report_of_one_block(&unwritten_dynamic_shared<true>, kBytes), parts);
  EXPECT_EQ(report_of_one_block(&unwritten_static_shared<false>), "");
  EXPECT_EQ(report_of_one_block(&unwritten_dynamic_shared<false>, kBytes), "");
}

TEST_P(RaceChecker, WhatAnEarlierBlockWroteIsUnwritten) {
  const auto report = [](auto kernel) {
    DeviceArray<float> x(Zeros{kThreads}), y(Unwritten{kThreads});
    return report_of([&] { cuda::launch({3, kThreads}, kernel, x.data(), y.data()); });
  };
  expect_parts(report(&leftover_of_another_block<true>), {"unwritten: block (2,0,0) thread ("});
  EXPECT_EQ(report(&leftover_of_another_block<false>), "");
}

TEST_P(RaceChecker, TwoThreadsThatWriteTheSameValueAreReported) {
  DeviceArray<int> y(Unwritten{kThreads});
  expect_parts(report_of([&] {
                 cuda::launch({1, kThreads}, &two_write_the_same<true>, y.data());
               }),
               kRace);
  EXPECT_EQ(report_of([&] {
              cuda::launch({1, kThreads}, &two_write_the_same<false>, y.data());
            }),
            "");
}

TEST_P(RaceChecker, BlocksThatUpdateOneWordAreReported) {
  DeviceArray<int> counter({0});
  expect_parts(report_of([&] {
                 cuda::launch({8, 32}, &blocks_share_a_counter<true>, counter.data());
               }),
               {"race: block (", "thread (0,0,0)", "at planted_faults.cu:"});
  EXPECT_EQ(report_of([&] {
              cuda::launch({8, 32}, &blocks_share_a_counter<false>, counter.data());
            }),
            "");
}

TEST_P(RaceChecker, AReadOfWhatANeighbourWritesIsReported) {
  const std::vector<float> numbers(3 * kThreads);
  for (const int threads : {kThreads, 1}) {  // neighbour threads, neighbour blocks
    DeviceArray<float> x(numbers), y(numbers);
    const unsigned n = 3 * kThreads, blocks = n / static_cast<unsigned>(threads);
    expect_parts(report_of([&] {
                   cuda::launch({blocks, threads}, &reads_what_a_neighbour_writes<true>, x.data(),
                                y.data(), n);
                 }),
                 {"race: ", "nothing orders them"});
    EXPECT_EQ(report_of([&] {
                cuda::launch({blocks, threads}, &reads_what_a_neighbour_writes<false>, x.data(),
                             y.data(), n);
              }),
              "");
  }
}

TEST_P(RaceChecker, AMissingFenceBeforeATicketIsReported) {
  const std::vector<int> numbers = {3, 1, 4, 1, 5, 9, 2, 6};
  const auto report = [&](auto kernel) {
    DeviceArray<int> x(numbers), parts(Unwritten{8}), total({0});
    DeviceArray<unsigned> arrived(Zeros{1});
    const std::string text = report_of([&] {
      cuda::launch({8, 64}, kernel, x.data(), parts.data(), arrived.data(), total.data());
    });
    EXPECT_EQ(total.values()[0], 62) << "right by chance, or by right";
    return text;
  };
  expect_parts(report(&last_block_adds<true>), {"race: block (", " wrote at planted_faults.cu:"});
  EXPECT_EQ(report(&last_block_adds<false>), "");
}

TEST_P(RaceChecker, AFenceBeforeABarrierCoversItsOwnThreadAlone) {
  const auto report = [](auto kernel) {
    DeviceArray<int> parts(Unwritten{8 * 64}), total({0});
    DeviceArray<unsigned> arrived(Zeros{1});
    return report_of([&] {
      cuda::launch({8, 64}, kernel, parts.data(), arrived.data(), total.data());
    });
  };
  expect_parts(report(&last_block_adds_all<true>), {"race: block (", " wrote at planted_faults"});
  EXPECT_EQ(report(&last_block_adds_all<false>), "");
}

TEST_P(RaceChecker, AFlagWithoutAFenceIsReported) {
  const auto report = [](auto kernel) {
    DeviceArray<int> flag({0}), y(Unwritten{64});
    return report_of([&] { cuda::launch({1, 64}, kernel, flag.data(), y.data()); });
  };
  expect_parts(report(&warp_waits_for_a_flag<true>), kRace);
  EXPECT_EQ(report(&warp_waits_for_a_flag<false>), "");
}

TEST_P(RaceChecker, ABrokenChainIsReportedAndAWholeOneIsNot) {
  const auto report = [](auto kernel) {
    DeviceArray<int> y(Unwritten{1});
    return report_of([&] { cuda::launch({1, 32}, kernel, y.data()); });
  };
  // In some orders the last lane reads before the first has written; that is a fault too.
  const std::string broken = report(&chain_of_syncwarps<true>);
  EXPECT_TRUE(broken.starts_with("race: ") || broken.starts_with("unwritten: ")) << broken;
  EXPECT_EQ(report(&chain_of_syncwarps<false>), "");
}

TEST_P(RaceChecker, APlainStoreOfWhatIsReadAtomicallyIsReported) {
  const auto report = [](auto kernel) {
    DeviceArray<int> flag({0}), y(Unwritten{32});
    return report_of([&] { cuda::launch({1, 32}, kernel, flag.data(), y.data()); });
  };
  const std::string plain = report(&plain_store_of_a_flag<true>);
  expect_parts(plain, {"atomically at planted_faults.cu:"});
  EXPECT_EQ(report(&plain_store_of_a_flag<false>), "");
}

TEST_P(RaceChecker, AWaitForCopiesThatIsTooShortIsReported) {
  DeviceArray<__nv_bfloat16> a(Zeros{16 * 64}), b(Zeros{64 * 16});
  DeviceArray<float> c(Unwritten{16 * 16});
  const auto report = [&](auto kernel) {
    return report_of([&] { cuda::launch({1, 32}, kernel, a.data(), b.data(), c.data(), 16, 64); });
  };
  expect_parts(report(&multiply_by_instructions<2>),
               {"unwritten: ", " reads at matrix_products.cu:"});
  EXPECT_EQ(report(&multiply_by_instructions<1>), "");
  EXPECT_EQ(report(&multiply_by_fragments<wmma::row_major>), "");
}

TEST_P(RaceChecker, ALaunchComesAfterTheOnesBefore) {
  DeviceArray<float> x(Zeros{kThreads}), y(Zeros{kThreads});
  EXPECT_EQ(report_of([&] {
              for (int i = 0; i < 3; ++i) {
                cuda::launch({1, kThreads}, &reads_what_a_neighbour_writes<false>, x.data(),
                             y.data(), kThreads);
                cuda::launch({1, kThreads}, &reads_what_a_neighbour_writes<false>, y.data(),
                             x.data(), kThreads);
              }
            }),
            "");
}

TEST(RaceCheckerReports, NameBothLines) {
  const std::string report = report_of_one_block(&no_barrier_reads_later<true>);
  // The kernel's store and its load are two lines apart.
  const auto line = [&](const std::string& before) {
    const std::size_t at = report.find(before);
    return at == std::string::npos ? -1 : std::atoi(report.c_str() + at + before.size());
  };
  const int writes = line(" writes at planted_faults.cu:");
  const int read = line(" read at planted_faults.cu:");
  EXPECT_GT(writes, 0) << report;
  EXPECT_EQ(read, writes + 2) << report;
}

}  // namespace
}  // namespace chainline::test
