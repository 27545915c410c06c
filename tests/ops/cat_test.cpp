#include "tensor/ops/cat.h"

#include <gtest/gtest.h>

#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

TEST(Cat, LaysColumnsSideBySide) {
  const Tensor a = test::from<float>({1, 2, 3, 4}, {2, 2}), b = test::from<float>({5, 6}, {2, 1});
  EXPECT_EQ(ops::cat({a, b}, 1).to_vector<float>(), (std::vector<float>{1, 2, 5, 3, 4, 6}));
  EXPECT_EQ(ops::cat({b, a}, -1).to_vector<float>(), (std::vector<float>{5, 1, 2, 6, 3, 4}));
}

// narrow takes back what cat put together, along every dimension, for every element size.
TEST(Cat, IsUndoneByNarrow) {
  for (const DType dtype : {DType::f64, DType::f32, DType::bf16, DType::i64, DType::u8}) {
    for (std::int64_t dim = 0; dim < 3; ++dim) {
      const Tensor a = randn(Shape{2, 3, 5}.with(dim, 4), 1).to(dtype);
      const Tensor b = randn(Shape{5, 3, 2}.with(2 - dim, 1), 2).to(dtype).transpose(0, 2);
      const Tensor none = test::zeros(Shape{2, 3, 5}.with(dim, 0), dtype);
      const Tensor y = ops::cat({a, none, b}, dim);
      EXPECT_TRUE(same_bits(y.narrow(dim, 0, 4), a));
      EXPECT_TRUE(same_bits(y.narrow(dim, 4, 1), b));
      EXPECT_EQ(y.shape()[dim], 5);
    }
  }
}

TEST(Cat, CopiesASingleTensor) {
  const Tensor a = randn({2, 3}, 1);
  const Tensor y = ops::cat({a}, 0);
  EXPECT_TRUE(same_bits(y, a));
  EXPECT_FALSE(y.shares_storage_with(a));
}

TEST(Stack, InsertsADimension) {
  const Tensor a = test::from<float>({1, 2}, {2}), b = test::from<float>({3, 4}, {2});
  EXPECT_EQ(ops::stack({a, b}, 0).to_vector<float>(), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(ops::stack({a, b}, 1).to_vector<float>(), (std::vector<float>{1, 3, 2, 4}));
  EXPECT_EQ(ops::stack({a, b}, -1).shape(), (Shape{2, 2}));
  EXPECT_EQ(ops::stack({test::full({}, 7, DType::f32)}, 0).shape(), (Shape{1}));
}

TEST(Cat, NamesTheTensorThatDiffers) {
  const Tensor a = randn({2, 3}, 1);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::cat(std::vector<Tensor>{}, 0); }),
            "cat: expected at least one tensor, got none");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::cat({a, a, randn({2, 4}, 1)}, 0);
            }),
            "cat: tensor 2: expected shape (2, 3) except in dimension 0, got (2, 4)");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::cat({a, randn({2}, 1)}, 0);
            }),
            "cat: tensor 1: expected shape (2, 3) except in dimension 0, got (2)");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::cat({a}, 2); }),
            "cat: expected a dimension in [-2, 2) of shape (2, 3), got 2");
  EXPECT_EQ(message_of<DTypeError>([&] {
              ops::cat({a, a.to(DType::f32)}, 0);
            }),
            "cat: tensor 1: expected dtype f64, got f32");
  EXPECT_EQ(message_of<ShapeError>([&] {
              ops::stack({a, randn({2, 4}, 1)}, 0);
            }),
            "stack: tensor 1: expected shape (2, 3), got (2, 4)");
}

TEST(NarrowBackward, PadsWithZeros) {
  const Tensor grad = test::from<float>({1, 2, 3, 4}, {2, 2});
  EXPECT_EQ(ops::narrow_backward(grad, 1, 1, 4).to_vector<float>(),
            (std::vector<float>{0, 1, 2, 0, 0, 3, 4, 0}));
  EXPECT_EQ(ops::narrow_backward(grad, 0, 1, 3).to_vector<float>(),
            (std::vector<float>{0, 0, 1, 2, 3, 4}));
}

// narrow(narrow_backward(g)) is g, and what lies outside is +0.
TEST(NarrowBackward, IsUndoneByNarrow) {
  for (std::int64_t dim = 0; dim < 3; ++dim) {
    const Tensor grad = randn({3, 4, 5}, 1, DType::f32).transpose(0, 2);
    const Tensor dx = ops::narrow_backward(grad, dim, 2, 9);
    const std::int64_t length = grad.shape()[dim];
    EXPECT_TRUE(same_bits(dx.narrow(dim, 2, length), grad));
    for (const Tensor& rest : {dx.narrow(dim, 0, 2), dx.narrow(dim, 2 + length, 7 - length)}) {
      EXPECT_TRUE(same_bits(rest, test::zeros(rest.shape(), DType::f32)));
    }
  }
}

TEST(NarrowBackward, GivesZerosForAnEmptySlice) {
  const Tensor grad = test::zeros({2, 0, 3}, DType::f64);
  EXPECT_TRUE(same_bits(ops::narrow_backward(grad, 1, 2, 2), test::zeros({2, 2, 3}, DType::f64)));
}

TEST(NarrowBackward, RefusesASliceThatDoesNotFit) {
  const Tensor grad = randn({2, 3}, 1);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::narrow_backward(grad, 1, 2, 4); }),
            "narrow_backward: grad: expected entries within [0, 4) of dimension 1, got 3 from 2");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::narrow_backward(grad, 1, -1, 4); }),
            "narrow_backward: grad: expected entries within [0, 4) of dimension 1, got 3 from -1");
}

}  // namespace
}  // namespace chainline
