#include "tensor/ops/extremum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/parallel.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(Extremum, FindsTheLargestAndTheSmallest) {
  const Tensor x = test::from<double>({1, -5, 3, 4, 9, -6}, {2, 3});
  EXPECT_EQ(ops::amax(x, 1).to_vector<double>(), (std::vector<double>{3, 9}));
  EXPECT_EQ(ops::amin(x, 1).to_vector<double>(), (std::vector<double>{-5, -6}));
  EXPECT_EQ(ops::amax(x, 0).to_vector<double>(), (std::vector<double>{4, 9, 3}));
  EXPECT_EQ(ops::amin(x, -2, true).shape(), (Shape{1, 3}));
  EXPECT_EQ(ops::argmax(x, 1).to_vector<std::int64_t>(), (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(ops::argmax(x, 0).to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 1, 0}));
}

TEST(Extremum, AgreesWithAPlainSearchAlongEveryDimension) {
  for (const Shape& shape : {Shape{1, 1, 1}, Shape{3, 70, 5}, Shape{2, 7, 33}, Shape{0, 3, 2}}) {
    const Tensor x = randn(shape, 1, DType::f32);
    for (std::int64_t d = 0; d < 3; ++d) {
      if (shape[d] == 0) continue;
      const Tensor largest = ops::amax(x, d, true), smallest = ops::amin(x, d, true);
      const Tensor where = ops::argmax(x, d);
      const Tensor rows = x.transpose(d, 2).contiguous().reshape({-1, shape[d]});
      const auto most = largest.transpose(d, 2).to_vector<float>(),
                 least = smallest.transpose(d, 2).to_vector<float>();
      const auto index = where.unsqueeze(d).transpose(d, 2).to_vector<std::int64_t>();
      for (std::int64_t r = 0; r < rows.shape()[0]; ++r) {
        const std::vector<float> row = rows.select(0, r).to_vector<float>();
        const auto at = static_cast<std::size_t>(r);
        EXPECT_EQ(most[at], *std::max_element(row.begin(), row.end()));
        EXPECT_EQ(least[at], *std::min_element(row.begin(), row.end()));
        EXPECT_EQ(index[at], std::max_element(row.begin(), row.end()) - row.begin());
      }
    }
  }
}

TEST(Extremum, PropagatesNanWhereverItStands) {
  for (std::int64_t length : {1, 2, 40, 64}) {
    for (std::int64_t i = 0; i < length; ++i) {
      std::vector<double> values(static_cast<std::size_t>(length), kInf);
      values[static_cast<std::size_t>(i)] = -kNan;
      const Tensor row = test::from<double>(values, {length});
      const Tensor nan = test::full({}, kNan, DType::f64);
      EXPECT_TRUE(same_bits(ops::amax(row, 0), nan));
      EXPECT_TRUE(same_bits(ops::amin(row, 0), nan));
      EXPECT_EQ(ops::argmax(row, 0).item<std::int64_t>(), i);
      const Tensor columns = row.unsqueeze(1).broadcast_to({length, 2});
      EXPECT_TRUE(same_bits(ops::amax(columns, 0), nan.broadcast_to({2})));
      EXPECT_EQ(ops::argmax(columns, 0).to_vector<std::int64_t>(),
                (std::vector<std::int64_t>{i, i}));
    }
  }
}

TEST(Extremum, ArgmaxTakesTheFirstOfEqualsAndOfNans) {
  const Tensor x = test::from<double>({2, 7, 7, 1, -0.0, 0.0, 0.0, -1, 1, kNan, 9, kNan}, {3, 4});
  EXPECT_EQ(ops::argmax(x, 1).to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 0, 1}));
}

TEST(Extremum, FindsInfinitiesAndReturnsAZeroAsPlusZero) {
  const Tensor x = test::from<double>({-kInf, -kInf, -0.0, -0.0}, {2, 2});
  EXPECT_TRUE(same_bits(ops::amax(x, 1), test::from<double>({-kInf, 0.0}, {2})));
  EXPECT_TRUE(same_bits(ops::amin(ops::amax(x, 0), 0), test::zeros({}, DType::f64)));
}

TEST(Extremum, RefusesNothingToSearch) {
  const Tensor x = test::zeros({2, 0}, DType::f32);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::amax(x, 1); }),
            "amax: expected at least one element along dimension 1, got shape (2, 0)");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::argmax(x, -1); }),
            "argmax: expected at least one element along dimension 1, got shape (2, 0)");
  EXPECT_EQ(ops::amin(x, 0).shape(), (Shape{0}));
  EXPECT_EQ(message_of<DTypeError>([&] { ops::amin(x.to(DType::i64), 0); }),
            "amin: expected dtype f32 or f64, got i64");
}

TEST(Extremum, KeepsItsBitsForAnyStridesAndThreads) {
  const Tensor x = randn({6, 170, 90}, 1, DType::f32);
  const Tensor x_t = x.transpose(0, 2).clone().transpose(0, 2);
  for (std::int64_t d = 0; d < 3; ++d) {
    set_threads(1);
    const Tensor most = ops::amax(x, d), least = ops::amin(x, d), where = ops::argmax(x, d);
    for (const int n : test::thread_counts()) {
      set_threads(n);
      EXPECT_TRUE(same_bits(ops::amax(x_t, d), most));
      EXPECT_TRUE(same_bits(ops::amin(x_t, d), least));
      EXPECT_TRUE(same_bits(ops::argmax(x_t, d), where));
    }
  }
}

}  // namespace
}  // namespace chainline
