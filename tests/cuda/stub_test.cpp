// A build without CUDA. This program is linked with the stub, whatever the build's own end is.

#include "tensor/backend.h"
#include "tensor/kernel.h"
#include "tensor/ops/layer_norm.h"
#include "tests/support.h"

namespace chainline {
namespace {

constexpr Device kCuda{DeviceType::cuda, 0};

TEST(Stub, HasNoDeviceAndSaysSo) {
  EXPECT_EQ(cuda::device_count(), 0);
  const char* const sentence =
      "device: cuda:0: no CUDA in this build; configure it with CHAINLINE_CUDA=ON or EMULATED";
  EXPECT_EQ(test::message_of<DeviceError>([] { cuda::backend(0); }), sentence);
  EXPECT_EQ(test::message_of<DeviceError>([] { Tensor::zeros({2}, DType::f32, kCuda); }), sentence);
  EXPECT_EQ(test::message_of<DeviceError>([] { Tensor::zeros({2}, DType::f32).to(kCuda); }),
            sentence);
}

TEST(Stub, HasNoKernels) {
  cuda::install_kernels();
  EXPECT_FALSE(kernel::layer_norm.has(DeviceType::cuda));
  const Tensor x = Tensor::zeros({2, 3}, DType::f32);
  Tensor y;
  EXPECT_EQ(test::message_of<DeviceError>([&] { kernel::layer_norm(kCuda, x, x, x, 0, y, y, y); }),
            "layer_norm: no kernel for cuda:0");
}

}  // namespace
}  // namespace chainline
