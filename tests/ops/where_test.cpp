#include "tensor/ops/where.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "tensor/ops/compare.h"
#include "tensor/parallel.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

TEST(Where, TakesEachElementFromItsSide) {
  const Tensor c = test::from<std::uint8_t>({1, 0, 7, 0}, {4});
  const Tensor a = test::arange(4, DType::i64), b = test::full({}, -1, DType::i64);
  EXPECT_EQ(ops::where(c, a, b).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{0, -1, 2, -1}));
}

TEST(Where, StretchesAllThree) {
  const Tensor c = test::from<std::uint8_t>({1, 0}, {2, 1});
  const Tensor a = test::from<double>({1, 2, 3}, {3}), b = test::zeros({2, 1, 1}, DType::f64);
  const Tensor y = ops::where(c, a, b);
  EXPECT_EQ(y.shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(y.to_vector<double>(), (std::vector<double>{1, 2, 3, 0, 0, 0, 1, 2, 3, 0, 0, 0}));
}

TEST(Where, LetsNothingOfTheOtherSideThrough) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const Tensor c = test::from<std::uint8_t>({1, 0, 1}, {3});
  const Tensor a = test::from<float>({-0.0f, kNan, 2}, {3});
  const Tensor b = test::from<float>({kNan, 1, -kInf}, {3});
  EXPECT_TRUE(same_bits(ops::where(c, a, b), test::from<float>({-0.0f, 1, 2}, {3})));
}

TEST(Where, KeepsTheBitsOfANanItTakes) {
  const auto odd = std::bit_cast<float>(0xffc12345u);
  const Tensor x = test::from<float>({odd, odd}, {2}), zero = test::zeros({2}, DType::f32);
  EXPECT_TRUE(same_bits(ops::where(test::full({2}, 1, DType::u8), x, zero), x));
}

TEST(Where, CopiesEveryDtype) {
  const Tensor c = test::from<std::uint8_t>({1, 0}, {2});
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::u8}) {
    const Tensor one = test::full({2}, 1, dtype), two = test::full({2}, 2, dtype);
    EXPECT_EQ(ops::where(c, one, two).to(DType::f64).to_vector<double>(),
              (std::vector<double>{1, 2}))
        << dtype;
  }
}

TEST(Where, RefusesWhatDoesNotFit) {
  const Tensor x = test::zeros({2, 3}, DType::f32), c = test::zeros({2, 3}, DType::u8);
  EXPECT_EQ(message_of<DTypeError>([&] { ops::where(x, x, x); }),
            "where: condition: expected dtype u8, got f32");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::where(c, x, c); }),
            "where: b: expected dtype f32, got u8");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::where(c, x, test::zeros({2}, DType::f32)); }),
            "where: shapes (2, 3) and (2) do not broadcast: 3 meets 2 in dimension -1");
}

TEST(Where, KeepsItsBitsForAnyStridesAndThreads) {
  const Tensor a = randn({300, 250}, 1, DType::f32), row = randn({250}, 2, DType::f32);
  const Tensor a_t = a.transpose(0, 1).clone().transpose(0, 1);
  const Tensor expected = ops::where(ops::less(a, row), a, row.broadcast_to({300, 250}).clone());
  for (const int n : test::thread_counts()) {
    set_threads(n);
    EXPECT_TRUE(same_bits(ops::where(ops::less(a_t, row), a_t, row), expected));
  }
}

}  // namespace
}  // namespace chainline
