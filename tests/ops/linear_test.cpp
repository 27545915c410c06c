#include "tensor/ops/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/ops/binary.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/unary.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::central_differences;
using test::dot;
using test::max_abs_diff;
using test::message_of;
using test::randn;

/// Rule 4 in loops: each sample's gradient a chain from +0, the samples added in order.
template <class T>
Tensor weight_gradient_in_words(const Tensor& grad_y, const Tensor& x) {
  const std::int64_t N = grad_y.shape()[-1], K = x.shape()[-1], B = sample_count(x.shape());
  const std::int64_t rows = x.numel() / K / B;
  const std::vector<T> dy = grad_y.to_vector<T>(), px = x.to_vector<T>();
  std::vector<T> total;
  for (std::int64_t n = 0; n < N; ++n) {
    for (std::int64_t k = 0; k < K; ++k) {
      T sum = 0;
      for (std::int64_t b = 0; b < B; ++b) {
        T g = 0;
        for (std::int64_t r = b * rows; r < (b + 1) * rows; ++r) {
          g = std::fma(dy[static_cast<std::size_t>(r * N + n)],
                       px[static_cast<std::size_t>(r * K + k)], g);
        }
        sum += g;
      }
      total.push_back(sum);
    }
  }
  return test::from<T>(total, {N, K});
}

TEST(Linear, MapsAKnownRow) {
  const Tensor x = test::from<double>({1, 2}, {2});
  const Tensor weight = test::from<double>({1, 0, 0, 1, 3, 4}, {3, 2});
  const Tensor bias = test::from<double>({10, 20, 30}, {3});
  EXPECT_EQ(ops::linear(x, weight, bias).to_vector<double>(), (std::vector<double>{11, 22, 41}));
  EXPECT_EQ(ops::linear(x, weight, {}).to_vector<double>(), (std::vector<double>{1, 2, 11}));
  const Tensor residual = test::from<double>({-1, 0, 1}, {3});
  EXPECT_EQ(ops::linear(x, weight, bias, residual).to_vector<double>(),
            (std::vector<double>{10, 22, 42}));
}

TEST(Linear, IsMatmulPlusBiasPlusResidualBitForBit) {
  for (const Shape& s : {Shape{5}, Shape{7, 5}, Shape{3, 9, 300}, Shape{2, 3, 4, 17}, Shape{0, 4},
                         Shape{2, 0, 4}, Shape{2, 3, 0}}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Tensor x = randn(s, 1, dtype), weight = randn({19, s[-1]}, 2, dtype);
      const Tensor bias = randn({19}, 3, dtype);
      const Tensor rows = s.rank() == 1 ? x.unsqueeze(0) : x;
      const Tensor product = ops::matmul(rows, weight.transpose(0, 1)).reshape(s.with(-1, 19));
      EXPECT_TRUE(same_bits(ops::linear(x, weight, {}), product)) << s;
      EXPECT_TRUE(same_bits(ops::linear(x, weight, bias), ops::add(product, bias))) << s;
      const Tensor residual = randn(product.shape(), 4, dtype);
      EXPECT_TRUE(same_bits(ops::linear(x, weight, {}, residual), ops::add(product, residual)));
      EXPECT_TRUE(same_bits(ops::linear(x, weight, bias, residual),
                            ops::add(ops::add(product, bias), residual)))
          << s;
    }
  }
}

TEST(Linear, ReadsStridedOperands) {
  const Tensor x = randn({6, 5}, 1).transpose(0, 1), weight = randn({6, 4}, 2).transpose(0, 1);
  const Tensor bias = randn({4, 2}, 3).select(1, 1);
  const Tensor residual = randn({4, 5}, 4).transpose(0, 1);
  EXPECT_TRUE(same_bits(
      ops::linear(x, weight, bias, residual),
      ops::linear(x.contiguous(), weight.contiguous(), bias.contiguous(), residual.contiguous())));
}

// Ranks 1 to 4; a lone row; a sample longer than a panel of k.
TEST(Linear, WeightGradientSumsSamplesInOrderBitForBit) {
  for (const Shape& s : {Shape{5}, Shape{9, 33}, Shape{4, 7, 20}, Shape{2, 3, 4, 5},
                         Shape{3, 300, 18}, Shape{6, 90, 40}}) {
    const Tensor grad_y = randn(s.with(-1, 23), 1), x = randn(s, 2);
    EXPECT_TRUE(same_bits(ops::linear_backward_weight(grad_y, x),
                          weight_gradient_in_words<double>(grad_y, x)))
        << s;
    const Tensor dyf = grad_y.to(DType::f32), xf = x.to(DType::f32);
    EXPECT_TRUE(
        same_bits(ops::linear_backward_weight(dyf, xf), weight_gradient_in_words<float>(dyf, xf)))
        << s;
  }
}

