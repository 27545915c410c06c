// The kernels behind Tensor's own copies.

#include "tensor/ops/copy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support.h"

namespace chainline {
namespace {

using test::randn;

TEST(Copy, GoesThroughAnyStridesOnBothSides) {
  const Tensor x = test::arange(24, DType::i64).reshape({2, 3, 4});
  Tensor y = test::zeros({4, 3, 2}, DType::i64);
  y.transpose(0, 2).copy_from(x);
  EXPECT_TRUE(same_bits(y, x.permute(std::vector<std::int64_t>{2, 1, 0})));
  y.narrow(1, 1, 1).copy_from(test::full({1, 1, 2}, -1, DType::i64).broadcast_to({4, 1, 2}));
  EXPECT_EQ(y.select(0, 3).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{3, 15, -1, -1, 11, 23}));
}

TEST(Copy, MovesEveryTypeAndNothing) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::u8}) {
    const Tensor x = test::arange(70, DType::i64).to(dtype).reshape({7, 10});
    EXPECT_TRUE(same_bits(x.transpose(0, 1).clone().transpose(0, 1).clone(), x)) << dtype;
    EXPECT_EQ(test::zeros({0, 3}, dtype).transpose(0, 1).clone().numel(), 0);
  }
}

TEST(Copy, KeepsTheBitsOfNansAndZeros) {
  const Tensor x = test::from<float>({-0.0f, std::nanf("7"), 0x1p-149f}, {3});
  EXPECT_TRUE(same_bits(x.clone(), x));
}

TEST(Convert, RoundsOnceBetweenAnyTwoTypes) {
  // Halfway between two bf16 and a little more: by way of f32 it would be halfway again.
  const double above_half = 1 + 0x1p-8 + 0x1p-40;
  const Tensor x = test::from<double>({above_half, 1 + 0x1p-8, -2.75, 1e300}, {4});
  EXPECT_EQ(x.to(DType::bf16).to(DType::f64).to_vector<double>(),
            (std::vector<double>{1 + 0x1p-7, 1, -2.75, HUGE_VAL}));
  EXPECT_EQ(x.to(DType::f32).to_vector<float>(),
            (std::vector<float>{1 + 0x1p-8f, 1 + 0x1p-8f, -2.75f, HUGE_VALF}));
  EXPECT_EQ(x.narrow(0, 0, 3).to(DType::i64).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{1, 1, -2}));
  const std::int64_t wide = (std::int64_t{1} << 53) + 1;
  EXPECT_EQ(test::from<std::int64_t>({wide}, {1}).to(DType::f64).item<double>(), 0x1p53);
}

TEST(Convert, TakesTheNearestIntegerBeyondTheirRange) {
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = test::from<double>({inf, -inf, nan, 0x1p63, -0x1.8p63, -0x1p63, -0.9}, {7});
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
  const std::vector<std::int64_t> wide{kHighest, kLowest, 0, kHighest, kLowest, kLowest, 0};
  EXPECT_EQ(x.to(DType::i64).to_vector<std::int64_t>(), wide);
  EXPECT_EQ(x.to(DType::f32).to(DType::i64).to_vector<std::int64_t>(), wide);
  EXPECT_EQ(
      test::from<float>({-1, 255, 255.5, 256, 3.7f}, {5}).to(DType::u8).to_vector<std::uint8_t>(),
      (std::vector<std::uint8_t>{0, 255, 255, 255, 3}));
}

TEST(Convert, ReadsStridedTensors) {
  const Tensor x = randn({5, 7}, 1).transpose(0, 1);
  EXPECT_TRUE(same_bits(x.to(DType::f32), x.contiguous().to(DType::f32)));
}

TEST(Fill, WritesThroughAnyStrides) {
  Tensor x = test::zeros({3, 4}, DType::f32);
  x.narrow(1, 1, 2).fill(7);
  x.select(0, 1).fill(0.1);
  EXPECT_EQ(x.to_vector<float>(),
            (std::vector<float>{0, 7, 7, 0, 0.1f, 0.1f, 0.1f, 0.1f, 0, 7, 7, 0}));
  Tensor nothing = test::zeros({0}, DType::f32);
  nothing.fill(1);
}

TEST(Fill, CountsAsOneWrite) {
  Tensor x = test::zeros({3}, DType::f32);
  const auto before = x.version();
  x.fill(1);
  EXPECT_EQ(x.version(), before + 1);
}

TEST(Arange, CountsInEveryType) {
  EXPECT_EQ(test::arange(3, DType::f64).to_vector<double>(), (std::vector<double>{0, 1, 2}));
  EXPECT_EQ(test::arange(300, DType::u8).to_vector<std::uint8_t>()[299], 43);
  EXPECT_EQ(test::arange(0, DType::i64).numel(), 0);
}

TEST(Copy, KeepsItsBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    const Tensor x = randn({130, 170}, 1, DType::f32);
    Tensor into = test::zeros({170, 130}, DType::f32);
    into.transpose(0, 1).copy_from(x);
    return std::vector<Tensor>{into, x.transpose(0, 1).clone(), x.to(DType::bf16)};
  });
}

}  // namespace
}  // namespace chainline
