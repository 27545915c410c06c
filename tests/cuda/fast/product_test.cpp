// Every contender for a product of the fast class against sums in f64, within what f32 additions in
// any order and one rounding to bf16 may lose.
#include "cuda/fast/product.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "cuda/stream.h"
#include "tests/support.h"

namespace chainline::test {
namespace {

using cuda::FastProduct;
using cuda::ProductContender;

constexpr Device kCuda{DeviceType::cuda, 0};

struct Case {
  std::int64_t M, N, K;
  bool a_transposed = false, b_transposed = false, bias = false, residual = false;
  DType c_type = DType::bf16;
  bool add = false;
  bool whole_numbers = false;
};

/// Numbers in [-1, 1), or whole ones in [-8, 8], that bf16 has, on the CPU.
Tensor numbers(std::int64_t n, std::uint64_t seed, bool whole, DType dtype = DType::bf16) {
  RandomSequence words = Generator(seed, "fast product").sequence(0, 0);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) {
    const auto x = static_cast<float>(2 * words.uniform() - 1);
    value = whole ? std::round(8 * x) : x;
  }
  return Tensor::from(values, {n}).to(dtype);
}

/// The largest error of an element of C in units of its bound; infinite beyond it.
///
/// Products of bf16 have 16 bits and are exact in f32. Each of n additions, in any order, loses at
/// most 2^-23 of what stands then, rounded to nearest or not, which is at most S, the sum of the
/// magnitudes: n 2^-23 S, to first order, and n^2 2^-46 S beyond. Storing in bf16, with 8 bits, loses
/// 2^-8 of it, and rounding the bias to bf16 first, as some do, 2^-8 of that.
double worst_error(const ProductContender& contender, const Case& s) {
  const Tensor a = numbers(s.M * s.K, 1, s.whole_numbers);
  const Tensor b = numbers(s.K * s.N, 2, s.whole_numbers);
  const Tensor bias = numbers(s.N, 3, s.whole_numbers, DType::f32);
  const Tensor residual = numbers(s.M * s.N, 4, s.whole_numbers);
  const Tensor before = numbers(s.M * s.N, 5, s.whole_numbers, s.c_type);
  const Tensor da = a.to(kCuda), db = b.to(kCuda), dbias = bias.to(kCuda);
  const Tensor dresidual = residual.to(kCuda);
  Tensor c = before.to(kCuda);
  FastProduct p{.M = s.M,
                .N = s.N,
                .K = s.K,
                .a = da.device_data<bf16>(),
                .a_transposed = s.a_transposed,
                .b = db.device_data<bf16>(),
                .b_transposed = s.b_transposed,
                .bias = s.bias ? dbias.device_data<float>() : nullptr,
                .residual = s.residual ? dresidual.device_data<bf16>() : nullptr,
                .c = nullptr,
                .c_type = s.c_type,
                .add = s.add};
  p.c = s.c_type == DType::f32 ? static_cast<void*>(c.mutable_device_data<float>())
                               : c.mutable_device_data<bf16>();
  if (!contender.can(p)) return 0;
  contender.run(p, cuda::stream());

  const auto values = [](const Tensor& t) { return t.to(DType::f64).to_vector<double>(); };
  const std::vector<double> va = values(a), vb = values(b), vbias = values(bias);
  const std::vector<double> vresidual = values(residual), vbefore = values(before);
  const std::vector<double> after = values(c);
  const double n = static_cast<double>(s.K + 3), unit = 0x1p-23;
  double worst = 0;
  for (std::int64_t i = 0; i < s.M; ++i) {
    for (std::int64_t j = 0; j < s.N; ++j) {
      const auto at = static_cast<std::size_t>(i * s.N + j);
      double sum = 0, magnitude = 0;
      const auto add = [&](double term) {
        sum += term;
        magnitude += std::abs(term);
      };
      if (s.add) add(vbefore[at]);
      if (s.bias) add(vbias[static_cast<std::size_t>(j)]);
      if (s.residual) add(vresidual[at]);
      for (std::int64_t k = 0; k < s.K; ++k) {
        add(va[static_cast<std::size_t>(s.a_transposed ? k * s.M + i : i * s.K + k)] *
            vb[static_cast<std::size_t>(s.b_transposed ? j * s.K + k : k * s.N + j)]);
      }
      double bound = s.whole_numbers ? 0 : n * unit * (1 + n * unit) * magnitude;
      if (s.c_type == DType::bf16 && s.bias && !s.whole_numbers) {
        bound += 0x1p-8 * std::abs(vbias[static_cast<std::size_t>(j)]);
      }
      if (s.c_type == DType::bf16) bound += 0x1p-8 * (std::abs(sum) + bound);
      const double error = std::abs(after[at] - sum);
      if (!(error <= bound)) return HUGE_VAL;
      if (bound > 0) worst = std::max(worst, error / bound);
    }
  }
  return worst;
}

std::string text(const Case& s) {
  return std::to_string(s.M) + "x" + std::to_string(s.N) + "x" + std::to_string(s.K) + " " +
         (s.a_transposed ? "t" : "n") + (s.b_transposed ? "t" : "n") + (s.bias ? " bias" : "") +
         (s.residual ? " residual" : "") + (s.add ? " add " : " ") + std::string(name(s.c_type));
}

class Products : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device";
  }
};

