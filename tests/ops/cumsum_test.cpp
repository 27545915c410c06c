#include "tensor/ops/cumsum.h"

#include <gtest/gtest.h>

#include <limits>

#include "tensor/parallel.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

TEST(Cumsum, RunsAlongEitherDimension) {
  const Tensor x = test::from<std::int64_t>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(ops::cumsum(x, 1).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{1, 3, 6, 4, 9, 15}));
  EXPECT_EQ(ops::cumsum(x, -2).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{1, 2, 3, 5, 7, 9}));
}

TEST(Cumsum, IsOneChainFromPlusZero) {
  for (const Shape& shape : {Shape{1}, Shape{997}, Shape{3, 33}, Shape{0}, Shape{2, 0}}) {
    const Tensor x = randn(shape, 1, DType::f32);
    const Tensor y = ops::cumsum(x, -1);
    ASSERT_EQ(y.shape(), shape);
    const std::vector<float> from = x.to_vector<float>(), sums = y.to_vector<float>();
    float sum = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (i % static_cast<std::size_t>(shape[-1]) == 0) sum = 0;
      sum += from[i];
      EXPECT_EQ(sums[i], sum);
    }
  }
  EXPECT_TRUE(same_bits(ops::cumsum(test::from<double>({-0.0, -0.0}, {2}), 0),
                        test::zeros({2}, DType::f64)));
}

TEST(Cumsum, WrapsIntegersAround) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(ops::cumsum(test::from<std::int64_t>({kMost, 1}, {2}), 0).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{kMost, std::numeric_limits<std::int64_t>::min()}));
}

TEST(Cumsum, RefusesWhatItCannotAdd) {
  EXPECT_EQ(message_of<DTypeError>([] { ops::cumsum(test::zeros({2}, DType::u8), 0); }),
            "cumsum: expected dtype f32, f64 or i64, got u8");
  EXPECT_NE(message_of<ShapeError>([] { ops::cumsum(test::zeros({}, DType::f32), 0); }),
            "(nothing was thrown)");
}

TEST(Cumsum, KeepsItsBitsForAnyStridesAndThreads) {
  const Tensor x = randn({6, 170, 90}, 1, DType::f32);
  const Tensor x_t = x.transpose(0, 2).clone().transpose(0, 2);
  for (std::int64_t d = 0; d < 3; ++d) {
    set_threads(1);
    const Tensor expected = ops::cumsum(x, d);
    for (const int n : test::thread_counts()) {
      set_threads(n);
      EXPECT_TRUE(same_bits(ops::cumsum(x_t, d), expected));
    }
  }
}

}  // namespace
}  // namespace chainline
