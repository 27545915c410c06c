#include "tensor/ops/optimizer_step.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/ops/unary.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::max_abs_diff;
using test::message_of;
using test::randn;

Tensor number(double value) { return test::full({1}, value, DType::f64); }

// Whatever the gradient g, the first step of Adam moves by lr * g / (|g| + eps): bias correction
// makes m = g and v = g^2. With lr 0.5, g 3, eps 1 and decay 0.5 * 0.1 * 2 = 0.1 for a param of 2:
//   2 - (0.5 * 3 / (3 + 1) + 0.1) = 1.525
TEST(AdamW, MovesByTheKnownFirstStep) {
  Tensor param = number(2), m = number(0), v = number(0);
  ops::adamw_step(param, number(3), m, v, {.learning_rate = 0.5, .eps = 1, .weight_decay = 0.1});
  EXPECT_NEAR(param.item<double>(), 1.525, 1e-15);
  EXPECT_NEAR(m.item<double>(), 0.3, 1e-15);
  EXPECT_NEAR(v.item<double>(), 0.009, 1e-15);
}

// Twenty steps in f64 by the paper's formulas, with m and v corrected one by one and the powers by
// std::pow: another order of operations, so a few roundings of numbers of order 1 apart; in f32
// also 20 roundings of param, 6e-8 each, and of rate * m / (...), which is below 0.1.
TEST(AdamW, IsTheAlgorithmOfThePaper) {
  constexpr std::int64_t kN = 37;
  const ops::AdamWStep step{
      .learning_rate = 0.01, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.1};
  Tensor param = randn({kN}, 1), m = test::zeros({kN}, DType::f64), v = m.clone();
  Tensor param32 = param.to(DType::f32), m32 = m.to(DType::f32), v32 = v.to(DType::f32);
  std::vector<double> p = param.to_vector<double>(), pm(kN), pv(kN);
  for (std::int64_t t = 1; t <= 20; ++t) {
    const Tensor grad = randn({kN}, static_cast<std::uint64_t>(100 + t));
    ops::AdamWStep now = step;
    now.step = t;
    ops::adamw_step(param, grad, m, v, now);
    ops::adamw_step(param32, grad.to(DType::f32), m32, v32, now);
    const std::vector<double> gradient = grad.to_vector<double>();
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double g = gradient[i];
      pm[i] = step.beta1 * pm[i] + (1 - step.beta1) * g;
      pv[i] = step.beta2 * pv[i] + (1 - step.beta2) * g * g;
      const double corrected_m = pm[i] / (1 - std::pow(step.beta1, static_cast<double>(t)));
      const double corrected_v = pv[i] / (1 - std::pow(step.beta2, static_cast<double>(t)));
      p[i] -= step.learning_rate *
              (corrected_m / (std::sqrt(corrected_v) + step.eps) + step.weight_decay * p[i]);
    }
  }
  EXPECT_LT(max_abs_diff(param, test::from(p, {kN})), 1e-14);
  EXPECT_LT(max_abs_diff(param32, test::from(p, {kN})), 1e-5);
}

// Below 1, f32 counts in steps of 2^-24. The gradient moves the param by 2^-25, which rounds away,
// and the decay is 2^-26, which is lost in 1 - decay; together they are more than half a step.
TEST(AdamW, DecaysEvenWhereOneMinusTheDecayIsOne) {
  Tensor param = test::full({1}, 1, DType::f32), m = test::zeros({1}, DType::f32);
  Tensor v = m.clone(), grad = test::full({1}, 1, DType::f32);
  const ops::AdamWStep step{.learning_rate = 0x1p-25, .beta1 = 0, .eps = 0, .weight_decay = 0.5};
  ops::adamw_step(param, grad, m, v, step);
  EXPECT_LT(param.item<float>(), 1.0f);
}

TEST(AdamW, RefusesWhatDoesNotFit) {
  Tensor p = randn({4}, 1), m = test::zeros({4}, DType::f64), v = m.clone(), grad = randn({4}, 2);
  const ops::AdamWStep step{.learning_rate = 0.1};
  EXPECT_EQ(message_of<ShapeError>([&] { ops::adamw_step(p, randn({3}, 1), m, v, step); }),
            "adamw_step: grad: expected shape (4), got (3)");
  Tensor narrow = m.to(DType::f32);
  EXPECT_EQ(message_of<DTypeError>([&] { ops::adamw_step(p, grad, narrow, v, step); }),
            "adamw_step: m: expected dtype f64, got f32");
  Tensor strided = randn({4, 2}, 1).select(1, 0);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::adamw_step(strided, grad, m, v, step); }),
            "adamw_step: param: expected a dense tensor, got a view with strides");
  EXPECT_EQ(message_of<ValueError>(
                [&] { ops::adamw_step(p, grad, m, v, {.learning_rate = 0.1, .beta1 = 1}); }),
            "adamw_step: beta1: expected a number of [0, 1), got 1");
  EXPECT_EQ(message_of<ValueError>(
                [&] { ops::adamw_step(p, grad, m, v, {.learning_rate = 0.1, .step = 0}); }),
            "adamw_step: step: expected a count from 1, got 0");
}

// More elements than a chunk.
TEST(AdamW, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    Tensor p = randn({40000}, 1, DType::f32), m = randn({40000}, 2, DType::f32);
    Tensor v = test::full({40000}, 1, DType::f32);
    ops::adamw_step(p, randn({40000}, 3, DType::f32), m, v, {.learning_rate = 0.1, .step = 3});
    return std::vector<Tensor>{p, m, v};
  });
}

