// Planted faults of memory that AddressSanitizer and UndefinedBehaviorSanitizer report. This file
// and the emulator that it links are compiled with both in every build.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tests/cuda/emulator/device_array.h"
#include "tests/cuda/emulator/planted_faults.cu"

namespace chainline::test {
namespace {

// A death test is a child process that must die with these words.
TEST(SanitizedFaults, AnIndexPastAStaticSharedArrayIsReportedWithItsLine) {
  DeviceArray<float> y(Unwritten{kThreads});
  EXPECT_DEATH(cuda::launch({1, kThreads}, &index_past_static_shared<true>, y.data()),
               "planted_faults.cu:[0-9]+:[0-9]+: runtime error: index 256 out of bounds");
  cuda::launch({1, kThreads}, &index_past_static_shared<false>, y.data());
  EXPECT_EQ(y.values()[3], kThreads - 4);
}

TEST(SanitizedFaults, APointerPastAStaticSharedArrayIsReported) {
  DeviceArray<float> y(Unwritten{kThreads});
  EXPECT_DEATH(cuda::launch({1, kThreads}, &point_past_static_shared<true>, y.data(), 1),
               "AddressSanitizer: global-buffer-overflow");
  cuda::launch({1, kThreads}, &point_past_static_shared<false>, y.data(), 1);
}

TEST(SanitizedFaults, TheFirstByteBehindDynamicSharedMemoryIsReported) {
  DeviceArray<float> y(Unwritten{kThreads});
  constexpr std::size_t kBytes = kThreads * sizeof(float);
  EXPECT_DEATH(cuda::launch({1, kThreads, kBytes}, &past_dynamic_shared<true>, y.data()),
               "AddressSanitizer: heap-buffer-overflow");
  cuda::launch({1, kThreads, kBytes}, &past_dynamic_shared<false>, y.data());
}

TEST(SanitizedFaults, TheFirstByteBehindAnAllocationIsReported) {
  constexpr unsigned n = 3 * kThreads - 7;
  DeviceArray<float> y(Unwritten{n});
  EXPECT_DEATH(cuda::launch({3, kThreads}, &past_global<true>, y.data(), n),
               "AddressSanitizer: heap-buffer-overflow");
  cuda::launch({3, kThreads}, &past_global<false>, y.data(), n);
}

#ifndef __clang__  // which checks what a struct is copied from less thoroughly
TEST(SanitizedFaults, AMisalignedVectorIsReportedWithItsLine) {
  DeviceArray<float> x(Zeros{8}), y(Unwritten{kThreads});
  EXPECT_DEATH(cuda::launch({1, kThreads}, &misaligned_vector<true>, x.data(), y.data()),
               "planted_faults.cu:[0-9]+:[0-9]+: runtime error: .*misaligned address");
  cuda::launch({1, kThreads}, &misaligned_vector<false>, x.data(), y.data());
}
#endif

TEST(SanitizedFaults, MemoryOfTheDeviceThatWasFreedIsReported) {
  auto* gone = static_cast<volatile float*>(cuda::device_malloc(sizeof(float)));
  cuda::device_free(const_cast<float*>(gone));
  EXPECT_DEATH(*gone = 1, "AddressSanitizer: heap-use-after-free");
}

TEST(SanitizedFaults, AHostThatReachesForMemoryOfTheDeviceIsReported) {
  DeviceArray<float> y(Unwritten{kThreads});
  volatile float* p = y.data();
  EXPECT_DEATH(*p = 1, "AddressSanitizer: use-after-poison");
  cuda::launch({1, kThreads}, &index_past_static_shared<false>, y.data());
  EXPECT_DEATH(*p = 1, "AddressSanitizer: use-after-poison") << "after a launch too";
  EXPECT_EQ(y.values()[0], kThreads - 1) << "a copy may";
}

// The sanitizers follow the switches between stacks: what is right stays silent, also when a kernel
// is left by an exception.
TEST(SanitizedFaults, CleanKernelsAreNotReported) {
  std::vector<float> x(5 * kThreads);
  std::iota(x.begin(), x.end(), 0.f);
  DeviceArray<float> in(x), out(Unwritten{kThreads});
  DeviceArray<int> flags(Unwritten{kThreads});
  for (int round = 0; round < 3; ++round) {
    cuda::launch({4, kThreads}, &tile_loop<false>, in.data(), out.data(), 5);
    cuda::launch({1, kThreads}, &no_syncwarp<false>, in.data(), out.data());
    EXPECT_EQ(out.values()[1], 30);
    EXPECT_THROW(cuda::launch({1, kThreads}, &barriers_on_two_lines<true>, flags.data()),
                 emulator::KernelError);
    EXPECT_THROW(cuda::launch({1, 64}, &whole_mask_in_half_a_warp<true>, flags.data()),
                 emulator::KernelError);
  }
}

}  // namespace
}  // namespace chainline::test
