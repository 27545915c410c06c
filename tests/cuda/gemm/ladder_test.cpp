// Each step of the ladder on the device of the build: the exact ones give the bits of the CPU, those on
// tensor cores the sums of whole numbers, which are exact in every order. Prints what each reaches.

#include "cuda/gemm/ladder.h"

#include <iostream>

#include "cuda/stream.h"
#include "tensor/backend.h"
#include "tensor/ops/matmul.h"
#include "tests/support.h"

namespace chainline::cuda {
namespace {

constexpr Device kCuda{DeviceType::cuda, 0};

class Ladder : public testing::Test {
 protected:
  void SetUp() override {
    if (device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device";
    if (!backend(0).measures()) M = 70, N = 90, K = 40;
  }

  /// Whole numbers in [-8, 8].
  static Tensor whole(const Shape& shape, std::uint64_t seed) {
    RandomSequence words = Generator(seed, "ladder").sequence(0, 0);
    std::vector<float> values(static_cast<std::size_t>(shape.numel()));
    for (float& v : values) v = static_cast<float>(words.below(17)) - 8;
    return Tensor::from(values, shape);
  }

  template <class Run>
  Tensor result(const char* name, const Run& run) {
    Tensor c = Tensor::empty({M, N}, DType::f32, kCuda);
    run(c.mutable_device_data<float>());  // what is set up at first
    const double seconds = backend(0).seconds_of([&] { run(c.mutable_device_data<float>()); });
    if (backend(0).measures()) {
      std::cout << name << ": " << 2e-9 * static_cast<double>(M * N * K) / seconds << " GFLOP/s\n";
    }
    return c.to(kCpu);
  }

  std::int64_t M = 4000, N = 4100, K = 4096;
};

TEST_F(Ladder, ExactStepsGiveTheBitsOfTheCpu) {
  const Tensor a = test::randn({M, K}, 1, DType::f32), b = test::randn({K, N}, 2, DType::f32);
  const Tensor da = a.to(kCuda), db = b.to(kCuda), expected = ops::matmul(a, b);
  for (const LadderStep<float>& step : exact_ladder()) {
    const Tensor c = result(step.name, [&](float* to) {
      step.run(M, N, K, da.device_data<float>(), db.device_data<float>(), to, stream());
    });
    EXPECT_TRUE(same_bits(c, expected)) << step.name;
  }
}

TEST_F(Ladder, StepsOnTensorCoresAreExactOnWholeNumbers) {
  const Tensor a = whole({M, K}, 1), b = whole({K, N}, 2), expected = ops::matmul(a, b);
  const Tensor da = a.to(DType::bf16).to(kCuda), db = b.to(DType::bf16).to(kCuda);
  for (const LadderStep<bf16>& step : core_ladder()) {
    const Tensor c = result(step.name, [&](float* to) {
      step.run(M, N, K, da.device_data<bf16>(), db.device_data<bf16>(), to, stream());
    });
    EXPECT_TRUE(same_bits(c, expected)) << step.name;
  }
}

#ifdef CHAINLINE_HAS_HOPPER_STEP

TEST_F(Ladder, TheStepForHopperIsExactOnWholeNumbers) {
  const DeviceProperties device = device_properties(0);
  if (device.major != 9) GTEST_SKIP() << device.name << " is no Hopper";
  const Tensor a = whole({M, K}, 1), b = whole({N, K}, 2);
  const Tensor da = a.to(DType::bf16).to(kCuda), db = b.to(DType::bf16).to(kCuda);
  const Tensor c = result("hopper", [&](float* to) {
    run_hopper_step(M, N, K, da.device_data<bf16>(), db.device_data<bf16>(), to, stream());
  });
  EXPECT_TRUE(same_bits(c, ops::matmul(a, b.transpose(0, 1))));
}

#endif

}  // namespace
}  // namespace chainline::cuda
