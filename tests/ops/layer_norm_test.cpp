#include "tensor/ops/layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/ops/binary.h"
#include "tests/fast_class.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::central_differences;
using test::dot;
using test::max_abs_diff;
using test::message_of;
using test::randn;

constexpr double kEps = 1e-5;

/// The formula in f64 and in plain loops.
Tensor layer_norm_in_words(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const std::int64_t C = x.shape()[-1];
  const std::vector<double> w = weight.to(DType::f64).to_vector<double>();
  const std::vector<double> b = bias.to(DType::f64).to_vector<double>();
  std::vector<double> y = x.to(DType::f64).to_vector<double>();
  for (auto row = y.begin(); row != y.end(); row += C) {
    double mean = 0, variance = 0;
    for (std::int64_t c = 0; c < C; ++c) mean += row[c] / static_cast<double>(C);
    for (std::int64_t c = 0; c < C; ++c) {
      variance += (row[c] - mean) * (row[c] - mean) / static_cast<double>(C);
    }
    for (std::int64_t c = 0; c < C; ++c) {
      const auto at = static_cast<std::size_t>(c);
      row[c] = (row[c] - mean) / std::sqrt(variance + kEps) * w[at] + b[at];
    }
  }
  return test::from(y, x.shape());
}

// A row whose answer is known by hand: (1, 2, 3, 4) has mean 2.5 and variance 1.25.
TEST(LayerNorm, NormalizesAKnownRow) {
  const Tensor x = test::from<double>({1, 2, 3, 4}, {1, 4});
  const ops::LayerNormResult out =
      ops::layer_norm(x, test::full({4}, 2, DType::f64), test::full({4}, 10, DType::f64), 0);
  const double rstd = 1 / std::sqrt(1.25);
  EXPECT_DOUBLE_EQ(out.mean.item<double>(), 2.5);
  EXPECT_DOUBLE_EQ(out.rstd.item<double>(), rstd);
  EXPECT_DOUBLE_EQ(out.y.to_vector<double>()[0], -1.5 * rstd * 2 + 10);
  EXPECT_DOUBLE_EQ(out.y.to_vector<double>()[3], 1.5 * rstd * 2 + 10);
}

// One column (the variance is 0), primes, ragged rows and more than one chunk of rows. Normalized
// values are below sqrt(C), so 1e-13 is some hundred roundings of the largest.
TEST(LayerNorm, IsItsFormulaForShapesThatHurt) {
  for (const Shape& shape :
       {Shape{7}, Shape{3, 1}, Shape{1, 1, 31}, Shape{2, 3, 33}, Shape{500, 67}, Shape{0, 5}}) {
    const Shape C{shape[-1]};
    const Tensor x = randn(shape, 1), weight = randn(C, 2), bias = randn(C, 3);
    const Tensor y = ops::layer_norm(x, weight, bias, kEps).y;
    EXPECT_LT(max_abs_diff(y, layer_norm_in_words(x, weight, bias)), 1e-13) << shape;
  }
}

// A large mean is where the one-pass variance E[x^2] - E[x]^2 loses every digit of f32: x^2 is
// 2^24, where f32 counts in steps of 2. The oracle reads the same f32 values in f64, so only the
// kernel's own error counts: the mean is off by a few ulps of 4096, 2^-11 each, and so is y.
TEST(LayerNorm, KeepsItsDigitsUnderALargeMean) {
  const Tensor x = ops::add_scalar(randn({4, 256}, 1, DType::f32), 4096);
  const Tensor weight = test::full({256}, 1, DType::f32), bias = test::zeros({256}, DType::f32);
  const Tensor y = ops::layer_norm(x, weight, bias, kEps).y;
  EXPECT_LT(max_abs_diff(y, layer_norm_in_words(x, weight, bias)), 2e-3);
}

TEST(LayerNorm, ReadsStridedOperands) {
  const Tensor x = randn({5, 4}, 1), weight = randn({5}, 2), bias = randn({5}, 3);
  const Tensor y = ops::layer_norm(x.transpose(0, 1), weight, bias, kEps).y;
  EXPECT_TRUE(same_bits(y, ops::layer_norm(x.transpose(0, 1).contiguous(), weight, bias, kEps).y));
}