TEST(Linear, GradientsDoNotShowHowTheBatchWasSplit) {
  const Tensor grad_y = randn({5, 30, 24}, 1, DType::f32), x = randn({5, 30, 17}, 2, DType::f32);
  const Tensor weight = ops::linear_backward_weight(grad_y, x);
  const Tensor bias = ops::linear_backward_bias(grad_y);
  for (const std::vector<std::int64_t>& split :
       {std::vector<std::int64_t>{1, 1, 1, 1, 1}, {2, 3}, {4, 1}}) {
    Tensor w = test::zeros({24, 17}, DType::f32), b = test::zeros({24}, DType::f32);
    std::int64_t start = 0;
    for (const std::int64_t n : split) {
      const Tensor part = grad_y.narrow(0, start, n);
      ops::linear_backward_weight(part, x.narrow(0, start, n), {w});
      ops::linear_backward_bias(part, {b});
      start += n;
    }
    EXPECT_TRUE(same_bits(w, weight));
    EXPECT_TRUE(same_bits(b, bias));
  }
}

TEST(Linear, PerSampleGradientsAddUpToTheBatchBitForBit) {
  const Tensor grad_y = randn({4, 31, 9}, 1, DType::f32), x = randn({4, 31, 20}, 2, DType::f32);
  const Tensor weights = ops::linear_backward_weight(grad_y, x, {{}, true});
  const Tensor biases = ops::linear_backward_bias(grad_y, {{}, true});
  ASSERT_EQ(weights.shape(), (Shape{4, 9, 20}));
  ASSERT_EQ(biases.shape(), (Shape{4, 9}));
  Tensor weight = test::zeros({9, 20}, DType::f32), bias = test::zeros({9}, DType::f32);
  for (std::int64_t b = 0; b < 4; ++b) {
    const Tensor dy = grad_y.narrow(0, b, 1);
    EXPECT_TRUE(
        same_bits(weights.select(0, b), ops::linear_backward_weight(dy, x.narrow(0, b, 1))));
    EXPECT_TRUE(same_bits(biases.select(0, b), ops::linear_backward_bias(dy)));
    weight = ops::add(weight, weights.select(0, b));
    bias = ops::add(bias, biases.select(0, b));
  }
  EXPECT_TRUE(same_bits(weight, ops::linear_backward_weight(grad_y, x)));
  EXPECT_TRUE(same_bits(bias, ops::linear_backward_bias(grad_y)));
}

TEST(Linear, BiasGradientSumsColumns) {
  const Tensor grad_y = test::from<double>({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});
  EXPECT_EQ(ops::linear_backward_bias(grad_y).to_vector<double>(), (std::vector<double>{16, 20}));
  EXPECT_EQ(ops::linear_backward_bias(grad_y, {{}, true}).to_vector<double>(),
            (std::vector<double>{4, 6, 12, 14}));
}

// linear is a polynomial of degree 2, so only rounding separates the two: 1e-16 |f| / h is 1e-10.
TEST(Linear, GradientsAreThoseOfTheForward) {
  const Tensor x = randn({2, 3, 4}, 1), weight = randn({5, 4}, 2), bias = randn({5}, 3);
  const Tensor grad_y = randn({2, 3, 5}, 4);
  const auto f = [&](const Tensor& p, const Tensor& w, const Tensor& b) {
    return dot(grad_y, ops::linear(p, w, b));
  };
  const auto over_x = [&](const Tensor& t) { return f(t, weight, bias); };
  const auto over_weight = [&](const Tensor& t) { return f(x, t, bias); };
  const auto over_bias = [&](const Tensor& t) { return f(x, weight, t); };
  EXPECT_LT(
      max_abs_diff(ops::linear_backward_input(grad_y, weight), central_differences(over_x, x)),
      1e-8);
  EXPECT_LT(max_abs_diff(ops::linear_backward_weight(grad_y, x),
                         central_differences(over_weight, weight)),
            1e-8);
  EXPECT_LT(max_abs_diff(ops::linear_backward_bias(grad_y), central_differences(over_bias, bias)),
            1e-8);
}

TEST(Linear, GradientsKeepNaNsAndInfinities) {
  const double inf = std::numeric_limits<double>::infinity();
  Tensor grad_y = test::zeros({2, 3, 2}, DType::f64), x = test::full({2, 3, 2}, 1, DType::f64);
  x.select(0, 1).select(0, 1).narrow(0, 1, 1).fill(inf);  // sample 1, row 1, column 1
  const std::vector<double> g = ops::linear_backward_weight(grad_y, x).to_vector<double>();
  EXPECT_EQ(g[0], 0);
  EXPECT_TRUE(std::isnan(g[1]));
  EXPECT_EQ(g[2], 0);
  EXPECT_TRUE(std::isnan(g[3]));
}

