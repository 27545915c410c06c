// What the backend says of itself: its clock, its limits, and who computes.

#include "tensor/backend.h"
#include "tensor/ops/copy.h"
#include "tests/support.h"

namespace chainline {
namespace {

class Limits : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device";
  }
};

TEST_F(Limits, AreAboveNothing) {
  const DeviceLimits limits = cuda::backend(0).measure_limits();
  EXPECT_GT(limits.f32_flops, 0);
  EXPECT_GT(limits.copy_bytes, 0);
  EXPECT_GT(limits.bf16_flops, cuda::backend(0).measures() ? limits.f32_flops : 0);
}

TEST_F(Limits, WorkThatIsAskedForIsDoneAndTakesTime) {
  Tensor x = Tensor::empty({1000}, DType::f32, Device{DeviceType::cuda, 0});
  EXPECT_GT(cuda::backend(0).seconds_of([&] { x.fill(3); }), 0);
  EXPECT_EQ(x.to(kCpu).to_vector<float>(), std::vector<float>(1000, 3.0F));
}

TEST_F(Limits, KernelsOfAnOpBeginWithOurOwn) {
  const Backend& backend = cuda::backend(0);
  ASSERT_FALSE(backend.kernels("product").empty());
  EXPECT_EQ(backend.kernels("product").front(), "own");
  EXPECT_TRUE(backend.kernels("prose").empty());
}

TEST_F(Limits, ChoicesAreThoseThatWereGiven) {
  Backend& backend = cuda::backend(0);
  const std::vector<KernelChoice> given = {{"product", "1x2x3 nn -> bf16", "own"}};
  backend.set_kernel_choices(given);
  EXPECT_EQ(backend.kernel_choices(), given);
  backend.set_kernel_choices({});
}

}  // namespace
}  // namespace chainline
