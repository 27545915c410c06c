#include "tensor/ops/compare.h"

#include <gtest/gtest.h>

#include <limits>

#include "tensor/parallel.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;
using Bits = std::vector<std::uint8_t>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Tensor u8(const Bits& values) {
  return test::from<std::uint8_t>(values, {static_cast<std::int64_t>(values.size())});
}

TEST(Compare, AnswersEveryRelationAlsoForNan) {
  const Tensor a = test::from<float>({1, 2, 3, kNan, 1, kNan, -0.0f}, {7});
  const Tensor b = test::from<float>({2, 2, 2, 1, kNan, kNan, 0.0f}, {7});
  EXPECT_EQ(ops::equal(a, b).to_vector<std::uint8_t>(), (Bits{0, 1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(ops::not_equal(a, b).to_vector<std::uint8_t>(), (Bits{1, 0, 1, 1, 1, 1, 0}));
  EXPECT_EQ(ops::less(a, b).to_vector<std::uint8_t>(), (Bits{1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(ops::less_equal(a, b).to_vector<std::uint8_t>(), (Bits{1, 1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(ops::greater(a, b).to_vector<std::uint8_t>(), (Bits{0, 0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(ops::greater_equal(a, b).to_vector<std::uint8_t>(), (Bits{0, 1, 1, 0, 0, 0, 1}));
}

TEST(Compare, TellsLargeIntegersApart) {
  // Neighbours that one f64 stands for.
  const Tensor a = test::from<std::int64_t>({(1ll << 53) + 1}, {1});
  const Tensor b = test::from<std::int64_t>({1ll << 53}, {1});
  EXPECT_EQ(ops::greater(a, b).item<std::uint8_t>(), 1);
  EXPECT_EQ(ops::equal(a, b).item<std::uint8_t>(), 0);
}

TEST(Compare, StretchesBothOperands) {
  const Tensor row = test::arange(3, DType::i64), column = row.reshape({3, 1});
  EXPECT_EQ(ops::greater_equal(column, row).to_vector<std::uint8_t>(),
            (Bits{1, 0, 0, 1, 1, 0, 1, 1, 1}));
  EXPECT_EQ(ops::less(test::zeros({0, 3}, DType::i64), row).shape(), (Shape{0, 3}));
}

TEST(Compare, JoinsConditionsOfAnyNonzeroByte) {
  const Tensor a = u8({0, 0, 2, 4}), b = u8({0, 1, 0, 255});
  EXPECT_EQ(ops::logical_and(a, b).to_vector<std::uint8_t>(), (Bits{0, 0, 0, 1}));
  EXPECT_EQ(ops::logical_or(a, b).to_vector<std::uint8_t>(), (Bits{0, 1, 1, 1}));
  EXPECT_EQ(ops::logical_not(a).to_vector<std::uint8_t>(), (Bits{1, 1, 0, 0}));
}

TEST(Compare, KnowsFiniteNumbers) {
  const Tensor x = test::from<float>(
      {0, kNan, kInf, -kInf, std::numeric_limits<float>::max(), 1e-45f, -kNan}, {7});
  EXPECT_EQ(ops::is_finite(x).to_vector<std::uint8_t>(), (Bits{1, 0, 0, 0, 1, 1, 0}));
  EXPECT_EQ(ops::is_finite(u8({0, 255})).to_vector<std::uint8_t>(), (Bits{1, 1}));
}

TEST(Compare, RefusesWhatDoesNotFit) {
  const Tensor x = test::zeros({2, 3}, DType::f32);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::greater(x, test::zeros({2}, DType::f32)); }),
            "greater: shapes (2, 3) and (2) do not broadcast: 3 meets 2 in dimension -1");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::equal(x, x.to(DType::f64)); }),
            "equal: b: expected dtype f32, got f64");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::logical_and(x, x); }),
            "logical_and: expected dtype u8, got f32");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::logical_not(x); }),
            "logical_not: expected dtype u8, got f32");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::is_finite(x.to(DType::bf16)); }),
            "is_finite: expected dtype f32, f64, i64 or u8, got bf16; convert it with "
            "to(DType::f32)");
}

TEST(Compare, KeepsItsBitsForAnyStridesAndThreads) {
  const Tensor a = randn({300, 250}, 1, DType::f32), row = randn({250}, 2, DType::f32);
  const Tensor a_t = a.transpose(0, 1).clone().transpose(0, 1);
  const Tensor expected = ops::less(a, row.broadcast_to({300, 250}).clone());
  for (const int n : test::thread_counts()) {
    set_threads(n);
    EXPECT_TRUE(same_bits(ops::less(a_t, row), expected));
  }
}

}  // namespace
}  // namespace chainline