TEST(Linear, OfNoSamplesHasZeroGradients) {
  const Tensor grad_y = test::zeros({0, 3, 2}, DType::f32), x = test::zeros({0, 3, 4}, DType::f32);
  EXPECT_TRUE(same_bits(ops::linear_backward_weight(grad_y, x), test::zeros({2, 4}, DType::f32)));
  EXPECT_TRUE(same_bits(ops::linear_backward_bias(grad_y), test::zeros({2}, DType::f32)));
  EXPECT_EQ(ops::linear_backward_input(grad_y, randn({2, 4}, 1, DType::f32)).shape(),
            (Shape{0, 3, 4}));
}

/// Whether each of computed's elements is as near to the exact product of a (M, K) and b (K, N), plus
/// what stands in `more`, as the fast class promises: n additions of one element, in any order, lose at
/// most n 2^-23 of the sum of the magnitudes to first order, and n^2 2^-46 beyond; products of bf16 are
/// exact in f32; and a result of bf16, with 8 bits, is rounded once, by 2^-8.
void expect_fast_product(const Tensor& computed, const Tensor& a, const Tensor& b,
                         const std::vector<Tensor>& more = {}) {
  const auto wide = [](const Tensor& t) { return t.to(DType::f64); };
  const Tensor pa = wide(a), pb = wide(b);
  Tensor sum = ops::matmul(pa, pb), magnitude = ops::matmul(ops::abs(pa), ops::abs(pb));
  for (const Tensor& t : more) {
    sum = ops::add(sum, wide(t)), magnitude = ops::add(magnitude, ops::abs(wide(t)));
  }
  const double n = static_cast<double>(a.shape()[-1] + 3), unit = 0x1p-23;
  const std::vector<double> y = wide(computed).to_vector<double>();
  const std::vector<double> exact = sum.to_vector<double>(), size = magnitude.to_vector<double>();
  ASSERT_EQ(y.size(), exact.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    double bound = n * unit * (1 + n * unit) * size[i];
    if (computed.dtype() == DType::bf16) bound += 0x1p-8 * (std::abs(exact[i]) + bound);
    ASSERT_LE(std::abs(y[i] - exact[i]), bound) << "element " << i;
  }
}

TEST(Linear, OfBf16MultipliesByTheRoundedWeightAndSumsInF32) {
  const auto rows = [](const Tensor& t) { return t.reshape({-1, t.shape()[-1]}); };
  for (const Shape& s : {Shape{5}, Shape{7, 5}, Shape{3, 9, 130}, Shape{2, 3, 4, 17}}) {
    const Tensor x = randn(s, 1, DType::bf16), weight = randn({19, s[-1]}, 2, DType::f32);
    // Numbers that bf16 has: some contenders round the bias to it.
    const Tensor bias = randn({19}, 3, DType::bf16).to(DType::f32);
    const Tensor residual = randn(s.with(-1, 19), 4, DType::bf16);
    if (test::device() == kCpu) {
      EXPECT_EQ(message_of<DTypeError>([&] { ops::linear(x, weight, bias, residual); }),
                "linear: expected dtype f32 or f64, got bf16");
      EXPECT_EQ(message_of<DTypeError>([&] { ops::linear_backward_weight(residual, x); }),
                "linear_backward_weight: expected dtype f32 or f64, got bf16");
      continue;
    }
    const Tensor w = weight.to(DType::bf16), plain = ops::linear(x, weight, {});
    EXPECT_EQ(plain.dtype(), DType::bf16);
    expect_fast_product(rows(plain), rows(x), w.transpose(0, 1));
    expect_fast_product(rows(ops::linear(x, weight, bias, residual)), rows(x), w.transpose(0, 1),
                        {bias, rows(residual)});
    // A weight of other strides is the same weight.
    const Tensor turned = weight.transpose(0, 1).contiguous().transpose(0, 1);
    expect_fast_product(rows(ops::linear(x, turned, {})), rows(x), w.transpose(0, 1));

    const Tensor grad_y = residual, dx = ops::linear_backward_input(grad_y, weight);
    EXPECT_EQ(dx.dtype(), DType::bf16);
    expect_fast_product(rows(dx), rows(grad_y), w);
    const Tensor g = rows(grad_y).transpose(0, 1);
    const Tensor dweight = ops::linear_backward_weight(grad_y, x);
    EXPECT_EQ(dweight.dtype(), DType::f32);
    expect_fast_product(dweight, g, rows(x));
    Tensor total = randn({19, s[-1]}, 5, DType::f32);
    const Tensor before = total.clone();
    ops::linear_backward_weight(grad_y, x, {total});
    expect_fast_product(total, g, rows(x), {before});
    const Tensor of_samples = ops::linear_backward_weight(grad_y, x, {{}, true});
    for (std::int64_t b = 0; b < of_samples.shape()[0]; ++b) {
      const auto sample = [&](const Tensor& t) {
        return t.rank() == 1 ? t.unsqueeze(0) : rows(t.narrow(0, b, 1));
      };
      expect_fast_product(of_samples.select(0, b), sample(grad_y).transpose(0, 1), sample(x));
    }
    // The bias has no product: its sums are those of f32.
    EXPECT_TRUE(same_bits(ops::linear_backward_bias(grad_y),
                          ops::linear_backward_bias(grad_y.to(DType::f32))));
  }
}

