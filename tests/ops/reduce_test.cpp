#include "tensor/ops/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/ops/unary.h"
#include "tensor/parallel.h"
#include "tests/fast_class.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;
using Dims = std::vector<std::int64_t>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Every index of a shape, in row-major order.
std::vector<Dims> indices(const Shape& shape) {
  std::vector<Dims> all = {{}};
  for (const std::int64_t size : shape) {
    std::vector<Dims> longer;
    for (const Dims& index : all) {
      for (std::int64_t i = 0; i < size; ++i) {
        longer.push_back(index);
        longer.back().push_back(i);
      }
    }
    all = longer;
  }
  return all;
}

float at(const Tensor& x, const Dims& index) {
  std::int64_t offset = 0;
  for (std::size_t d = 0; d < index.size(); ++d) {
    offset += index[d] * x.strides()[static_cast<std::int64_t>(d)];
  }
  return x.data<float>()[offset];
}

float folded(const std::vector<float>& row) {
  std::vector<float> lanes(32, 0.0f);
  for (std::size_t i = 0; i < row.size(); ++i) lanes[i % 32] += row[i];
  for (std::size_t half = 16; half > 0; half /= 2) {
    for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

/// The rule word by word, for tensors of at least two dimensions: rows, then the middle, then the
/// samples. The result keeps the dimensions.
Tensor by_the_rule(const Tensor& operand, const Dims& dims) {
  const Tensor x = operand.to(kCpu);
  const auto summed = [&](std::int64_t d) {
    return std::find(dims.begin(), dims.end(), d) != dims.end();
  };
  const std::int64_t last = x.rank() - 1;
  Shape kept = x.shape(), middle = x.shape();
  for (std::int64_t d = 0; d < x.rank(); ++d) {
    (summed(d) ? kept : middle) = (summed(d) ? kept : middle).with(d, 1);
  }
  middle = middle.with(0, 1).with(last, 1);
  std::vector<float> sums;
  for (const Dims& output : indices(kept)) {
    float total = 0;
    for (std::int64_t b = 0; b < (summed(0) ? x.shape()[0] : 1); ++b) {
      float sample = 0;
      for (Dims term : indices(middle)) {
        for (std::size_t d = 0; d < term.size(); ++d) term[d] += output[d];
        term[0] += b;
        std::vector<float> row;
        if (!summed(last)) {
          sample += at(x, term);
          continue;
        }
        for (term.back() = 0; term.back() < x.shape()[last]; ++term.back()) {
          row.push_back(at(x, term));
        }
        sample += folded(row);
      }
      total += sample;
    }
    sums.push_back(total);
  }
  return test::from<float>(sums, kept);
}

TEST(Sum, AddsUpSmallTables) {
  const Tensor x = test::from<double>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(ops::sum(x, {0}).to_vector<double>(), (std::vector<double>{5, 7, 9}));
  EXPECT_EQ(ops::sum(x, {-1}).to_vector<double>(), (std::vector<double>{6, 15}));
  EXPECT_EQ(ops::sum(x, {-1}, true).shape(), (Shape{2, 1}));
  EXPECT_EQ(ops::sum_all(x).item<double>(), 21);
  EXPECT_EQ(ops::sum(x, {}).to_vector<double>(), x.to_vector<double>());
  EXPECT_EQ(ops::mean(x, {0}).to_vector<double>(), (std::vector<double>{2.5, 3.5, 4.5}));
  EXPECT_EQ(ops::mean_all(x).item<double>(), 3.5);
}

TEST(Sum, KeepsTheOrderOfTheRule) {
  const std::vector<Dims> choices = {{},     {0},    {1},       {2},    {3},         {0, 1},
                                     {0, 3}, {1, 2}, {1, 3},    {2, 3}, {0, 2, 3},   {0, 1, 2},
                                     {1, 3}, {0, 2}, {1, 2, 3}, {3, 0}, {0, 1, 2, 3}};
  for (const Shape& shape : {Shape{3, 5, 2, 70}, Shape{1, 1, 1, 1}, Shape{2, 1, 7, 33}}) {
    const Tensor x = randn(shape, 1, DType::f32);
    for (const Dims& dims : choices) {
      const Tensor expected = by_the_rule(x, dims);
      EXPECT_TRUE(same_bits(ops::sum(x, dims, true), expected)) << testing::PrintToString(dims);
      EXPECT_TRUE(same_bits(ops::sum(x, dims).reshape(expected.shape()), expected));
    }
  }
}

TEST(Sum, TakesATensorOfOneDimensionAsARow) {
  const Tensor x = randn({1000}, 1, DType::f32);
  EXPECT_EQ(ops::sum_all(x).item<float>(), folded(x.to_vector<float>()));
  EXPECT_EQ(ops::sum(x, {0}, true).shape(), (Shape{1}));
  EXPECT_EQ(ops::sum_all(test::full({}, 3, DType::f64)).item<double>(), 3);
}

// A sum of n terms in any order, of which none passes through more than k additions, is off by at
// most k u / (1 - k u) times the sum of the absolute values, u = 2^-24 (Higham, Accuracy and
// Stability, 4.2). Here k = 700 / 32 + 1 + 5 for a row, then 9 for the middle and 11 for the
// samples.
TEST(Sum, StaysWithinTheBoundOfItsDepth) {
  const Tensor x = randn({11, 9, 700}, 7, DType::f32), wide = x.to(DType::f64);
  const double exact = ops::sum_all(wide).item<double>();
  const double size = ops::sum_all(ops::abs(wide)).item<double>();
  const double depth = 22 + 5 + 9 + 11, u = 0x1p-24;
  EXPECT_LE(std::abs(ops::sum_all(x).item<float>() - exact), depth * u / (1 - depth * u) * size);
}

TEST(Sum, OfNothingIsZeroAndOfNanIsNan) {
  EXPECT_TRUE(same_bits(ops::sum(test::zeros({2, 0, 3}, DType::f32), {1}),
                        test::zeros({2, 3}, DType::f32)));
  EXPECT_TRUE(same_bits(ops::sum_all(test::zeros({0}, DType::f64)), test::zeros({}, DType::f64)));
  EXPECT_EQ(ops::sum(test::zeros({2, 0}, DType::f32), {0}).shape(), (Shape{0}));
  EXPECT_TRUE(std::isnan(ops::sum_all(test::from<double>({1, kNan}, {2, 1})).item<double>()));
}

TEST(Sum, RefusesWhatDoesNotFit) {
  const Tensor x = test::zeros({2, 3}, DType::f32);
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::sum(x, {1, -1});
            }),
            "sum: dims: dimension 1 appears twice");
  EXPECT_NE(message_of<ShapeError>([&] { ops::sum(x, {2}); }), "(nothing was thrown)");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::sum_all(x.to(DType::i64)); }),
            "sum_all: expected dtype f32 or f64, got i64");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::mean(test::zeros({2, 0}, DType::f32), {1});
            }),
            "mean: expected at least one element to take the mean of, got shape (2, 0)");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::sum_to(x, {2}); }),
            "sum_to: shape: expected one that broadcasts to (2, 3), got (2)");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::sum_to(x, {1, 2, 3});
            }),
            "sum_to: shape: expected one that broadcasts to (2, 3), got (1, 2, 3)");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::sum_to(x, {2, 1}, {{}, true});
            }),
            "sum_to: expected a shape without the samples of (2, 3) for gradients per sample, got "
            "(2, 1)");
}

