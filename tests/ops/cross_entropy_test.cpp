#include "tensor/ops/cross_entropy.h"

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
using test::randint;
using test::randn;

constexpr std::int64_t kIgnored = -100;

/// The formula by the C library: the sum of the labelled tokens' losses of each sample.
Tensor cross_entropy_in_words(const Tensor& logits, const Tensor& targets, double smoothing) {
  const std::int64_t V = logits.shape()[-1], B = logits.shape()[0];
  const std::int64_t tokens = targets.numel() / B;
  const std::vector<double> x = logits.to(DType::f64).to_vector<double>();
  std::vector<double> loss(static_cast<std::size_t>(B));
  const std::vector<std::int64_t> classes = targets.to_vector<std::int64_t>();
  for (std::int64_t r = 0; r < targets.numel(); ++r) {
    const std::int64_t target = classes[static_cast<std::size_t>(r)];
    if (target == kIgnored) continue;
    const auto row = x.begin() + r * V;
    double sum = 0, mean = 0;
    for (std::int64_t v = 0; v < V; ++v) {
      sum += std::exp(row[v]);
      mean += row[v] / static_cast<double>(V);
    }
    loss[static_cast<std::size_t>(r / tokens)] +=
        std::log(sum) - (1 - smoothing) * row[target] - smoothing * mean;
  }
  return test::from(loss, {B});
}

/// Random classes of which every third token is ignored.
Tensor some_targets(const Shape& shape, std::int64_t V) {
  std::vector<std::int64_t> targets = randint(shape, 0, V, 9).to_vector<std::int64_t>();
  for (std::size_t i = 1; i < targets.size(); i += 3) targets[i] = kIgnored;
  return test::from(targets, shape);
}

// Probabilities 1/8, 2/8 and 5/8. Smoothed by 0.3, the target has 0.7 + 0.1 and the others 0.1.
TEST(CrossEntropy, IsMinusTheLogarithmOfAKnownProbability) {
  const Tensor x = test::from<double>({0, std::log(2), std::log(5)}, {1, 3});
  const Tensor target = test::from<std::int64_t>({2}, {1});
  const ops::CrossEntropyResult out = ops::cross_entropy(x, target);
  EXPECT_NEAR(out.loss.item<double>(), std::log(8.0 / 5), 1e-15);
  EXPECT_NEAR(out.lse.item<double>(), std::log(8), 1e-15);
  EXPECT_EQ(out.counts.item<std::int64_t>(), 1);
  EXPECT_NEAR(ops::cross_entropy(x, target, {.label_smoothing = 0.3}).loss.item<double>(),
              0.1 * std::log(8) + 0.1 * std::log(4) + 0.8 * std::log(8.0 / 5), 1e-15);
}

// A token's loss is below 10 and a sample has at most 67 of them: 1e-12 is a few hundred roundings
// of the sum, and 1e-3 that in f32.
TEST(CrossEntropy, IsItsFormulaForShapesThatHurt) {
  for (const double smoothing : {0.0, 0.1}) {
    for (const Shape& shape : {Shape{1, 1, 1}, Shape{2, 3, 31}, Shape{3, 67, 33}, Shape{5, 129}}) {
      const Tensor x = randn(shape, 1), targets = some_targets(shape.without(-1), shape[-1]);
      const Tensor expected = cross_entropy_in_words(x, targets, smoothing);
      const ops::CrossEntropyOptions options{.label_smoothing = smoothing};
      EXPECT_LT(max_abs_diff(ops::cross_entropy(x, targets, options).loss, expected), 1e-12)
          << shape;
      EXPECT_LT(max_abs_diff(ops::cross_entropy(x.to(DType::f32), targets, options).loss, expected),
                1e-3)
          << shape;
    }
  }
}