/// Sizes that hurt a sweep: none, one, a chunk and one, and many smaller than a chunk.
const std::vector<std::int64_t> kSizes = {3, 0, 1, 16385, 5, 0, 40000, 192, 192, 1};

// Every second one decays, and one is of another dtype.
TEST(AdamW, SweepsManyParametersWithTheBitsOfOneByOne) {
  const ops::AdamWStep step{.learning_rate = 0.1, .weight_decay = 0.3, .step = 2};
  std::vector<ops::AdamWParameter> swept, single;
  for (std::size_t k = 0; k < kSizes.size(); ++k) {
    const DType dtype = k == 4 ? DType::f64 : DType::f32;
    const auto numbers = [&](std::uint64_t seed) {
      return randn({kSizes[k]}, 9 * k + seed, dtype);
    };
    for (auto* list : {&swept, &single}) {
      list->push_back({numbers(1), numbers(2), numbers(3), ops::square(numbers(4)), k % 2 == 0});
    }
  }
  ops::adamw_step(swept, step);
  for (ops::AdamWParameter& p : single) {
    ops::AdamWStep own = step;
    if (!p.decays) own.weight_decay = 0;
    ops::adamw_step(p.param, p.grad, p.m, p.v, own);
  }
  for (std::size_t k = 0; k < kSizes.size(); ++k) {
    EXPECT_TRUE(same_bits(swept[k].param, single[k].param)) << k;
    EXPECT_TRUE(same_bits(swept[k].m, single[k].m)) << k;
    EXPECT_TRUE(same_bits(swept[k].v, single[k].v)) << k;
  }
  ops::adamw_step(std::span<const ops::AdamWParameter>(), step);  // nothing to do
}

// Two steps of lr 0.1 with gradients 1 and 2 from a param of 10:
//   plain      10 - 0.1 * 1 - 0.1 * 2
//   momentum   velocities 1 and 0.5 + 2
//   nesterov   0.5 * 1 + 1 and 0.5 * 2.5 + 2
//   decay      each step also takes 0.1 * 0.2 of the param
TEST(Sgd, MovesByKnownSteps) {
  const auto after = [](const ops::SgdStep& step) {
    Tensor param = number(10), velocity = number(0);
    ops::sgd_step(param, number(1), velocity, step);
    ops::sgd_step(param, number(2), velocity, step);
    return param.item<double>();
  };
  EXPECT_NEAR(after({.learning_rate = 0.1}), 9.7, 1e-14);
  EXPECT_NEAR(after({.learning_rate = 0.1, .momentum = 0.5}), 10 - 0.1 - 0.25, 1e-14);
  EXPECT_NEAR(after({.learning_rate = 0.1, .momentum = 0.5, .nesterov = true}), 10 - 0.15 - 0.325,
              1e-14);
  EXPECT_NEAR(after({.learning_rate = 0.1, .weight_decay = 0.2}), (10 * 0.98 - 0.1) * 0.98 - 0.2,
              1e-14);
}

TEST(Sgd, SweepsManyParametersWithTheBitsOfOneByOne) {
  const ops::SgdStep step{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.3};
  std::vector<ops::SgdParameter> swept, single;
  for (std::size_t k = 0; k < kSizes.size(); ++k) {
    const auto numbers = [&](std::uint64_t seed) { return randn({kSizes[k]}, 9 * k + seed); };
    for (auto* list : {&swept, &single}) {
      list->push_back({numbers(1), numbers(2), numbers(3), k % 2 == 0});
    }
  }
  ops::sgd_step(swept, step);
  for (std::size_t k = 0; k < kSizes.size(); ++k) {
    ops::SgdStep own = step;
    if (!single[k].decays) own.weight_decay = 0;
    ops::sgd_step(single[k].param, single[k].grad, single[k].velocity, own);
    EXPECT_TRUE(same_bits(swept[k].param, single[k].param)) << k;
    EXPECT_TRUE(same_bits(swept[k].velocity, single[k].velocity)) << k;
  }
}

TEST(Sgd, NeedsNoVelocityWithoutMomentum) {
  Tensor param = number(1), none;
  ops::sgd_step(param, number(1), none, {.learning_rate = 1});
  EXPECT_EQ(param.item<double>(), 0);
}

TEST(Sgd, RefusesWhatDoesNotFit) {
  Tensor p = randn({4}, 1), velocity = randn({3}, 1), grad = randn({4}, 2);
  EXPECT_EQ(message_of<ShapeError>(
                [&] { ops::sgd_step(p, grad, velocity, {.learning_rate = 1, .momentum = 0.9}); }),
            "sgd_step: velocity: expected shape (4), got (3)");
  EXPECT_EQ(message_of<ValueError>(
                [&] { ops::sgd_step(p, grad, velocity, {.learning_rate = 1, .nesterov = true}); }),
            "sgd_step: nesterov: expected a momentum above 0, got 0");
}

TEST(Sgd, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    Tensor p = randn({40000}, 1, DType::f32), velocity = randn({40000}, 2, DType::f32);
    ops::sgd_step(p, randn({40000}, 3, DType::f32), velocity,
                  {.learning_rate = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1});
    return std::vector<Tensor>{p, velocity};
  });
}

}  // namespace
}  // namespace chainline
