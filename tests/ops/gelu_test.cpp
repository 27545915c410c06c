#include "tensor/ops/gelu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/fast_class.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::central_differences;
using test::dot;
using test::max_abs_diff;
using test::message_of;
using test::randn;

double in_words(double x, GeluForm form) {
  const double inside = form == GeluForm::erf
                            ? std::erf(x / std::sqrt(2.0))
                            : std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x));
  return 0.5 * x * (1 + inside);
}

// The normal distribution function at 1 is 0.8413447460685429, at -1 what is left of 1.
TEST(Gelu, IsXTimesTheNormalDistribution) {
  const Tensor y = ops::gelu(test::from<double>({-1, 0, 1}, {3}));
  EXPECT_NEAR(y.to_vector<double>()[0], -0.1586552539314571, 1e-15);
  EXPECT_EQ(y.to_vector<double>()[1], 0);
  EXPECT_NEAR(y.to_vector<double>()[2], 0.8413447460685429, 1e-15);
}

// An ulp of the function's 1, times x/2, and the products' own roundings: a few ulps of |x| < 6.
TEST(Gelu, IsItsFormulaInBothForms) {
  for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{37}, Shape{3, 7, 1999}, Shape{0, 2}}) {
      const Tensor x = randn(shape, 1);
      std::vector<double> expected = x.to_vector<double>();
      for (double& v : expected) v = in_words(v, form);
      const Tensor y = test::from(expected, shape);
      EXPECT_LT(max_abs_diff(ops::gelu(x, form), y), 4e-15) << shape;
      EXPECT_LT(max_abs_diff(ops::gelu(x.to(DType::f32), form), y), 2e-6) << shape;
    }
  }
}

TEST(Gelu, TheTwoFormsDifferByLessThanAThousandth) {
  const Tensor x = randn({1000}, 1);
  const double difference = max_abs_diff(ops::gelu(x, GeluForm::erf), ops::gelu(x, GeluForm::tanh));
  EXPECT_GT(difference, 1e-5);
  EXPECT_LT(difference, 1e-3);
}

TEST(Gelu, ReadsStridedOperandsAndKeepsNaN) {
  const Tensor x = randn({5, 4}, 1).transpose(0, 1);
  EXPECT_TRUE(same_bits(ops::gelu(x), ops::gelu(x.contiguous())));
  const Tensor nan = test::full({40}, std::numeric_limits<double>::quiet_NaN(), DType::f32);
  for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
    for (const float v : ops::gelu(nan, form).to_vector<float>()) EXPECT_TRUE(std::isnan(v));
  }
}

TEST(Gelu, HasTheGradientsOfCentralDifferences) {
  for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
    const Tensor x = randn({3, 50}, 1), grad_y = randn({3, 50}, 2);
    const auto of_x = [&](const Tensor& p) { return dot(grad_y, ops::gelu(p, form)); };
    EXPECT_LT(max_abs_diff(ops::gelu_backward(grad_y, x, form), central_differences(of_x, x)),
              1e-8);
  }
}

TEST(Gelu, RefusesAGradientThatDoesNotFit) {
  EXPECT_EQ(message_of<ShapeError>([] { ops::gelu_backward(randn({3}, 1), randn({4}, 1)); }),
            "gelu_backward: grad_y: expected shape (4), got (3)");
  EXPECT_EQ(message_of<DTypeError>([] { ops::gelu(test::zeros({2}, DType::i64)); }),
            "gelu: expected dtype f32 or f64, got i64");
}

TEST(Gelu, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    const Tensor x = randn({50000}, 1, DType::f32);
    return std::vector<Tensor>{ops::gelu(x), ops::gelu(x, GeluForm::tanh), ops::gelu_backward(x, x),
                               ops::gelu_backward(x, x, GeluForm::tanh)};
  });
}

TEST(Gelu, OfBf16IsThatOfF32RoundedOnce) {
  for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
    test::expect_f32_rounded_once(
        [&](const std::vector<Tensor>& x) {
          return std::vector<Tensor>{ops::gelu(x[0], form), ops::gelu_backward(x[1], x[0], form)};
        },
        {randn({3, 200}, 1), randn({3, 200}, 2)}, "gelu: expected dtype f32 or f64, got bf16");
  }
}

}  // namespace
}  // namespace chainline
