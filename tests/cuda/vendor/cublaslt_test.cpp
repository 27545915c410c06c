// What of cuBLASLt is not a contender of plain products, which tests/cuda/fast/product_test.cpp
// tests: that it is there, and its products that end with GELU.

#include "cuda/vendor/cublaslt.h"

#include <cmath>
#include <vector>

#include "cuda/stream.h"
#include "tests/support.h"

namespace chainline::cuda::vendor {
namespace {

constexpr Device kCuda{DeviceType::cuda, 0};
constexpr std::int64_t kM = 40, kN = 24, kK = 16;

// Where it was found when the build was made. This needs no device.
TEST(Cublaslt, IsThereWithAllFunctionsThatAreUsed) {
  EXPECT_EQ(cublaslt_description().find("cuBLASLt 1"), 0U) << cublaslt_description();
}

Tensor numbers(const Shape& shape, std::uint64_t seed) {
  RandomSequence words = Generator(seed, "cublaslt").sequence(0, 0);
  std::vector<float> values(static_cast<std::size_t>(shape.numel()));
  for (float& v : values) v = static_cast<float>(2 * words.uniform() - 1);
  return Tensor::from(values, shape).to(DType::bf16);
}

double gelu(double x) {
  const double inner = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}

double gelu_slope(double x) {
  const double c = std::sqrt(2 / M_PI), t = std::tanh(c * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
}

/// x w^T in f64, w being N x K by rows.
std::vector<double> product(const Tensor& x, const Tensor& w) {
  const std::vector<double> a = x.to(DType::f64).to_vector<double>();
  const std::vector<double> b = w.to(DType::f64).to_vector<double>();
  std::vector<double> c;
  for (std::size_t i = 0; i < kM; ++i) {
    for (std::size_t j = 0; j < kN; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < kK; ++k) sum += a[i * kK + k] * b[j * kK + k];
      c.push_back(sum);
    }
  }
  return c;
}

struct Operands {
  Tensor x = numbers({kM, kK}, 1), w = numbers({kN, kK}, 2);
  Tensor bias = numbers({kN}, 3).to(DType::f32);  // numbers that bf16 has
  Tensor on_device_x = x.to(kCuda), on_device_w = w.to(kCuda), on_device_bias = bias.to(kCuda);
  Tensor y = Tensor::zeros({kM, kN}, DType::bf16, kCuda);
  Tensor before = Tensor::zeros({kM, kN}, DType::bf16, kCuda);

  FastGeluProduct problem(bool backward) {
    FastProduct p{.M = kM,
                  .N = kN,
                  .K = kK,
                  .a = on_device_x.device_data<bf16>(),
                  .b = on_device_w.device_data<bf16>(),
                  .b_transposed = true,
                  .c = y.mutable_device_data<bf16>(),
                  .c_type = DType::bf16};
    if (!backward) p.bias = on_device_bias.device_data<float>();
    return {p, before.mutable_device_data<bf16>(), backward};
  }
};

// The sums are off by at most 20 2^-23 of 20 terms below 1; gelu is computed with an approximate
// tanh, below 2^-10 of its argument's scale (PTX ISA, tanh.approx.f32); the bias and the result are
// rounded to bf16, each by at most 2^-8.
constexpr double kBound = 0x1p-7 + 0x1p-9;

TEST(Cublaslt, EndsProductsWithGelu) {
  if (device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device";
  Operands in;
  const FastGeluProduct p = in.problem(false);
  ASSERT_TRUE(cublaslt_can(p));
  cublaslt_run(p, stream());
  const std::vector<double> sums = product(in.x, in.w);
  const std::vector<double> bias = in.bias.to(DType::f64).to_vector<double>();
  const std::vector<double> y = in.y.to(DType::f64).to(kCpu).to_vector<double>();
  const std::vector<double> before = in.before.to(DType::f64).to(kCpu).to_vector<double>();
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double x = sums[i] + bias[i % kN];
    EXPECT_NEAR(before[i], x, kBound * (1 + std::abs(x)));
    EXPECT_NEAR(y[i], gelu(x), kBound * (1 + std::abs(x)));
  }
}

TEST(Cublaslt, EndsGradientsWithTheSlopeOfGelu) {
  if (device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device";
  Operands in;
  const Tensor before = numbers({kM, kN}, 4);
  in.before = before.to(kCuda);
  const FastGeluProduct p = in.problem(true);
  ASSERT_TRUE(cublaslt_can(p));
  cublaslt_run(p, stream());
  const std::vector<double> sums = product(in.x, in.w);
  const std::vector<double> x = before.to(DType::f64).to_vector<double>();
  const std::vector<double> y = in.y.to(DType::f64).to(kCpu).to_vector<double>();
  for (std::size_t i = 0; i < sums.size(); ++i) {
    EXPECT_NEAR(y[i], sums[i] * gelu_slope(x[i]), kBound * (1 + std::abs(sums[i])));
  }
}

TEST(Cublaslt, RefusesWhatItsGeluHasNot) {
  if (device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device";
  Operands in;
  FastGeluProduct p = in.problem(false);
  p.product.N = 12;  // no multiple of 8
  EXPECT_FALSE(cublaslt_can(p));
  p = in.problem(false);
  p.product.c_type = DType::f32;
  EXPECT_FALSE(cublaslt_can(p));
  p = in.problem(true);
  p.product.bias = in.on_device_bias.device_data<float>();
  EXPECT_FALSE(cublaslt_can(p));
}

}  // namespace
}  // namespace chainline::cuda::vendor