TEST(CrossEntropy, CountsTheLabelledTokensOfEachSample) {
  const Tensor targets = test::from<std::int64_t>({1, 7, 0, 7, 7, 2}, {2, 3});
  const ops::CrossEntropyResult out =
      ops::cross_entropy(randn({2, 3, 4}, 1), targets, {.ignore_index = 7});
  EXPECT_EQ(out.counts.to_vector<std::int64_t>(), (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(out.lse.to_vector<double>()[1], 0);
}

// lse - x[target] would lose 2^-11 to the size of the logits; the differences are exact here.
TEST(CrossEntropy, KeepsItsDigitsUnderALargeMean) {
  const Tensor target = test::from<std::int64_t>({0}, {1});
  const Tensor high = test::from<float>({4097, 4096, 4098}, {1, 3});
  const Tensor low = test::from<float>({1, 0, 2}, {1, 3});
  for (const double smoothing : {0.0, 0.1}) {
    const ops::CrossEntropyOptions options{.label_smoothing = smoothing};
    EXPECT_TRUE(same_bits(ops::cross_entropy(high, target, options).loss,
                          ops::cross_entropy(low, target, options).loss));
  }
}

// A logit of -inf is a class that cannot be; NaN and a row of nothing but -inf stay visible.
TEST(CrossEntropy, TakesImpossibleClassesAndSwallowsNoNaN) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const auto loss = [](const std::vector<double>& row) {
    const Tensor target = test::from<std::int64_t>({0}, {1});
    return ops::cross_entropy(test::from(row, {1, 3}), target).loss.item<double>();
  };
  EXPECT_NEAR(loss({1, 1, -kInf}), std::log(2), 1e-15);
  EXPECT_EQ(loss({-kInf, 1, 1}), kInf);
  EXPECT_TRUE(std::isnan(loss({-kInf, -kInf, -kInf})));
  EXPECT_TRUE(std::isnan(loss({0, std::nan(""), 0})));
}

TEST(CrossEntropy, HasTheGradientsOfCentralDifferences) {
  for (const double smoothing : {0.0, 0.1}) {
    for (const Shape& shape : {Shape{2, 4, 5}, Shape{3, 40}, Shape{1, 1, 1}}) {
      const ops::CrossEntropyOptions options{.label_smoothing = smoothing};
      const Tensor x = randn(shape, 1), targets = some_targets(shape.without(-1), shape[-1]);
      const Tensor grad = randn({shape[0]}, 2);
      const auto of_x = [&](const Tensor& p) {
        return dot(grad, ops::cross_entropy(p, targets, options).loss);
      };
      const Tensor lse = ops::cross_entropy(x, targets, options).lse;
      EXPECT_LT(max_abs_diff(ops::cross_entropy_backward(grad, x, targets, lse, options),
                             central_differences(of_x, x)),
                1e-8)
          << shape;
    }
  }
}

TEST(CrossEntropy, GivesWithItsGradientTheBitsOfTheTwo) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const Shape& shape : {Shape{3, 67, 33}, Shape{5, 129}, Shape{1, 1, 1}}) {
      const ops::CrossEntropyOptions options{.label_smoothing = 0.1};
      const Tensor x = randn(shape, 1, dtype), grad = randn({shape[0]}, 2, dtype);
      const Tensor targets = some_targets(shape.without(-1), shape[-1]);
      const ops::CrossEntropyResult alone = ops::cross_entropy(x, targets, options);
      const auto [result, dlogits] = ops::cross_entropy_with_gradient(x, targets, grad, options);
      EXPECT_TRUE(same_bits(result.loss, alone.loss));
      EXPECT_TRUE(same_bits(result.counts, alone.counts));
      EXPECT_TRUE(same_bits(result.lse, alone.lse));
      EXPECT_TRUE(
          same_bits(dlogits, ops::cross_entropy_backward(grad, x, targets, alone.lse, options)));
    }
  }
}

TEST(CrossEntropy, RefusesAForeseenGradientThatDoesNotFit) {
  const Tensor targets = test::zeros({2, 3}, DType::i64);
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::cross_entropy_with_gradient(randn({2, 3, 4}, 1), targets, randn({3}, 2));
            }),
            "cross_entropy_with_gradient: grad_loss: expected shape (2), got (3)");
}

