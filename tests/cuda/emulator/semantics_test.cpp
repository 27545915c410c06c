// What CUDA's words mean, on kernels whose results anyone can work out.
#include "tests/cuda/emulator/semantics.cu"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "tests/cuda/emulator/device_array.h"
#include "tests/cuda/emulator/each_order.h"

namespace chainline::test {
namespace {

using emulator::Order;
using emulator::Settings;

/// Each claim holds in every order of the threads, and with blocks on several OS threads.
class Semantics : public EachOrder {};

INSTANTIATE_TEST_SUITE_P(Orders, Semantics,
                         testing::Values(Settings{}, Settings{Order::reverse},
                                         Settings{Order::random, 1}, Settings{Order::random, 2},
                                         Settings{Order::random, 3}, Settings{Order::index, 0, 2}),
                         name_of);

template <class T>
std::vector<T> ascending(int n) {
  std::vector<T> v(static_cast<std::size_t>(n));
  std::iota(v.begin(), v.end(), T(0));
  return v;
}

TEST_P(Semantics, EachThreadRunsOnceWithItsIndices) {
  DeviceArray<int> out(Unwritten{24 * 105});
  cuda::launch({dim3(2, 3, 4), dim3(7, 5, 3)}, &write_indices, out.data());
  const std::vector<int> values = out.values();
  for (int b = 0; b < 24; ++b) {
    for (int t = 0; t < 105; ++t) {
      ASSERT_EQ(values[static_cast<std::size_t>(b * 105 + t)], b * 1000 + t);
    }
  }
}

TEST_P(Semantics, SharedMemoryIsTheBlocksOwn) {
  const std::vector<float> x = ascending<float>(40 * 256);
  std::vector<float> expected = x;
  for (auto i = expected.begin(); i != expected.end(); i += 256) std::reverse(i, i + 256);
  DeviceArray<float> in(x), out(Unwritten{x.size()});
  cuda::launch({40, 256}, &reverse_blocks<float, 256>, in.data(), out.data());
  EXPECT_EQ(out.values(), expected);
  DeviceArray<float> dynamic(Unwritten{x.size()});
  cuda::launch({40, 256, 256 * sizeof(float)}, &reverse_blocks_dynamic, in.data(), dynamic.data());
  EXPECT_EQ(dynamic.values(), expected);
}

TEST_P(Semantics, DynamicSharedMemoryBeginsAsNan) {
  DeviceArray<float> out(Unwritten{32});
  cuda::launch({1, 32, 32 * sizeof(float)}, &read_unwritten_dynamic, out.data());
  for (const float v : out.values()) EXPECT_TRUE(std::isnan(v));
}

TEST_P(Semantics, ShufflesReadTheLaneThatCudaNames) {
  DeviceArray<int> out(Unwritten{9 * 32});
  cuda::launch({1, 32}, &shuffles, out.data());
  const std::vector<int> v = out.values();
  for (int l = 0; l < 32; ++l) {
    const auto row = [&](int r) { return v[static_cast<std::size_t>(r * 32 + l)]; };
    EXPECT_EQ(row(0), 5);
    EXPECT_EQ(row(1), l / 8 * 8 + 3);
    EXPECT_EQ(row(2), l < 2 ? l : l - 2);
    EXPECT_EQ(row(3), l % 16 + 3 < 16 ? l + 3 : l);
    EXPECT_EQ(row(4), l ^ 1);
    EXPECT_EQ(row(5), l < 16 ? l : l - 16) << "a later segment can't be read, an earlier one can";
    EXPECT_EQ(row(6), 7);
    EXPECT_EQ(row(7), 19);
    EXPECT_EQ(row(8), l % 8 < 3 ? l : l - 3);
  }
}

TEST_P(Semantics, VotesCountEveryThread) {
  DeviceArray<unsigned> out(Unwritten{7 * 64});
  cuda::launch({1, 64}, &votes, out.data());
  const std::vector<unsigned> v = out.values();
  const unsigned expected[] = {0x49249249u, 1, 0, 1, 40, 0, 1};
  for (std::size_t row = 0; row < 7; ++row) {
    for (std::size_t t = 0; t < 64; ++t) EXPECT_EQ(v[row * 64 + t], expected[row]) << row;
  }
}

TEST_P(Semantics, PartsOfAWarpMeetApart) {
  DeviceArray<unsigned> out(Unwritten{32});
  cuda::launch({1, 32}, &partial_masks, out.data());
  const std::vector<unsigned> v = out.values();
  for (unsigned l = 0; l < 32; ++l) {
    const unsigned first = l % 2 == 0 ? (l ^ 2) + l : (l ^ 2) * 100;
    EXPECT_EQ(v[l], first + (l < 16 ? 0 : 16) + (1u << 4));
  }
}

TEST_P(Semantics, LanesThatTheLastWarpLacksAreNotWaitedFor) {
  DeviceArray<int> out(Unwritten{38});
  cuda::launch({1, 38}, &last_warp_is_short, out.data());
  const std::vector<int> v = out.values();
  for (int t = 0; t < 38; ++t) EXPECT_EQ(v[static_cast<std::size_t>(t)], t ^ 1);
}

TEST_P(Semantics, AtomicsLoseNothing) {
  DeviceArray<int> ints({0, 1000, -1000, 0});
  DeviceArray<unsigned> words({~0u, 0, 0, 0});
  DeviceArray<float> floats(std::vector<float>{0});
  DeviceArray<unsigned long long> longs({0, 0});
  cuda::launch({20, 50}, &atomics, ints.data(), words.data(), floats.data(), longs.data());
  EXPECT_EQ(ints.values(), (std::vector<int>{999 * 1000 / 2, 0, 999, -1000}));
  EXPECT_EQ(words.values(), (std::vector<unsigned>{0, 0xffff, 0, 0}));
  EXPECT_EQ(floats.values()[0], 500);
  EXPECT_EQ(longs.values(), (std::vector<unsigned long long>{1000ull << 32, 2000}));
}

TEST_P(Semantics, SharedCountersAreTheBlocksOwn) {
  DeviceArray<int> out(Unwritten{9});
  cuda::launch({9, 77}, &count_even, out.data());
  EXPECT_EQ(out.values(), std::vector<int>(9, 39));
}

TEST_P(Semantics, AThreadMayWaitForAnothersStoreIfItPauses) {
  DeviceArray<int> flag({0}), out({0});
  cuda::launch({1, 64}, &wait_for_the_last, flag.data(), out.data());
  EXPECT_EQ(out.values()[0], 1);
}

TEST_P(Semantics, AThreadMayPauseForLong) {
  DeviceArray<int> out(Zeros{32});
  cuda::launch({1, 32}, &pauses_often, out.data());
  EXPECT_EQ(out.values(), std::vector<int>(32, 1));
}

TEST_P(Semantics, ArgumentsAreConvertedAsByACall) {
  DeviceArray<int> out(Unwritten{1});
  cuda::launch({1, 1}, &parameters, out.data(), 3.5, 10, 100.0f);
  EXPECT_EQ(out.values()[0], 117);
}

TEST_P(Semantics, MultiplyAndAddAreNotFused) {
  DeviceArray<int> out(Unwritten{1});
  const float a = 1 + 0x1p-12f;
  cuda::launch({1, 1}, &contraction, out.data(), a, -(1 + 0x1p-11f));
  EXPECT_EQ(out.values()[0], 1);
}

std::string message_of(auto f) {
  try {
    f();
  } catch (const DeviceError& e) {
    return e.what();
  }
  return "no error";
}

TEST_P(Semantics, AKernelThatFailsStopsAtOnceAndLeavesTheEmulatorUsable) {
  for (int round = 0; round < 3; ++round) {
    DeviceArray<int> after({0});
    const std::string message = message_of([&] {
      cuda::launch({5, 64}, &stops_in, 40, after.data());
    });
    EXPECT_EQ(after.values()[0], 0);
    EXPECT_NE(message.find("__trap: semantics.cu:"), std::string::npos) << message;
    EXPECT_NE(message.find("thread (40,0,0)"), std::string::npos) << message;
  }
  DeviceArray<int> out(Unwritten{9});
  cuda::launch({9, 77}, &count_even, out.data());
  EXPECT_EQ(out.values(), std::vector<int>(9, 39));
}

TEST(Launch, RefusesWhatNoGpuTakes) {
  EXPECT_EQ(message_of([] {
              cuda::launch({1, 1025}, &stops_in, 0, nullptr);
            }),
            "launch: block: expected at most 1024 threads, 64 of them along z, got (1025,1,1)");
  EXPECT_EQ(message_of([] {
              cuda::launch({0, 32}, &stops_in, 0, nullptr);
            }),
            "launch: grid: expected at least one block, got (0,1,1)");
  EXPECT_EQ(message_of([] {
              cuda::launch({1, 32, 300000}, &stops_in, 0, nullptr);
            }),
            "launch: shared_bytes: expected at most 232448, got 300000");
}

TEST(Launch, RefusesMemoryOfTheHost) {
  std::vector<int> host(9);
  EXPECT_EQ(message_of([&] {
              cuda::launch({1, 1}, &count_even, host.data());
            }),
            "launch: argument 1: expected memory of the device, got a pointer to something else");
}

TEST(Runtime, RefusesCopiesThatDoNotFit) {
  DeviceArray<float> x(Unwritten{10});
  std::vector<float> host(20);
  EXPECT_EQ(message_of([&] {
              cuda::device_memcpy(x.data() + 1, host.data(), 40, cuda::Copy::to_device, nullptr);
            }),
            "device_memcpy: destination: expected at least 40 bytes of device memory, got 36");
  EXPECT_EQ(message_of([&] {
              cuda::device_memcpy(host.data(), host.data() + 5, 4, cuda::Copy::to_host, nullptr);
            }),
            "device_memcpy: source: expected memory of the device, got a pointer to something "
            "else");
}

}  // namespace
}  // namespace chainline::test