TEST(Sum, KeepsItsBitsForAnyStridesAndThreads) {
  const Tensor x = randn({6, 170, 90}, 1, DType::f32);
  const Tensor x_t = x.transpose(0, 2).clone().transpose(0, 2);
  const Tensor row = randn({90}, 2, DType::f32).broadcast_to({6, 170, 90});
  for (const Dims& dims : {Dims{0}, Dims{1}, Dims{2}, Dims{0, 1}, Dims{1, 2}, Dims{0, 1, 2}}) {
    set_threads(1);
    const Tensor expected = ops::sum(x, dims), of_row = ops::sum(row.clone(), dims);
    for (const int n : test::thread_counts()) {
      set_threads(n);
      EXPECT_TRUE(same_bits(ops::sum(x, dims), expected));
      EXPECT_TRUE(same_bits(ops::sum(x_t, dims), expected));
      EXPECT_TRUE(same_bits(ops::sum(row, dims), of_row));
    }
  }
}

TEST(SumTo, UndoesABroadcast) {
  const Tensor x = test::from<double>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(ops::sum_to(x, {3}).to_vector<double>(), (std::vector<double>{5, 7, 9}));
  EXPECT_EQ(ops::sum_to(x, {2, 1}).to_vector<double>(), (std::vector<double>{6, 15}));
  EXPECT_EQ(ops::sum_to(x, {}).item<double>(), 21);
  EXPECT_EQ(ops::sum_to(x, {2, 3}).to_vector<double>(), x.to_vector<double>());
  EXPECT_EQ(ops::sum_to(x, {1, 1}).shape(), (Shape{1, 1}));
}

// Rule 6: the batch, its parts continued, and the samples' own gradients added in order are one
// sum.
TEST(SumTo, GivesTheSameBitsForEverySplitOfTheBatch) {
  const Tensor x = randn({5, 9, 40}, 3, DType::f32);
  for (const Shape& shape : {Shape{40}, Shape{9, 1}, Shape{1, 9, 40}, Shape{}, Shape{9, 40}}) {
    const Tensor whole = ops::sum_to(x, shape);
    for (std::int64_t split = 1; split < 5; ++split) {
      const Tensor first = ops::sum_to(x.narrow(0, 0, split), shape);
      const Tensor both = ops::sum_to(x.narrow(0, split, 5 - split), shape, {first, false});
      EXPECT_TRUE(same_bits(both, whole)) << shape << " " << split;
      EXPECT_TRUE(both.shares_storage_with(first));
    }
    const Tensor apart = ops::sum_to(x, shape, {{}, true});
    EXPECT_EQ(apart.shape(), shape.inserted(0, 5));
    EXPECT_TRUE(same_bits(ops::sum(apart, {0}), whole)) << shape;
    for (std::int64_t b = 0; b < 5; ++b) {
      EXPECT_TRUE(same_bits(apart.select(0, b), ops::sum_to(x.narrow(0, b, 1), shape)));
    }
  }
}