TEST(CrossEntropy, GivesUnlabelledTokensAGradientOfZeroWhateverTheirLogits) {
  const Tensor x = test::full({1, 2, 3}, std::nan(""), DType::f64);
  const Tensor targets = test::from<std::int64_t>({kIgnored, 1}, {1, 2});
  const Tensor lse = ops::cross_entropy(x, targets).lse;
  const Tensor dx = ops::cross_entropy_backward(test::full({1}, 1, DType::f64), x, targets, lse);
  EXPECT_TRUE(same_bits(dx.narrow(1, 0, 1).contiguous(), test::zeros({1, 1, 3}, DType::f64)));
}

TEST(CrossEntropy, RefusesTargetsThatAreNotClasses) {
  const Tensor x = randn({2, 3, 4}, 1);
  const auto with = [&](const std::vector<std::int64_t>& targets) {
    return message_of<ValueError>([&] { ops::cross_entropy(x, test::from(targets, {2, 3})); });
  };
  EXPECT_EQ(with({0, 1, 2, 3, 4, 0}),
            "cross_entropy: targets: expected values in [0, 4) or -100, got 4 at position (1, 1)");
  EXPECT_EQ(with({0, 1, -1, 3, 0, 0}),
            "cross_entropy: targets: expected values in [0, 4) or -100, got -1 at position (0, 2)");
  const Tensor beyond = test::full({2, 3}, 4, DType::i64);
  EXPECT_EQ(message_of<ValueError>([&] {
              ops::cross_entropy_backward(randn({2}, 1), x, beyond, randn({2, 3}, 1));
            }),
            "cross_entropy_backward: targets: expected values in [0, 4) or -100, got 4 at position "
            "(0, 0)");
}

TEST(CrossEntropy, RefusesSamplesThatNothingIsLearnedFrom) {
  const Tensor targets = test::from<std::int64_t>({0, kIgnored, kIgnored, kIgnored}, {2, 2});
  EXPECT_EQ(message_of<ValueError>([&] {
              ops::cross_entropy(randn({2, 2, 4}, 1), targets);
            }),
            "cross_entropy: targets: expected a labelled token in every sample, got none in sample "
            "1");
  const Tensor rows = test::full({3}, kIgnored, DType::i64);
  EXPECT_EQ(message_of<ValueError>([&] {
              ops::cross_entropy(randn({3, 4}, 1), rows);
            }),
            "cross_entropy: targets: expected a labelled row, got none in rows 0 to 2");
}

TEST(CrossEntropy, RefusesOperandsThatDoNotFit) {
  const Tensor x = randn({2, 3, 4}, 1), targets = test::zeros({2, 3}, DType::i64);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::cross_entropy(randn({4}, 1), targets); }),
            "cross_entropy: logits: expected shape (B, T, V) or (N, V) with V >= 1, got (4)");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::cross_entropy(x, targets.narrow(1, 0, 2)); }),
            "cross_entropy: targets: expected shape (2, 3), got (2, 2)");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::cross_entropy(x, targets.to(DType::f64)); }),
            "cross_entropy: targets: expected dtype i64, got f64");
  EXPECT_EQ(message_of<ValueError>([&] { ops::cross_entropy(x, targets, {.label_smoothing = 1}); }),
            "cross_entropy: label_smoothing: expected a number of [0, 1), got 1");
}

TEST(CrossEntropyScale, MakesTheThreeKindsOfMeans) {
  const Tensor counts = test::from<std::int64_t>({1, 4}, {2});
  const auto scale = [&](Normalization n) {
    return ops::cross_entropy_scale(n, counts, 10, 8, DType::f64).to_vector<double>();
  };
  EXPECT_EQ(scale(Normalization::sum), (std::vector<double>{1, 1}));
  EXPECT_EQ(scale(Normalization::per_token), (std::vector<double>{0.1, 0.1}));
  EXPECT_EQ(scale(Normalization::per_sample), (std::vector<double>{1.0 / 8, 1.0 / 32}));
}

