#include "tensor/ops/gather.h"

#include <gtest/gtest.h>

#include "tensor/parallel.h"
#include "tests/fast_class.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randint;
using test::randn;

Tensor index_of(const std::vector<std::int64_t>& index, const Shape& shape) {
  return test::from<std::int64_t>(index, shape);
}

TEST(Gather, PicksAlongTheLastDimension) {
  const Tensor x = test::from<double>({0, 1, 2, 10, 11, 12}, {2, 3});
  EXPECT_EQ(ops::gather(x, -1, index_of({2, 0, 1, 1}, {2, 2})).to_vector<double>(),
            (std::vector<double>{2, 0, 11, 11}));
}

TEST(Gather, PicksAlongTheFirstDimensionOfALargerTable) {
  const Tensor x = test::from<std::int64_t>({0, 1, 2, 10, 11, 12}, {2, 3});
  const Tensor y = ops::gather(x, 0, index_of({1, 0, 0, 1, 1, 1}, {3, 2}));
  EXPECT_EQ(y.shape(), (Shape{3, 2}));
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{10, 1, 0, 11, 10, 11}));
}

// The definition, element by element, for each dimension of a strided x and a strided index.
TEST(Gather, FollowsItsFormulaAlongEveryDimension) {
  const Tensor x = randn({5, 4, 3}, 1).permute(std::vector<std::int64_t>{2, 0, 1});  // (3, 5, 4)
  for (std::int64_t dim = 0; dim < 3; ++dim) {
    const Shape shape = Shape{2, 3, 4}.with(dim, 7);
    const Tensor index =
        randint(shape, 0, x.shape()[dim], 2).transpose(0, 2).contiguous().transpose(0, 2);
    const Tensor y = ops::gather(x, dim, index);
    for (std::int64_t i = 0; i < shape[0]; ++i) {
      for (std::int64_t j = 0; j < shape[1]; ++j) {
        for (std::int64_t k = 0; k < shape[2]; ++k) {
          std::int64_t at[3] = {i, j, k};
          const auto element = [&](const Tensor& t) {
            return t.select(0, at[0]).select(0, at[1]).select(0, at[2]);
          };
          const double got = element(y).item<double>();
          at[dim] = element(index).item<std::int64_t>();
          EXPECT_EQ(got, element(x).item<double>()) << dim;
        }
      }
    }
  }
}

TEST(Gather, TakesAnEmptyIndex) {
  const Tensor x = randn({2, 3}, 1);
  EXPECT_EQ(ops::gather(x, 1, index_of({}, {2, 0})).shape(), (Shape{2, 0}));
  EXPECT_EQ(ops::gather(x, 1, index_of({}, {0, 4})).shape(), (Shape{0, 4}));
  EXPECT_TRUE(
      same_bits(ops::scatter_add(x, 1, index_of({}, {0, 4}), test::zeros({0, 4}, DType::f64)), x));
}

TEST(ScatterAdd, AddsToWhatIsThereAndLeavesItsInputAlone) {
  const Tensor x = test::from<double>({100, 200, 300}, {3});
  const Tensor src = test::from<double>({1, 2, 3, 4}, {4});
  const Tensor y = ops::scatter_add(x, 0, index_of({2, 0, 2, 2}, {4}), src);
  EXPECT_EQ(y.to_vector<double>(), (std::vector<double>{102, 200, 308}));
  EXPECT_EQ(x.to_vector<double>(), (std::vector<double>{100, 200, 300}));
}

// In f32 1e8 + 1 is 1e8: the 1 survives only after 1e8 and -1e8 have met.
TEST(ScatterAdd, AddsInAscendingPosition) {
  const Tensor zero = test::zeros({1, 2}, DType::f32);
  const Tensor src = test::from<float>({1e8f, 1, -1e8f, 1e8f, 1, -1e8f}, {3, 2});
  const Tensor y = ops::scatter_add(zero, 0, index_of({0, 0, 0, 0, 0, 0}, {3, 2}), src);
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{1, 0}));
}