// A sample of several rows, a lone row, one column (its dx is 0), and 300 columns, which are more
// than one block of dweight.
TEST(LayerNorm, HasTheGradientsOfCentralDifferences) {
  for (const Shape& shape : {Shape{3, 4, 5}, Shape{6}, Shape{2, 1}, Shape{3, 300}}) {
    const Shape C{shape[-1]};
    const Tensor x = randn(shape, 1), weight = randn(C, 2), bias = randn(C, 3);
    const Tensor grad_y = randn(shape, 4);
    const ops::LayerNormResult out = ops::layer_norm(x, weight, bias, kEps);
    const ops::LayerNormGradients g =
        ops::layer_norm_backward(grad_y, x, weight, out.mean, out.rstd);
    const auto loss = [&](const Tensor& p, const Tensor& q, const Tensor& r) {
      return dot(grad_y, ops::layer_norm(p, q, r, kEps).y);
    };
    const auto of_x = [&](const Tensor& p) { return loss(p, weight, bias); };
    const auto of_weight = [&](const Tensor& p) { return loss(x, p, bias); };
    const auto of_bias = [&](const Tensor& p) { return loss(x, weight, p); };
    EXPECT_LT(max_abs_diff(g.dx, central_differences(of_x, x)), 1e-7) << shape;
    EXPECT_LT(max_abs_diff(g.dweight, central_differences(of_weight, weight)), 1e-7) << shape;
    EXPECT_LT(max_abs_diff(g.dbias, central_differences(of_bias, bias)), 1e-7) << shape;
  }
}

TEST(LayerNorm, NamesTheOperandAndBothShapesWhenTheyDisagree) {
  const Tensor x = randn({2, 8}, 1), w = randn({8}, 2);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::layer_norm(x, randn({4}, 2), w, kEps); }),
            "layer_norm: weight: expected shape (8), got (4)");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::layer_norm(x, w, w.to(DType::f32), kEps); }),
            "layer_norm: bias: expected dtype f64, got f32");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::layer_norm(test::zeros({3, 0}, DType::f64), w, w, kEps);
            }),
            "layer_norm: x: expected shape (..., C) with C >= 1, got (3, 0)");
  EXPECT_EQ(message_of<ShapeError>(
                [&] { ops::layer_norm_backward(x, x, w, randn({3}, 1), randn({2}, 1)); }),
            "layer_norm_backward: mean: expected shape (2), got (3)");
}

/// What the tests of splits compare: the gradients of samples [begin, end).
struct Batch {
  Tensor x = randn({7, 5, 140}, 1, DType::f32), weight = randn({140}, 2, DType::f32);
  Tensor bias = randn({140}, 3, DType::f32), grad_y = randn({7, 5, 140}, 4, DType::f32);

  ops::LayerNormGradients gradients(std::int64_t begin, std::int64_t end,
                                    const SampleSum& dweight = {},
                                    const SampleSum& dbias = {}) const {
    const Tensor part = x.narrow(0, begin, end - begin);
    const ops::LayerNormResult out = ops::layer_norm(part, weight, bias, kEps);
    return ops::layer_norm_backward(grad_y.narrow(0, begin, end - begin), part, weight, out.mean,
                                    out.rstd, dweight, dbias);
  }
};

TEST(LayerNorm, GivesTheSameGradientsForEverySplitOfTheBatch) {
  const Batch batch;
  const ops::LayerNormGradients whole = batch.gradients(0, 7);
  for (const std::vector<std::int64_t>& ends :
       {std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7}, std::vector<std::int64_t>{4, 6, 7}}) {
    ops::LayerNormGradients sum;
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
      sum = batch.gradients(begin, end, {.into = sum.dweight}, {.into = sum.dbias});
      EXPECT_TRUE(same_bits(sum.dx, whole.dx.narrow(0, begin, end - begin).contiguous()));
      begin = end;
    }
    EXPECT_TRUE(same_bits(sum.dweight, whole.dweight));
    EXPECT_TRUE(same_bits(sum.dbias, whole.dbias));
  }
}

