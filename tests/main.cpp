// Runs the tests of ops, autograd and nn, which compute where CHAINLINE_TEST_DEVICE says, and holds
// each of them to it: on another device than the CPU, no kernel of the CPU may have run.

#include <iostream>

#include "tensor/backend.h"
#include "tests/support.h"

namespace chainline::test {
namespace {

class KernelsRunWhereTheyShould final : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    before_ = kernel_calls(DeviceType::cpu);
    MeantForTheCpu::calls = 0;
  }
  void OnTestEnd(const testing::TestInfo&) override {
    if (device() == kCpu) return;
    EXPECT_EQ(kernel_calls(DeviceType::cpu) - before_, MeantForTheCpu::calls)
        << "kernels of the CPU ran in a test for " << device();
  }

  std::uint64_t before_ = 0;
};

}  // namespace
}  // namespace chainline::test

int main(int argc, char** argv) {
  using namespace chainline;
  constexpr int kSkipped = 77;  // as tests/CMakeLists.txt tells ctest
  if (test::device().type == DeviceType::cuda && cuda::device_count() == 0) {
    std::cout << "skipped: this machine has no CUDA device\n";
    return kSkipped;
  }
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new test::KernelsRunWhereTheyShould);
  const int failed = RUN_ALL_TESTS();
  if (failed == 0 && test::device() != kCpu && kernel_calls(test::device().type) == 0) {
    std::cerr << "no kernel ran on " << test::device() << "\n";
    return 1;
  }
  return failed;
}