// <scatter_add(0, index, v), u> = <v, gather(u, index)>: each is the other's transpose.
TEST(ScatterAdd, IsTheTransposeOfGather) {
  for (std::int64_t dim = 0; dim < 3; ++dim) {
    const Tensor u = randn({3, 4, 5}, 1).transpose(1, 2).contiguous().transpose(1, 2);
    const Tensor index = randint(Shape{2, 3, 4}.with(dim, 9), 0, u.shape()[dim], 2);
    const Tensor v = randn(index.shape(), 3);
    const Tensor picked = ops::gather(u, dim, index);
    const Tensor spread = ops::scatter_add(test::zeros(u.shape(), DType::f64), dim, index, v);
    const auto dot = [](const Tensor& a, const Tensor& b) {
      const std::vector<double> p = a.to_vector<double>(), q = b.to_vector<double>();
      double sum = 0;
      for (std::size_t i = 0; i < p.size(); ++i) sum += p[i] * q[i];
      return sum;
    };
    // About 100 products of size 1 summed twice in f64: 200 * 2^-53 * 10 is far below 1e-12.
    EXPECT_NEAR(dot(spread, u), dot(v, picked), 1e-12) << dim;
  }
}

TEST(Gather, NamesWhatDoesNotFit) {
  const Tensor x = randn({2, 3}, 1), index = index_of({0, 1, 2, 3}, {2, 2});
  EXPECT_EQ(message_of<ValueError>([&] { ops::gather(x, 1, index); }),
            "gather: index: expected values in [0, 3), got 3 at position (1, 1)");
  EXPECT_EQ(message_of<ValueError>([&] {
              ops::gather(x, 1, index_of({-1}, {1, 1}));
            }),
            "gather: index: expected values in [0, 3), got -1 at position (0, 0)");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::gather(x, 2, index); }),
            "gather: expected a dimension in [-2, 2) of shape (2, 3), got 2");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::gather(x, 1, index_of({0}, {1})); }),
            "gather: index: expected the 2 dimensions of x (2, 3), got (1)");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::gather(x, 1, index_of({0, 0, 0}, {3, 1}));
            }),
            "gather: index: expected at most size 2 in dimension 0 for x (2, 3), got (3, 1)");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::gather(x, 1, x); }),
            "gather: index: expected dtype i64, got f64");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::scatter_add(x, 1, index, x); }),
            "scatter_add: src: expected the shape of index (2, 2), got (2, 3); narrow the larger "
            "one");
  EXPECT_EQ(message_of<DTypeError>([&] {
              ops::scatter_add(x, 1, index, randn({2, 2}, 1, DType::f32));
            }),
            "scatter_add: src: expected dtype f64, got f32");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::scatter_add(index, 1, index, index); }),
            "scatter_add: x: expected dtype f32 or f64, got i64");
}

TEST(GatherRows, PicksRowsWithinEachSampleAndZerosForMinusOne) {
  const Tensor x = test::from<float>({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});
  const Tensor y = ops::gather_rows(x, index_of({1, -1, 0, 0, 1, -1}, {2, 3}));
  EXPECT_EQ(y.shape(), (Shape{2, 3, 2}));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{3, 4, 0, 0, 1, 2, 5, 6, 7, 8, 0, 0}));
}

TEST(GatherRows, TakesViewsAndEmptyTensors) {
  const Tensor x = randn({3, 2, 4}, 1).transpose(0, 1);
  const Tensor y = ops::gather_rows(x, index_of({2, 0}, {1, 2}).broadcast_to({2, 2}));
  EXPECT_TRUE(same_bits(y.select(0, 1).select(0, 0), x.select(0, 1).select(0, 2)));
  EXPECT_EQ(ops::gather_rows(x, index_of({}, {2, 0})).shape(), (Shape{2, 0, 4}));
  EXPECT_EQ(ops::gather_rows(test::zeros({1, 0, 4}, DType::u8), index_of({-1}, {1, 1}))
                .to_vector<std::uint8_t>(),
            (std::vector<std::uint8_t>{0, 0, 0, 0}));
}

