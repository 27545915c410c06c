#include "tensor/ops/linear_gelu.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/ops/linear.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

constexpr GeluForm kForms[] = {GeluForm::erf, GeluForm::tanh};

// 1 * 2 + 0 * 3 - 1 = 1, and gelu(1) is the normal distribution function there.
TEST(LinearGelu, MapsAKnownRow) {
  const Tensor x = test::from<double>({2, 3}, {2}), weight = test::from<double>({1, 0}, {1, 2});
  const ops::LinearGeluResult out = ops::linear_gelu(x, weight, test::from<double>({-1}, {1}));
  EXPECT_EQ(out.before.to_vector<double>(), (std::vector<double>{1}));
  EXPECT_NEAR(out.y.item<double>(), 0.8413447460685429, 1e-15);
}

TEST(LinearGelu, IsLinearThenGeluBitForBit) {
  for (const GeluForm form : kForms) {
    for (const Shape& s : {Shape{5}, Shape{7, 5}, Shape{3, 9, 130}, Shape{0, 4}, Shape{2, 3, 0}}) {
      for (const DType dtype : {DType::f32, DType::f64}) {
        const Tensor x = randn(s, 1, dtype), weight = randn({19, s[-1]}, 2, dtype);
        for (const Tensor& bias : {randn({19}, 3, dtype), Tensor()}) {
          const ops::LinearGeluResult out = ops::linear_gelu(x, weight, bias, form);
          const Tensor before = ops::linear(x, weight, bias);
          EXPECT_TRUE(same_bits(out.before, before)) << s;
          EXPECT_TRUE(same_bits(out.y, ops::gelu(before, form))) << s;
        }
      }
    }
  }
}

// gelu of `before` as it was stored, or of the sum that was rounded to it: then gelu, whose slope is
// below 1.13, and one more rounding. bf16 rounds by at most 2^-8.
TEST(LinearGelu, OfBf16IsGeluOfTheRoundedLayerOrOfItsSum) {
  const Tensor x = randn({3, 9, 130}, 1, DType::bf16), weight = randn({24, 130}, 2, DType::f32);
  const Tensor bias = randn({24}, 3, DType::bf16).to(DType::f32);
  if (test::device() == kCpu) {
    EXPECT_EQ(message_of<DTypeError>([&] { ops::linear_gelu(x, weight, bias); }),
              "linear: expected dtype f32 or f64, got bf16");
    return;
  }
  for (const GeluForm form : kForms) {
    const ops::LinearGeluResult out = ops::linear_gelu(x, weight, bias, form);
    EXPECT_EQ(out.y.dtype(), DType::bf16);
    const std::vector<double> before = out.before.to(DType::f64).to_vector<double>();
    const std::vector<double> y = out.y.to(DType::f64).to_vector<double>();
    const std::vector<double> exact =
        ops::gelu(out.before.to(DType::f64), form).to_vector<double>();
    for (std::size_t i = 0; i < y.size(); ++i) {
      EXPECT_NEAR(y[i], exact[i], 0x1p-8 * (1.13 * std::abs(before[i]) + std::abs(exact[i]))) << i;
    }
  }
}

TEST(LinearGelu, RefusesWhatDoesNotFit) {
  EXPECT_EQ(message_of<ShapeError>([] {
              ops::linear_gelu(randn({2, 3}, 1), randn({4, 2}, 2), {});
            }),
            "linear_gelu: weight: expected (N, 3), got (4, 2)");
  EXPECT_EQ(message_of<ShapeError>([] {
              ops::linear_gelu(randn({2, 3}, 1), randn({4, 3}, 2), randn({3}, 3));
            }),
            "linear_gelu: bias: expected shape (4), got (3)");
  EXPECT_EQ(message_of<DTypeError>([] {
              ops::linear_gelu(randn({2, 3}, 1), randn({4, 3}, 2, DType::f32), {});
            }),
            "linear_gelu: weight: expected dtype f64, got f32");
}

TEST(LinearGelu, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    const ops::LinearGeluResult out =
        ops::linear_gelu(randn({90, 70}, 1, DType::f32), randn({130, 70}, 2, DType::f32),
                         randn({130}, 3, DType::f32));
    return std::vector<Tensor>{out.y, out.before};
  });
}

}  // namespace
}  // namespace chainline
