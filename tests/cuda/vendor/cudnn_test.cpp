// cuDNN as a contender of attention: that it is there, that it has kernels for what is asked of it on
// a Hopper GPU, which needs none (tests/builds/cudnn_plans.sh), and, on a GPU, what they compute.

#include "cuda/vendor/cudnn.h"

#include <cmath>
#include <cstdlib>

#include "cuda/stream.h"
#include "tests/support.h"

namespace chainline::cuda::vendor {
namespace {

constexpr Device kCuda{DeviceType::cuda, 0};

/// An H100, as cuDNN describes devices.
const char* const kHopper =
    R"({"deviceName":"NVIDIA H100 80GB HBM3","cudaDeviceId":0,"deviceVer":900,"driverVer":13000,)"
    R"("totalGlobalMem":85000000000,"maxGridSize":[2147483647,65535,65535],)"
    R"("maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":132,)"
    R"("smClockRateKHz":1980000,"memClockRateKHz":2619000,"l2CacheSize":52428800,"warpSize":32,)"
    R"("maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,)"
    R"("reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,"pciDeviceId":0,)"
    R"("maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"isTccDriver":0,)"
    R"("supportCoopLaunch":1})";

/// Heads that lie in memory as (B, rows, heads, D).
FastAttention attention(std::int64_t B, std::int64_t H, std::int64_t G, std::int64_t T,
                        std::int64_t S, std::int64_t D, bool causal) {
  FastAttention a{};
  a.B = B, a.H = H, a.G = G, a.T = T, a.S = S, a.D = D;
  a.q_strides = {T * H * D, D, H * D};
  a.k_strides = a.v_strides = {S * G * D, D, G * D};
  a.causal = causal;
  a.scale = 1 / std::sqrt(static_cast<float>(D));
  return a;
}

// The shapes of the model of the benchmarks, rows that are no multiple of 64, groups, one query.
const FastAttention kShapes[] = {
    attention(32, 6, 6, 196, 196, 64, false), attention(32, 12, 12, 256, 256, 64, true),
    attention(32, 12, 4, 300, 300, 64, true), attention(4, 6, 6, 64, 64, 32, false),
    attention(2, 8, 2, 128, 128, 128, true),  attention(1, 8, 2, 1, 128, 64, false),
    attention(2, 3, 3, 257, 130, 64, false)};

std::string text(const FastAttention& a) {
  std::string shape;
  for (const std::int64_t n : {a.B, a.H, a.G, a.T, a.S, a.D}) shape += std::to_string(n) + ' ';
  return a.causal ? shape + "causal" : shape;
}

// Where it was found when the build was made. This needs no device.
TEST(Cudnn, IsThereWithAllFunctionsThatAreUsed) {
  EXPECT_EQ(cudnn_description().find("cuDNN 9"), 0U) << cudnn_description();
}

// cuDNN compiles its kernels and hands them to the driver, so it must find one; the script gives it
// one that takes everything.
TEST(Cudnn, HasKernelsForHopper) {
  if (std::getenv("CHAINLINE_FAKE_DRIVER") == nullptr) GTEST_SKIP() << "run by cudnn_plans.sh";
  for (const FastAttention& a : kShapes) {
    EXPECT_TRUE(cudnn_has_plan(a, false, kHopper)) << text(a);
    EXPECT_TRUE(cudnn_has_plan(a, true, kHopper)) << "backward: " << text(a);
  }
}

TEST(Cudnn, IsNotAskedForADiagonalThatItMayAlignOtherwise) {
  FastAttention a = attention(1, 1, 1, 3, 5, 64, true);
  EXPECT_FALSE(cudnn.can(a));
  a = attention(1, 1, 1, 5, 5, 60, false);  // rows of 120 bytes
  EXPECT_FALSE(cudnn.can(a));
}

Tensor on_device(const Shape& shape, std::uint64_t seed) {
  return test::randn(shape, seed).to(DType::bf16).to(kCuda);
}

/// The largest difference as a share of the largest number.
double off(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to(kCpu).to(DType::f64).to_vector<double>();
  const std::vector<double> y = b.to(kCpu).to(DType::f64).to_vector<double>();
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, std::abs(y[i]));
    const double d = std::abs(x[i] - y[i]);
    if (std::isnan(d)) return d;
    difference = std::max(difference, d);
  }
  return difference / largest;
}

// Our kernel keeps a derived bound (tests/ops/attention_bf16_test.cpp), cuDNN rounds weights and
// results to bf16 as it does. Three roundings of either side, of at most 2^-8 each, stay below 2^-5 of
// the largest number; a wrong mask or layout does not.
TEST(Cudnn, ComputesWhatOurKernelComputes) {
  if (device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device";
  const AttentionContender& own = attention_contenders()[0];
  for (FastAttention a : kShapes) {
    const Tensor q = on_device({a.B, a.T, a.H, a.D}, 1), k = on_device({a.B, a.S, a.G, a.D}, 2);
    const Tensor v = on_device({a.B, a.S, a.G, a.D}, 3), g = on_device({a.B, a.T, a.H, a.D}, 4);
    a.q = q.device_data<bf16>(), a.k = k.device_data<bf16>(), a.v = v.device_data<bf16>();
    ASSERT_TRUE(cudnn.can(a)) << text(a);
    const auto compute = [&](const AttentionContender& by) {
      std::vector<Tensor> results;
      for (const Shape& s : {q.shape(), q.shape(), k.shape(), v.shape()}) {
        results.push_back(Tensor::zeros(s, DType::bf16, kCuda));
      }
      results.push_back(Tensor::zeros({a.B, a.H, a.T}, DType::f32, kCuda));
      FastAttention call = a;
      call.y = results[0].mutable_device_data<bf16>();
      call.lse = results[4].mutable_device_data<float>();
      by.run(call, stream());
      const FastAttentionGradient gradient{call,
                                           g.device_data<bf16>(),
                                           {a.T * a.H * a.D, a.D, a.H * a.D},
                                           results[1].mutable_device_data<bf16>(),
                                           results[2].mutable_device_data<bf16>(),
                                           results[3].mutable_device_data<bf16>()};
      EXPECT_TRUE(by.can_backward(gradient)) << by.name << ' ' << text(a);
      by.run_backward(gradient, stream());
      return results;
    };
    const std::vector<Tensor> ours = compute(own), theirs = compute(cudnn);
    const std::vector<Tensor> again = compute(cudnn);
    const char* const names[] = {"y", "dq", "dk", "dv", "lse"};
    for (std::size_t i = 0; i < ours.size(); ++i) {
      EXPECT_LE(off(theirs[i], ours[i]), 0x1p-5) << names[i] << ' ' << text(a);
      EXPECT_TRUE(same_bits(again[i].to(kCpu), theirs[i].to(kCpu))) << names[i] << ' ' << text(a);
    }
  }
}

}  // namespace
}  // namespace chainline::cuda::vendor