TEST(ScatterRowsAdd, AddsWhatEveryCopyOfARowWasGiven) {
  const Tensor grad = test::from<float>({1, 2, 3, 4, 5, 6, 7, 8}, {1, 4, 2});
  const Tensor dx = ops::scatter_rows_add(grad, index_of({2, -1, 0, 2}, {1, 4}), 3);
  EXPECT_EQ(dx.shape(), (Shape{1, 3, 2}));
  EXPECT_EQ(dx.to_vector<float>(), (std::vector<float>{5, 6, 0, 0, 8, 10}));
}

TEST(ScatterRowsAdd, AddsInAscendingPosition) {
  const Tensor grad = test::from<float>({1e8f, -1e8f, 1, 1, 1e8f, -1e8f}, {2, 3, 1});
  const Tensor dx = ops::scatter_rows_add(grad, index_of({0, 0, 0, 0, 0, 0}, {2, 3}), 1);
  EXPECT_EQ(dx.to_vector<float>(), (std::vector<float>{1, 0}));
}

// 600 columns are two blocks and a ragged rest.
TEST(ScatterRowsAdd, KeepsTheBitsOfItsChainsForAnyThreads) {
  const std::int64_t B = 3, T = 41, S = 6, C = 600;
  const Tensor grad = randn({B, T, C}, 1, DType::f32), index = randint({B, T}, -1, S, 2);
  std::vector<float> expected(static_cast<std::size_t>(B * S * C), 0.0f);
  const std::vector<std::int64_t> rows = index.to_vector<std::int64_t>();
  const std::vector<float> terms = grad.to_vector<float>();
  for (std::int64_t i = 0; i < B * T; ++i) {
    const std::int64_t s = rows[static_cast<std::size_t>(i)];
    for (std::int64_t c = 0; s >= 0 && c < C; ++c) {
      expected[static_cast<std::size_t>((i / T * S + s) * C + c)] +=
          terms[static_cast<std::size_t>(i * C + c)];
    }
  }
  const int before = threads();
  for (const int n : test::thread_counts()) {
    set_threads(n);
    EXPECT_TRUE(
        same_bits(ops::scatter_rows_add(grad, index, S), test::from<float>(expected, {B, S, C})));
  }
  set_threads(before);
}

TEST(GatherRows, NamesWhatDoesNotFit) {
  const Tensor x = randn({2, 3, 4}, 1), index = index_of({0, 3, 0, 0}, {2, 2});
  EXPECT_EQ(message_of<ValueError>([&] { ops::gather_rows(x, index); }),
            "gather_rows: index: expected values in [-1, 3), got 3 at position (0, 1)");
  EXPECT_EQ(message_of<ValueError>([&] {
              ops::gather_rows(x, index_of({0, -2}, {2, 1}));
            }),
            "gather_rows: index: expected values in [-1, 3), got -2 at position (1, 0)");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::gather_rows(x.select(0, 0), index); }),
            "gather_rows: x: expected three dimensions, got (3, 4)");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::gather_rows(x, index_of({0, 0, 0}, {3, 1}));
            }),
            "gather_rows: index: expected shape (2, T), got (3, 1)");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::scatter_rows_add(x, index, 5); }),
            "scatter_rows_add: index: expected shape (2, 3), got (2, 2)");
  EXPECT_EQ(message_of<ValueError>([&] { ops::scatter_rows_add(x.narrow(1, 0, 2), index, 3); }),
            "scatter_rows_add: index: expected values in [-1, 3), got 3 at position (0, 1)");
}

TEST(GatherRows, OfBf16CopyAndTheirGradientIsThatOfF32RoundedOnce) {
  const Tensor index = index_of({2, -1, 0, 2, 2, 1, 0, 2}, {2, 4});
  test::expect_f32_rounded_once(
      [&](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{ops::scatter_rows_add(x[0], index, 3),
                                   ops::gather_rows(x[0], index)};
      },
      {randn({2, 4, 5}, 1)}, "scatter_rows_add: grad: expected dtype f32 or f64, got bf16");
}

}  // namespace
}  // namespace chainline