TEST(CrossEntropyScale, RefusesToDivideByNothing) {
  const Tensor counts = test::from<std::int64_t>({1, 0}, {2});
  const auto message = [&](Normalization n) {
    return message_of<ValueError>([&] { ops::cross_entropy_scale(n, counts, 0, 2, DType::f32); });
  };
  EXPECT_EQ(message(Normalization::per_token),
            "cross_entropy_scale: batch_tokens: expected a number above 0, got 0");
  EXPECT_EQ(message(Normalization::per_sample),
            "cross_entropy_scale: counts: expected a labelled token in every sample, got none in "
            "sample 1");
}

// A sample's loss and gradient are its own, whatever stands around it and however far it is padded.
TEST(CrossEntropy, GivesASampleTheSameBitsInEveryBatch) {
  const Tensor x = randn({4, 50, 37}, 1, DType::f32), targets = some_targets({4, 50}, 37);
  const Tensor grad = randn({4}, 2, DType::f32);
  const ops::CrossEntropyResult whole = ops::cross_entropy(x, targets);
  const Tensor dx = ops::cross_entropy_backward(grad, x, targets, whole.lse);
  for (std::int64_t b = 0; b < 4; ++b) {
    const Tensor alone = x.narrow(0, b, 1), target = targets.narrow(0, b, 1);
    const ops::CrossEntropyResult own = ops::cross_entropy(alone, target);
    EXPECT_TRUE(same_bits(own.loss, whole.loss.narrow(0, b, 1).contiguous()));
    EXPECT_TRUE(same_bits(ops::cross_entropy_backward(grad.narrow(0, b, 1), alone, target, own.lse),
                          dx.narrow(0, b, 1).contiguous()));
  }
  Tensor padded = test::full({4, 70, 37}, 3, DType::f32);
  Tensor padded_targets = test::full({4, 70}, kIgnored, DType::i64);
  Tensor front = padded.narrow(1, 0, 50), front_targets = padded_targets.narrow(1, 0, 50);
  front.copy_from(x);
  front_targets.copy_from(targets);
  EXPECT_TRUE(same_bits(ops::cross_entropy(padded, padded_targets).loss, whole.loss));
}

TEST(CrossEntropy, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    const Tensor x = randn({3, 100, 150}, 1, DType::f32), targets = some_targets({3, 100}, 150);
    const ops::CrossEntropyOptions options{.label_smoothing = 0.1};
    const ops::CrossEntropyResult out = ops::cross_entropy(x, targets, options);
    return std::vector<Tensor>{out.loss, out.counts, out.lse,
                               ops::cross_entropy_backward(out.loss, x, targets, out.lse, options)};
  });
}

TEST(CrossEntropy, OfBf16IsThatOfF32RoundedOnce) {
  const Tensor targets = randint({3, 5}, 0, 40, 1), grad_loss = randn({3}, 2, DType::f32);
  for (const double smoothing : {0.0, 0.1}) {
    ops::CrossEntropyOptions options;
    options.label_smoothing = smoothing;
    test::expect_f32_rounded_once(
        [&](const std::vector<Tensor>& x) {
          const ops::CrossEntropyWithGradient out =
              ops::cross_entropy_with_gradient(x[0], targets, grad_loss, options);
          EXPECT_EQ(out.result.loss.dtype(), DType::f32);
          return std::vector<Tensor>{
              out.result.loss, out.result.lse, out.dlogits,
              ops::cross_entropy_backward(grad_loss, x[0], targets, out.result.lse, options)};
        },
        {randn({3, 5, 40}, 3)}, "cross_entropy: expected dtype f32 or f64, got bf16");
  }
  EXPECT_EQ(message_of<DTypeError>([&] {
              ops::cross_entropy_with_gradient(randn({3, 5, 40}, 3, DType::bf16), targets,
                                               randn({3}, 1, DType::bf16), {});
            }),
            "cross_entropy_with_gradient: grad_loss: expected dtype f32, got bf16");
}

}  // namespace
}  // namespace chainline
