#include "tensor/ops/rms_norm.h"

#include <gtest/gtest.h>

#include <cmath>

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
Tensor rms_norm_in_words(const Tensor& x, const Tensor& weight) {
  const std::int64_t C = x.shape()[-1];
  const std::vector<double> w = weight.to(DType::f64).to_vector<double>();
  std::vector<double> y = x.to(DType::f64).to_vector<double>();
  for (auto row = y.begin(); row != y.end(); row += C) {
    double square = 0;
    for (std::int64_t c = 0; c < C; ++c) square += row[c] * row[c] / static_cast<double>(C);
    for (std::int64_t c = 0; c < C; ++c) {
      row[c] *= w[static_cast<std::size_t>(c)] / std::sqrt(square + kEps);
    }
  }
  return test::from(y, x.shape());
}

// (1, 1, 5, 3): the mean square is 36 / 4 = 9.
TEST(RmsNorm, DividesAKnownRowByItsRootMeanSquare) {
  const Tensor x = test::from<double>({1, 1, 5, 3}, {1, 4});
  const ops::RmsNormResult out = ops::rms_norm(x, test::full({4}, 6, DType::f64), 0);
  EXPECT_DOUBLE_EQ(out.rstd.item<double>(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(out.y.to_vector<double>()[0], 2);
  EXPECT_DOUBLE_EQ(out.y.to_vector<double>()[2], 10);
}

// Values are below sqrt(C) times a weight of about 3: 1e-13 is some hundred roundings of them, and
// 1e-4 is that in f32.
TEST(RmsNorm, IsItsFormulaForShapesThatHurt) {
  for (const Shape& shape :
       {Shape{7}, Shape{3, 1}, Shape{1, 1, 31}, Shape{2, 3, 33}, Shape{500, 67}, Shape{0, 5}}) {
    const Tensor x = randn(shape, 1), weight = randn({shape[-1]}, 2);
    const Tensor x32 = x.to(DType::f32), weight32 = weight.to(DType::f32);
    EXPECT_LT(max_abs_diff(ops::rms_norm(x, weight, kEps).y, rms_norm_in_words(x, weight)), 1e-13)
        << shape;
    EXPECT_LT(max_abs_diff(ops::rms_norm(x32, weight32, kEps).y, rms_norm_in_words(x32, weight32)),
              1e-4)
        << shape;
  }
}

TEST(RmsNorm, ReadsStridedOperands) {
  const Tensor x = randn({5, 4}, 1).transpose(0, 1), weight = randn({5}, 2);
  EXPECT_TRUE(
      same_bits(ops::rms_norm(x, weight, kEps).y, ops::rms_norm(x.contiguous(), weight, kEps).y));
}

// A sample of several rows, a lone row, one column, and more columns than one block of dweight.
TEST(RmsNorm, HasTheGradientsOfCentralDifferences) {
  for (const Shape& shape : {Shape{3, 4, 5}, Shape{6}, Shape{2, 1}, Shape{3, 300}}) {
    const Tensor x = randn(shape, 1), weight = randn({shape[-1]}, 2), grad_y = randn(shape, 3);
    const Tensor rstd = ops::rms_norm(x, weight, kEps).rstd;
    const ops::RmsNormGradients g = ops::rms_norm_backward(grad_y, x, weight, rstd);
    const auto of_x = [&](const Tensor& p) {
      return dot(grad_y, ops::rms_norm(p, weight, kEps).y);
    };
    const auto of_weight = [&](const Tensor& p) {
      return dot(grad_y, ops::rms_norm(x, p, kEps).y);
    };
    EXPECT_LT(max_abs_diff(g.dx, central_differences(of_x, x)), 1e-7) << shape;
    EXPECT_LT(max_abs_diff(g.dweight, central_differences(of_weight, weight)), 1e-7) << shape;
  }
}

TEST(RmsNorm, NamesTheOperandAndBothShapesWhenTheyDisagree) {
  const Tensor x = randn({2, 8}, 1), w = randn({8}, 2);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::rms_norm(x, randn({1}, 2), kEps); }),
            "rms_norm: weight: expected shape (8), got (1)");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::rms_norm(x, w.to(DType::f32), kEps); }),
            "rms_norm: weight: expected dtype f64, got f32");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::rms_norm_backward(x, x, w, randn({3}, 1)); }),
            "rms_norm_backward: rstd: expected shape (2), got (3)");
}