TEST(Linear, OfBf16TakesF32ParametersAlone) {
  const Tensor x = randn({2, 3}, 1, DType::bf16), weight = randn({4, 3}, 2, DType::f32);
  EXPECT_EQ(message_of<DTypeError>([&] { ops::linear(x, weight.to(DType::bf16), {}); }),
            "linear: weight: expected dtype f32, got bf16");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::linear(x, weight, randn({4}, 1, DType::bf16)); }),
            "linear: bias: expected dtype f32, got bf16");
  EXPECT_EQ(message_of<DTypeError>([&] {
              ops::linear(x, weight, {}, randn({2, 4}, 1, DType::f32));
            }),
            "linear: residual: expected dtype bf16, got f32");
}

TEST(Linear, OfNoBf16SamplesHasZeroGradients) {
  if (test::device() == kCpu) return;  // which has none
  const Tensor grad_y = test::zeros({0, 3, 2}, DType::bf16);
  const Tensor x = test::zeros({0, 3, 4}, DType::bf16);
  EXPECT_TRUE(same_bits(ops::linear_backward_weight(grad_y, x), test::zeros({2, 4}, DType::f32)));
  EXPECT_EQ(ops::linear(x, randn({2, 4}, 1, DType::f32), {}).shape(), (Shape{0, 3, 2}));
  // A product over no k is the bias.
  EXPECT_TRUE(same_bits(ops::linear(test::zeros({2, 0}, DType::bf16),
                                    test::zeros({3, 0}, DType::f32), randn({3}, 1, DType::f32))
                            .select(0, 1),
                        randn({3}, 1, DType::f32).to(DType::bf16)));
}

TEST(Linear, RefusesOperandsThatDoNotFit) {
  const Tensor x = randn({2, 3}, 1), weight = randn({4, 3}, 2), grad_y = randn({2, 4}, 3);
  const auto say = [](const auto& f) { return message_of<Error>(f); };
  EXPECT_EQ(say([&] {
              ops::linear(x, randn({3, 4}, 2), {});
            }),
            "linear: weight: expected (N, 3), got (3, 4)");
  EXPECT_EQ(say([&] { ops::linear(x, weight, randn({3}, 2)); }),
            "linear: bias: expected shape (4), got (3)");
  EXPECT_EQ(say([&] { ops::linear(x, weight, {}, randn({4}, 2)); }),
            "linear: residual: expected shape (2, 4), got (4)");
  EXPECT_EQ(say([&] { ops::linear(x, weight.to(DType::f32), {}); }),
            "linear: weight: expected dtype f64, got f32");
  EXPECT_EQ(say([&] { ops::linear(test::zeros({}, DType::f64), weight, {}); }),
            "linear: x: expected at least 1 dimension, got shape ()");
  EXPECT_EQ(say([&] {
              ops::linear_backward_input(grad_y, randn({3, 4}, 2));
            }),
            "linear_backward_input: weight: expected (4, K), got (3, 4)");
  EXPECT_EQ(say([&] {
              ops::linear_backward_weight(grad_y, randn({3, 3}, 2));
            }),
            "linear_backward_weight: x: expected shape (2, 3), got (3, 3)");
}

TEST(Linear, HasTheSameBitsForAnyNumberOfThreads) {
  const Tensor x = randn({3, 90, 200}, 1, DType::f32), weight = randn({300, 200}, 2, DType::f32);
  const Tensor bias = randn({300}, 3, DType::f32), grad_y = randn({3, 90, 300}, 4, DType::f32);
  test::expect_same_bits_for_any_threads([&] {
    return std::vector<Tensor>{
        ops::linear(x, weight, bias), ops::linear_backward_input(grad_y, weight),
        ops::linear_backward_weight(grad_y, x), ops::linear_backward_weight(grad_y, x, {{}, true}),
        ops::linear_backward_bias(grad_y)};
  });
}

}  // namespace
}  // namespace chainline
