#include "tensor/ops/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support.h"

namespace chainline {
namespace {

using test::central_differences;
using test::dot;
using test::max_abs_diff;
using test::message_of;
using test::randn;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The formula by the C library, in plain loops; its logarithm if asked.
Tensor softmax_in_words(const Tensor& x, bool log) {
  const std::int64_t C = x.shape()[-1];
  std::vector<double> y = x.to(DType::f64).to_vector<double>();
  for (auto row = y.begin(); row != y.end(); row += C) {
    const double max = *std::max_element(row, row + C);
    double sum = 0;
    for (std::int64_t c = 0; c < C; ++c) sum += std::exp(row[c] - max);
    for (std::int64_t c = 0; c < C; ++c) {
      row[c] = log ? row[c] - max - std::log(sum) : std::exp(row[c] - max) / sum;
    }
  }
  return test::from(y, x.shape());
}

// exp(log 1), exp(log 2), exp(log 5) are 1, 2 and 5 eighths.
TEST(Softmax, SharesOutAKnownRow) {
  const Tensor x = test::from<double>({0, std::log(2), std::log(5)}, {3});
  EXPECT_LT(max_abs_diff(ops::softmax(x), test::from<double>({0.125, 0.25, 0.625}, {3})), 1e-15);
  EXPECT_NEAR(ops::log_softmax(x).to_vector<double>()[0], std::log(0.125), 1e-15);
}

// Two elementary functions of an ulp each, some sums of numbers below 1 and a quotient: a few ulps
// of 1, and of about 10 for the logarithms, in f64 and in f32.
TEST(Softmax, IsItsFormulaForShapesThatHurt) {
  for (const Shape& shape :
       {Shape{7}, Shape{3, 1}, Shape{1, 1, 31}, Shape{2, 3, 33}, Shape{500, 67}, Shape{0, 5}}) {
    const Tensor x = randn(shape, 1), x32 = x.to(DType::f32);
    EXPECT_LT(max_abs_diff(ops::softmax(x), softmax_in_words(x, false)), 2e-15) << shape;
    EXPECT_LT(max_abs_diff(ops::log_softmax(x), softmax_in_words(x, true)), 1e-14) << shape;
    EXPECT_LT(max_abs_diff(ops::softmax(x32), softmax_in_words(x32, false)), 1e-6) << shape;
    EXPECT_LT(max_abs_diff(ops::log_softmax(x32), softmax_in_words(x32, true)), 5e-6) << shape;
  }
}

TEST(Softmax, KeepsItsDigitsUnderALargeMean) {
  const Tensor x = test::from<float>({10000, 10001, 10003}, {3});
  EXPECT_LT(max_abs_diff(ops::softmax(x), softmax_in_words(x, false)), 1e-7);
  EXPECT_LT(max_abs_diff(ops::log_softmax(x), softmax_in_words(x, true)), 5e-7);
}

TEST(Softmax, GivesMaskedEntriesExactlyNothing) {
  const Tensor x = test::from<double>({-kInf, 1, -kInf, 1}, {4});
  EXPECT_TRUE(same_bits(ops::softmax(x), test::from<double>({0, 0.5, 0, 0.5}, {4})));
  EXPECT_EQ(ops::log_softmax(x).to_vector<double>()[0], -kInf);
  const Tensor masked = test::full({2, 40}, -kInf, DType::f64);
  EXPECT_TRUE(same_bits(ops::softmax(masked), test::zeros({2, 40}, DType::f64)));
  EXPECT_TRUE(same_bits(ops::log_softmax(masked), masked));
}

// A NaN alone, among numbers, among -inf; +inf has no probabilities either.
TEST(Softmax, SwallowsNoNaN) {
  for (const std::vector<double>& row :
       {std::vector<double>{kNan, kNan}, {kNan, 1}, {1, kNan}, {-kInf, kNan}, {kInf, kInf}}) {
    for (const Tensor& y :
         {ops::softmax(test::from(row, {2})), ops::log_softmax(test::from(row, {2}))}) {
      const std::vector<double> p = y.to_vector<double>();
      EXPECT_TRUE(std::isnan(p[0]) && std::isnan(p[1])) << row[0] << " " << row[1];
    }
  }
}

TEST(Softmax, HasTheGradientsOfCentralDifferences) {
  for (const Shape& shape : {Shape{3, 5}, Shape{2, 1}, Shape{40}}) {
    const Tensor x = randn(shape, 1), grad_y = randn(shape, 2);
    const auto of_x = [&](const Tensor& p) { return dot(grad_y, ops::softmax(p)); };
    const auto log_of_x = [&](const Tensor& p) { return dot(grad_y, ops::log_softmax(p)); };
    EXPECT_LT(
        max_abs_diff(ops::softmax_backward(grad_y, ops::softmax(x)), central_differences(of_x, x)),
        1e-8);
    EXPECT_LT(max_abs_diff(ops::log_softmax_backward(grad_y, ops::log_softmax(x)),
                           central_differences(log_of_x, x)),
              1e-8);
  }
}

TEST(Softmax, RefusesRowsOfNothingAndGradientsThatDoNotFit) {
  EXPECT_EQ(message_of<ShapeError>([] {
              ops::softmax(test::zeros({2, 0}, DType::f64));
            }),
            "softmax: x: expected shape (..., C) with C >= 1, got (2, 0)");
  EXPECT_EQ(message_of<DTypeError>([] { ops::log_softmax(test::zeros({2}, DType::i64)); }),
            "log_softmax: expected dtype f32 or f64, got i64");
  EXPECT_EQ(message_of<ShapeError>([] { ops::softmax_backward(randn({3}, 1), randn({4}, 1)); }),
            "softmax_backward: grad_y: expected shape (4), got (3)");
}

TEST(Softmax, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    const Tensor x = randn({300, 150}, 1, DType::f32), y = ops::softmax(x), l = ops::log_softmax(x);
    return std::vector<Tensor>{y, l, ops::softmax_backward(x, y), ops::log_softmax_backward(x, l)};
  });
}

}  // namespace
}  // namespace chainline