/// The gradients of samples [begin, end) of a batch of 7.
ops::RmsNormGradients part(std::int64_t begin, std::int64_t end, const SampleSum& dweight = {}) {
  const Tensor x = randn({7, 5, 140}, 1, DType::f32).narrow(0, begin, end - begin);
  const Tensor grad_y = randn({7, 5, 140}, 2, DType::f32).narrow(0, begin, end - begin);
  const Tensor weight = randn({140}, 3, DType::f32);
  return ops::rms_norm_backward(grad_y, x, weight, ops::rms_norm(x, weight, kEps).rstd, dweight);
}

TEST(RmsNorm, GivesTheSameGradientsForEverySplitOfTheBatch) {
  const ops::RmsNormGradients whole = part(0, 7);
  for (const std::vector<std::int64_t>& ends :
       {std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7}, std::vector<std::int64_t>{4, 6, 7}}) {
    Tensor sum;
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
      const ops::RmsNormGradients g = part(begin, end, {.into = sum});
      EXPECT_TRUE(same_bits(g.dx, whole.dx.narrow(0, begin, end - begin).contiguous()));
      sum = g.dweight;
      begin = end;
    }
    EXPECT_TRUE(same_bits(sum, whole.dweight));
  }
}

TEST(RmsNorm, PerSampleGradientsAreThoseOfLoneSamples) {
  const Tensor each = part(0, 7, {.into = {}, .per_sample = true}).dweight;
  ASSERT_EQ(each.shape(), Shape({7, 140}));
  for (std::int64_t b = 0; b < 7; ++b) {
    EXPECT_TRUE(same_bits(each.select(0, b).contiguous(), part(b, b + 1).dweight));
  }
}

TEST(RmsNorm, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    const Tensor x = randn({300, 150}, 1, DType::f32), weight = randn({150}, 2, DType::f32);
    const ops::RmsNormResult out = ops::rms_norm(x, weight, kEps);
    const ops::RmsNormGradients g = ops::rms_norm_backward(out.y, x, weight, out.rstd);
    return std::vector<Tensor>{out.y, out.rstd, g.dx, g.dweight};
  });
}

TEST(RmsNorm, OfBf16IsThatOfF32RoundedOnce) {
  for (const Shape& s : {Shape{5}, Shape{3, 1}, Shape{2, 3, 33}, Shape{4, 7, 100}, Shape{0, 3}}) {
    const Tensor weight = randn({s[-1]}, 1, DType::f32);
    test::expect_f32_rounded_once(
        [&](const std::vector<Tensor>& x) {
          const ops::RmsNormResult out = ops::rms_norm(x[0], weight, 1e-5);
          const ops::RmsNormGradients g = ops::rms_norm_backward(x[1], x[0], weight, out.rstd);
          const Tensor of_samples =
              ops::rms_norm_backward(x[1], x[0], weight, out.rstd, {{}, true}).dweight;
          EXPECT_EQ(g.dweight.dtype(), DType::f32);
          return std::vector<Tensor>{out.y, out.rstd, g.dx, g.dweight, of_samples};
        },
        {randn(s, 3), randn(s, 4)}, "rms_norm: expected dtype f32 or f64, got bf16");
  }
  const Tensor x = randn({2, 4}, 1, DType::bf16);
  EXPECT_EQ(message_of<DTypeError>([&] { ops::rms_norm(x, randn({4}, 1, DType::bf16), 1e-5); }),
            "rms_norm: weight: expected dtype f32, got bf16");
}

}  // namespace
}  // namespace chainline
