#include "tensor/ops/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/fast_class.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::central_differences;
using test::dot;
using test::max_abs_diff;
using test::message_of;
using test::randn;

constexpr double kTheta = 10000;

/// The formula by the C library, token by token.
Tensor rope_in_words(const Tensor& x, const std::vector<std::int64_t>& positions) {
  const std::int64_t H = x.shape()[1], T = x.shape()[2], D = x.shape()[3];
  const std::vector<double> from = x.to(DType::f64).to_vector<double>();
  std::vector<double> y(from.size());
  for (std::int64_t r = 0; r < x.numel() / D; ++r) {
    const std::int64_t b = r / T / H, t = r % T;
    const std::size_t token = static_cast<std::size_t>(b * T + t) % positions.size();
    for (std::int64_t i = 0; i < D / 2; ++i) {
      const double angle = static_cast<double>(positions[token]) *
                           std::pow(kTheta, -2.0 * static_cast<double>(i) / static_cast<double>(D));
      const auto low = static_cast<std::size_t>(r * D + i);
      const auto high = static_cast<std::size_t>(r * D + i + D / 2);
      y[low] = from[low] * std::cos(angle) - from[high] * std::sin(angle);
      y[high] = from[high] * std::cos(angle) + from[low] * std::sin(angle);
    }
  }
  return test::from(y, x.shape());
}

// D = 4 and theta = 100: the pairs (0, 2) and (1, 3) turn by p and p / 10.
TEST(Rope, TurnsKnownPairsByKnownAngles) {
  const Tensor x = test::from<double>({1, 0, 0, 1}, {1, 1, 1, 4});
  const Tensor y = ops::rope(x, test::from<std::int64_t>({3}, {1}), 100);
  const Tensor expected =
      test::from<double>({std::cos(3), -std::sin(0.3), std::sin(3), std::cos(0.3)}, {1, 1, 1, 4});
  EXPECT_LT(max_abs_diff(y, expected), 1e-15);
}

TEST(Rope, LeavesPositionZeroAsItIs) {
  const Tensor x = randn({2, 3, 1, 8}, 1);
  EXPECT_TRUE(same_bits(ops::rope(x, test::from<std::int64_t>({0}, {1}), kTheta), x));
}

// The angle is a product of a position and a power, each rounded: some 1e-16 of it, hence up to
// 1e-12 at position 4000 in f64, while in f32 only the last roundings show.
TEST(Rope, IsItsFormulaForSharedAndOwnPositions) {
  const Tensor x = randn({2, 3, 5, 14}, 1);
  const std::vector<std::int64_t> shared = {0, 1, 7, 500, 4000};
  const std::vector<std::int64_t> own = {0, 1, 2, 3, 4, 10, 11, 12, 13, 4095};
  for (const auto& [positions, shape] :
       {std::pair{shared, Shape{5}}, std::pair{own, Shape{2, 5}}}) {
    const Tensor p = test::from(positions, shape), expected = rope_in_words(x, positions);
    EXPECT_LT(max_abs_diff(ops::rope(x, p, kTheta), expected), 5e-12);
    EXPECT_LT(max_abs_diff(ops::rope(x.to(DType::f32), p, kTheta), expected), 1e-6);
  }
}

TEST(Rope, TakesOneTokenOneHeadAndNoTokens) {
  for (const Shape& shape :
       {Shape{1, 1, 1, 2}, Shape{1, 1, 3, 2}, Shape{2, 1, 0, 4}, Shape{2, 0, 3, 4}}) {
    const Tensor x = randn(shape, 1), p = test::arange(shape[2], DType::i64);
    const Tensor y = ops::rope(x, p, kTheta);
    if (x.numel() > 0) {
      EXPECT_LT(max_abs_diff(y, rope_in_words(x, p.to_vector<std::int64_t>())), 1e-14);
    }
  }
}

TEST(Rope, MakesProductsDependOnTheDistanceOnly) {
  const Tensor q = randn({1, 1, 1, 16}, 1), k = randn({1, 1, 1, 16}, 2);
  const auto at = [](const Tensor& x, std::int64_t position) {
    return ops::rope(x, test::from<std::int64_t>({position}, {1}), kTheta);
  };
  EXPECT_NEAR(dot(at(q, 9), at(k, 4)), dot(at(q, 105), at(k, 100)), 1e-12);
}

TEST(Rope, ReadsStridedOperands) {
  const Tensor p = test::arange(5, DType::i64);
  for (const Tensor& x :
       {randn({2, 5, 3, 8}, 1).transpose(1, 2), randn({2, 3, 8, 5}, 1).transpose(2, 3),
        randn({2, 1, 5, 8}, 1).broadcast_to({2, 3, 5, 8})}) {
    EXPECT_TRUE(same_bits(ops::rope(x, p, kTheta), ops::rope(x.contiguous(), p, kTheta)));
  }
}

TEST(Rope, HasTheGradientsOfCentralDifferences) {
  const Tensor x = randn({2, 2, 3, 6}, 1), grad_y = randn({2, 2, 3, 6}, 2);
  const Tensor p = test::from<std::int64_t>({0, 1, 2, 5, 6, 40}, {2, 3});
  const auto of_x = [&](const Tensor& at) { return dot(grad_y, ops::rope(at, p, kTheta)); };
  EXPECT_LT(max_abs_diff(ops::rope_backward(grad_y, p, kTheta), central_differences(of_x, x)),
            1e-8);
}

TEST(Rope, RefusesWhatDoesNotFit) {
  const Tensor x = randn({2, 3, 5, 8}, 1), p = test::arange(5, DType::i64);
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::rope(randn({2, 3, 5, 7}, 1), p, kTheta);
            }),
            "rope: x: expected shape (B, H, T, D) with an even D, got (2, 3, 5, 7)");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::rope(x, test::arange(3, DType::i64), kTheta); }),
            "rope: positions: expected shape (5) or (2, 5), got (3)");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::rope_backward(x, p.to(DType::f64), kTheta); }),
            "rope_backward: positions: expected dtype i64, got f64");
  EXPECT_EQ(message_of<ValueError>([&] { ops::rope(x, p, 0); }),
            "rope: theta: expected a number above 0, got 0");
}

TEST(Rope, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    const Tensor x = randn({3, 4, 70, 64}, 1, DType::f32), p = test::arange(70, DType::i64);
    return std::vector<Tensor>{ops::rope(x, p, kTheta), ops::rope_backward(x, p, kTheta)};
  });
}

TEST(Rope, OfBf16IsThatOfF32RoundedOnce) {
  const Tensor positions = test::arange(7, DType::i64);
  test::expect_f32_rounded_once(
      [&](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{
            ops::rope(x[0], positions, 1e4),
            ops::rope_backward(x[0].transpose(1, 2).contiguous().transpose(1, 2), positions, 1e4)};
      },
      {randn({2, 3, 7, 6}, 1)}, "rope: expected dtype f32 or f64, got bf16");
}

}  // namespace
}  // namespace chainline
