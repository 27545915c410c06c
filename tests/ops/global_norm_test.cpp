#include "tensor/ops/global_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/ops/binary.h"
#include "tensor/ops/optimizer_step.h"
#include "tensor/ops/reduce.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

// |(3, 0), (4)| = 5
std::vector<Tensor> three_and_four() {
  return {test::from<float>({3, 0}, {2}), Tensor(), test::from<float>({4}, {1})};
}

TEST(GlobalNorm, IsThatOfOneLongVector) {
  const ops::GlobalNormResult r = ops::global_norm(three_and_four());
  EXPECT_EQ(r.norm.item<double>(), 5);
  EXPECT_EQ(r.factor.item<double>(), 1);
  EXPECT_EQ(ops::global_norm({}).norm.item<double>(), 0);
}

TEST(GlobalNorm, ShortensOnlyWhatIsTooLong) {
  EXPECT_EQ(ops::global_norm(three_and_four(), 5).factor.item<double>(), 1);
  EXPECT_EQ(ops::global_norm(three_and_four(), 2.5).factor.item<double>(), 0.5);
}

// More tensors than a launch has room for, empty ones and ones of several blocks among them, and
// runs of two dtypes.
TEST(GlobalNorm, IsTheRootOfTheSumOfTheTensorsNorms) {
  std::vector<Tensor> gradients;
  double squares = 0;
  for (std::uint64_t k = 0; k < 1700; ++k) {
    const std::int64_t size = k % 400 == 7 ? 9000 : static_cast<std::int64_t>(k % 5);
    gradients.push_back(randn({size}, k, k < 1500 ? DType::f32 : DType::f64));
    squares += ops::norm2(gradients.back()).to(DType::f64).item<double>();
  }
  EXPECT_EQ(ops::global_norm(gradients).norm.item<double>(), std::sqrt(squares));
}

TEST(GlobalNorm, HasNoFactorThatHidesWhatIsNotFinite) {
  for (const float bad : {NAN, INFINITY}) {
    const std::vector<Tensor> gradients = {test::from<float>({bad, 1}, {2})};
    for (const double max_norm : {1.0, double{INFINITY}}) {
      EXPECT_TRUE(std::isnan(ops::global_norm(gradients, max_norm).factor.item<double>())) << bad;
    }
  }
}

TEST(GlobalNorm, RefusesWhatDoesNotFit) {
  EXPECT_EQ(message_of<ValueError>([] { ops::global_norm(three_and_four(), 0); }),
            "global_norm: max_norm: expected a number above 0, got 0");
  const std::vector<Tensor> counts = {test::zeros({2}, DType::i64)};
  EXPECT_EQ(message_of<DTypeError>([&] { ops::global_norm(counts); }),
            "global_norm: expected dtype f32 or f64, got i64");
}

/// A parameter of 40 numbers after a step with its gradient scaled beforehand, and by the step.
template <class Step>
void expect_scaled_alike(const Step& step) {
  const Tensor grad = randn({40}, 2, DType::f32);
  const ops::GlobalNormResult clip = ops::global_norm(std::span(&grad, 1), 1);
  ASSERT_LT(clip.factor.item<double>(), 1);
  const Tensor before = step(ops::mul_scalar(grad, clip.factor.item<double>()), Tensor());
  EXPECT_TRUE(same_bits(step(grad, clip.factor), before));
}

TEST(GlobalNorm, ScalesTheGradientInsideOfAStepWithTheSameBits) {
  expect_scaled_alike([](const Tensor& grad, const Tensor& factor) {
    Tensor p = randn({40}, 1, DType::f32), m = randn({40}, 3, DType::f32);
    Tensor v = test::full({40}, 1, DType::f32);
    const ops::AdamWParameter all[] = {{p, grad, m, v}};
    const Tensor factors = ops::adamw_factors({.learning_rate = 0.1, .step = 3}).to(p.device());
    ops::adamw_step(all, factors, factor);
    return p;
  });
  for (const bool nesterov : {false, true}) {
    expect_scaled_alike([&](const Tensor& grad, const Tensor& factor) {
      Tensor p = randn({40}, 1, DType::f32), velocity = randn({40}, 3, DType::f32);
      const ops::SgdParameter all[] = {{p, grad, velocity}};
      const ops::SgdStep step{.learning_rate = 0.1, .momentum = 0.9, .nesterov = nesterov};
      ops::sgd_step(all, step, ops::sgd_factors(step).to(p.device()), factor);
      return p;
    });
  }
}

TEST(GlobalNorm, MovesNothingWhereTheNormIsNotFinite) {
  const Tensor grad = test::from<float>({1, NAN}, {2});
  const Tensor factor = ops::global_norm(std::span(&grad, 1), 1).factor;
  Tensor p = randn({2}, 1, DType::f32), m = randn({2}, 3, DType::f32), v = m.clone();
  const Tensor old_p = p.clone(), old_m = m.clone();
  const ops::AdamWParameter adamw[] = {{p, grad, m, v}};
  ops::adamw_step(adamw, ops::adamw_factors({.learning_rate = 0.1}).to(p.device()), factor);
  EXPECT_TRUE(same_bits(p, old_p));
  EXPECT_TRUE(same_bits(m, old_m));
  EXPECT_TRUE(same_bits(v, old_m));
  const ops::SgdStep step{.learning_rate = 0.1, .momentum = 0.9};
  const ops::SgdParameter sgd[] = {{p, grad, m}};
  ops::sgd_step(sgd, step, ops::sgd_factors(step).to(p.device()), factor);
  EXPECT_TRUE(same_bits(p, old_p));
  EXPECT_TRUE(same_bits(m, old_m));
}

}  // namespace
}  // namespace chainline