TEST_F(Products, OurOwnKernelComesFirstAndCanDoAll) {
  ASSERT_FALSE(cuda::product_contenders().empty());
  const ProductContender& own = cuda::product_contenders()[0];
  EXPECT_STREQ(own.name, "own");
  for (const std::int64_t size : {0, 1, 7, 1000}) {
    EXPECT_TRUE(own.can(
        {.M = size, .N = size, .K = size, .a = {}, .b = {}, .c = {}, .c_type = DType::bf16}));
  }
}

// Tails in each direction, more than one tile, no k, no rows, all layouts.
TEST_F(Products, IsWithinWhatAdditionsAndOneRoundingMayLose) {
  for (const ProductContender& contender : cuda::product_contenders()) {
    double worst = 0;
    for (const auto& [M, N, K] : {std::array<std::int64_t, 3>{1, 1, 1},
                                  {5, 3, 0},
                                  {0, 3, 5},
                                  {67, 131, 41},
                                  {130, 72, 64}}) {
      for (int choice = 0; choice < 16; ++choice) {
        const bool f32 = (choice & 4) != 0, adds = f32 && (choice & 8) != 0;
        const Case s{.M = M,
                     .N = N,
                     .K = K,
                     .a_transposed = (choice & 1) != 0,
                     .b_transposed = (choice & 2) != 0,
                     .bias = !adds && (choice & 8) != 0,
                     .residual = !adds && (choice & 9) != 0,
                     .c_type = f32 ? DType::f32 : DType::bf16,
                     .add = adds};
        const double error = worst_error(contender, s);
        EXPECT_LE(error, 1) << contender.name << ' ' << text(s);
        worst = std::max(worst, error);
      }
    }
    std::cout << contender.name << ": at worst " << worst << " of the bound\n";
  }
}

// Whole numbers below 2^24 are exact in every order: no element is lost, twice or at another's place.
TEST_F(Products, IsExactOnWholeNumbers) {
  for (const ProductContender& contender : cuda::product_contenders()) {
    for (const bool a : {false, true}) {
      for (const bool b : {false, true}) {
        const Case s{.M = 136,
                     .N = 80,
                     .K = 72,
                     .a_transposed = a,
                     .b_transposed = b,
                     .bias = true,
                     .residual = true,
                     .c_type = DType::f32,
                     .whole_numbers = true};
        EXPECT_EQ(worst_error(contender, s), 0) << contender.name << ' ' << text(s);
      }
    }
  }
}

TEST_F(Products, RefusesSumsThatItCannotKeep) {
  FastProduct p{.M = 1, .N = 1, .K = 1, .a = {}, .b = {}, .c = {}, .c_type = DType::bf16};
  p.add = true;
  EXPECT_EQ(message_of<DTypeError>([&] { cuda::run_product(p, cuda::stream()); }),
            "product: c: expected dtype f32, got bf16");
  p.c_type = DType::f64, p.add = false;
  EXPECT_EQ(message_of<DTypeError>([&] { cuda::run_product(p, cuda::stream()); }),
            "product: c: expected dtype f32 or bf16, got f64");
  const float bias = 0;
  p.c_type = DType::f32, p.add = true, p.bias = &bias;
  EXPECT_EQ(message_of<ValueError>([&] { cuda::run_product(p, cuda::stream()); }),
            "product: expected a sum without bias and residual, got one with them");
}

}  // namespace
}  // namespace chainline::test