TEST(SumTo, TakesALoneRowAsOneSample) {
  const Tensor x = randn({4}, 3, DType::f32);
  EXPECT_TRUE(same_bits(ops::sum_to(x, {4}, {{}, true}), x.reshape({1, 4})));
  EXPECT_EQ(ops::sum_to(x, {1}, {{}, true}).shape(), (Shape{1, 1}));
  EXPECT_EQ(ops::sum_to(test::zeros({0, 4}, DType::f32), {4}, {{}, true}).shape(), (Shape{0, 4}));
}

TEST(Norm, IsTheLengthOfTheTensor) {
  const Tensor x = test::from<double>({3, 0, 0, -4}, {2, 2});
  EXPECT_EQ(ops::norm2(x).item<double>(), 25);
  EXPECT_EQ(ops::l2_norm(x).item<double>(), 5);
  EXPECT_EQ(ops::norm2(test::zeros({0}, DType::f32)).item<float>(), 0);
}

TEST(Norm, AddsBlocksOf4096InOrder) {
  for (const std::int64_t n : {1, 4095, 4096, 4097, 40001}) {
    const Tensor x = randn({n}, 5, DType::f32);
    const std::vector<float> values = x.to_vector<float>();
    float expected = 0;
    for (std::size_t begin = 0; begin < values.size(); begin += 4096) {
      std::vector<float> squares;
      for (std::size_t i = begin; i < std::min(begin + 4096, values.size()); ++i) {
        squares.push_back(values[i] * values[i]);
      }
      expected += folded(squares);
    }
    for (const int threads : {1, 2, 3, 7}) {
      set_threads(threads);
      EXPECT_EQ(ops::norm2(x).item<float>(), expected) << n;
    }
    EXPECT_EQ(ops::l2_norm(x).item<float>(), std::sqrt(expected));
  }
}

// 2^24 + 1 rounds to 2^24, 2^24 + 2 does not. Of the ones at 4095, 4096 and 4097 the first shares a
// block, and a lane, with the large number and is lost; the others make a block of their own.
TEST(Norm, CutsBlocksAtTheirExactLength) {
  const auto norm2_of = [](const std::vector<std::size_t>& ones) {
    std::vector<float> values(4100, 0.0f);
    values[31] = 0x1p12f;
    for (const std::size_t i : ones) values[i] = 1;
    return ops::norm2(test::from<float>(values, {4100})).item<float>();
  };
  EXPECT_EQ(norm2_of({4095, 4096}), 0x1p24f);
  EXPECT_EQ(norm2_of({4096, 4097}), 0x1p24f + 2);
}

TEST(Norm, SeesStridedElementsInRowMajorOrder) {
  const Tensor x = randn({100, 90}, 5, DType::f32).transpose(0, 1);
  EXPECT_TRUE(same_bits(ops::norm2(x), ops::norm2(x.clone())));
}

TEST(Nonfinite, IsCountedInEveryFloatingDtype) {
  std::vector<double> values(100000, 1.0);
  values[7] = kNan;
  values[50000] = -std::numeric_limits<double>::infinity();
  values[99999] = std::numeric_limits<double>::infinity();
  const Tensor x = test::from<double>(values, {1000, 100});
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    EXPECT_EQ(ops::count_nonfinite(x.to(dtype)), 3) << dtype;
    EXPECT_EQ(ops::count_nonfinite(x.to(dtype).transpose(0, 1).narrow(1, 1, 999)), 2) << dtype;
  }
  EXPECT_TRUE(ops::any_nonfinite(x));
  EXPECT_FALSE(ops::any_nonfinite(x.narrow(0, 1, 100)));
  EXPECT_FALSE(ops::any_nonfinite(test::zeros({0}, DType::f32)));
  EXPECT_FALSE(ops::any_nonfinite(test::full({3}, 1, DType::i64)));
}

TEST(Sum, OfBf16IsThatOfF32RoundedOnce) {
  test::expect_f32_rounded_once(
      [](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{ops::sum(x[0], {1}), ops::sum(x[0], {0, 2}, true),
                                   ops::mean(x[0], {2}), ops::sum_to(x[0], {7, 1})};
      },
      {randn({4, 7, 50}, 1)}, "sum: expected dtype f32 or f64, got bf16");
}

}  // namespace
}  // namespace chainline