TEST(LayerNorm, PerSampleGradientsAreThoseOfLoneSamplesAndFoldToTheBatch) {
  const Batch batch;
  const SampleSum apart{.into = {}, .per_sample = true};
  const ops::LayerNormGradients each = batch.gradients(0, 7, apart, apart);
  ASSERT_EQ(each.dweight.shape(), Shape({7, 140}));
  Tensor sum = test::zeros({140}, DType::f32);
  for (std::int64_t b = 0; b < 7; ++b) {
    const ops::LayerNormGradients alone = batch.gradients(b, b + 1);
    EXPECT_TRUE(same_bits(each.dweight.select(0, b).contiguous(), alone.dweight));
    EXPECT_TRUE(same_bits(each.dbias.select(0, b).contiguous(), alone.dbias));
    sum = ops::add(sum, alone.dweight);
  }
  EXPECT_TRUE(same_bits(sum, batch.gradients(0, 7).dweight));
}

// More samples than have their sums kept at a time; the gradient of a lone row's bias is grad_y.
TEST(LayerNorm, KeepsTheGradientsOfManySamplesApart) {
  const Tensor x = randn({700, 150}, 1), weight = randn({150}, 2), grad_y = randn({700, 150}, 3);
  const ops::LayerNormResult out = ops::layer_norm(x, weight, weight, kEps);
  const SampleSum apart{.into = {}, .per_sample = true};
  EXPECT_TRUE(same_bits(
      ops::layer_norm_backward(grad_y, x, weight, out.mean, out.rstd, apart, apart).dbias, grad_y));
  std::vector<double> sum(150);
  const std::vector<double> terms = grad_y.to_vector<double>();
  for (std::size_t i = 0; i < terms.size(); ++i) sum[i % 150] += terms[i];
  EXPECT_TRUE(same_bits(ops::layer_norm_backward(grad_y, x, weight, out.mean, out.rstd).dbias,
                        test::from(sum, {150})));
}

TEST(LayerNorm, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    const Tensor x = randn({300, 150}, 1, DType::f32), weight = randn({150}, 2, DType::f32);
    const ops::LayerNormResult out = ops::layer_norm(x, weight, weight, kEps);
    const ops::LayerNormGradients g =
        ops::layer_norm_backward(out.y, x, weight, out.mean, out.rstd);
    return std::vector<Tensor>{out.y, out.mean, out.rstd, g.dx, g.dweight, g.dbias};
  });
}

TEST(LayerNorm, OfBf16IsThatOfF32RoundedOnce) {
  for (const Shape& s : {Shape{5}, Shape{3, 1}, Shape{2, 3, 33}, Shape{4, 7, 100}, Shape{0, 3}}) {
    const Shape parameter{s[-1]};
    const Tensor weight = randn(parameter, 1, DType::f32), bias = randn(parameter, 2, DType::f32);
    test::expect_f32_rounded_once(
        [&](const std::vector<Tensor>& x) {
          const ops::LayerNormResult out = ops::layer_norm(x[0], weight, bias, 1e-5);
          const ops::LayerNormGradients g =
              ops::layer_norm_backward(x[1], x[0], weight, out.mean, out.rstd);
          const ops::LayerNormGradients of_samples = ops::layer_norm_backward(
              x[1], x[0], weight, out.mean, out.rstd, {{}, true}, {{}, true});
          EXPECT_EQ(g.dweight.dtype(), DType::f32);
          return std::vector<Tensor>{out.y,     out.mean, out.rstd,           g.dx,
                                     g.dweight, g.dbias,  of_samples.dweight, of_samples.dbias};
        },
        {randn(s, 3), randn(s, 4)}, "layer_norm: expected dtype f32 or f64, got bf16");
  }
  const Tensor x = randn({2, 4}, 1, DType::bf16);
  EXPECT_EQ(message_of<DTypeError>([&] {
              ops::layer_norm(x, randn({4}, 1, DType::bf16), randn({4}, 1, DType::bf16), 1e-5);
            }),
            "layer_norm: weight: expected dtype f32, got bf16");
}

}  // namespace
}  // namespace chainline
