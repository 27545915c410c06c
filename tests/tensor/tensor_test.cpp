#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

namespace chainline {
namespace {

Tensor counting(const Shape& shape) {
  return Tensor::arange(shape.numel(), DType::f32).reshape(shape);
}

TEST(Tensor, ViewsShareTheNumbers) {
  Tensor x = counting({2, 3});
  Tensor column = x.select(1, 2);
  column.fill(9);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{0, 1, 9, 3, 4, 9}));
  EXPECT_TRUE(column.shares_storage_with(x));
}

TEST(Tensor, TransposesWithoutMovingNumbers) {
  const Tensor t = counting({2, 3}).transpose(0, 1);
  EXPECT_EQ(t.shape(), (Shape{3, 2}));
  EXPECT_FALSE(t.is_contiguous());
  EXPECT_EQ(t.to_vector<float>(), (std::vector<float>{0, 3, 1, 4, 2, 5}));
}

TEST(Tensor, ReshapesAViewWhereItCanAndCopiesWhereItMust) {
  const Tensor x = counting({2, 3, 4});
  EXPECT_TRUE(x.narrow(0, 1, 1).reshape({12}).shares_storage_with(x));
  EXPECT_TRUE(x.transpose(0, 1).reshape({3, 2, 2, 2}).shares_storage_with(x));
  const Tensor copy = x.transpose(0, 1).reshape({6, 4});
  EXPECT_FALSE(copy.shares_storage_with(x));
  EXPECT_EQ(copy.select(0, 1).to_vector<float>(), (std::vector<float>{12, 13, 14, 15}));
  EXPECT_EQ(x.reshape({4, -1}).shape(), (Shape{4, 6}));
}

TEST(Tensor, BroadcastsWithStrideZero) {
  const Tensor row = counting({1, 3}).broadcast_to({2, 2, 3});
  EXPECT_EQ(row.to_vector<float>(), (std::vector<float>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(row.strides()[0], 0);
}

// A 4 x 4 image of one channel in patches of 2: each patch is a square of neighbours.
TEST(Tensor, CutsAnImageIntoPatches) {
  const Tensor p = counting({1, 1, 4, 4}).patches(2);
  EXPECT_EQ(p.shape(), (Shape{1, 2, 2, 1, 2, 2}));
  EXPECT_EQ(p.select(2, 1).select(1, 0).to_vector<float>(), (std::vector<float>{2, 3, 6, 7}));
}

TEST(Tensor, ConvertsToBf16ByOneRoundingToNearestEven) {
  // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7: the even one is 1. A double just above the half
  // must go up, although rounding it to float first would land on the half.
  const double half = 1 + 1.0 / 256;
  const Tensor x = Tensor::from<double>({half, half + 1e-12, -3.0, 1e300}, {4});
  EXPECT_EQ(x.to(DType::bf16).to(DType::f32).to_vector<float>(),
            (std::vector<float>{1, 1 + 1.0f / 128, -3, std::numeric_limits<float>::infinity()}));
}

TEST(Tensor, CountsItsWrites) {
  Tensor x = counting({2});
  const auto before = x.version();
  x.fill(1);
  EXPECT_GT(x.version(), before);
}

TEST(Tensor, HandlesEmptyAndScalarShapes) {
  EXPECT_EQ(Tensor::zeros({2, 0, 3}, DType::f64).clone().numel(), 0);
  EXPECT_EQ(Tensor::full({}, 7, DType::i64).item<std::int64_t>(), 7);
}

template <class E, class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "no error of the expected type";
}

TEST(Tensor, RefusesWhatDoesNotFitAndSaysWhy) {
  const Tensor x = counting({2, 3});
  EXPECT_EQ(message_of<ShapeError>([&] { x.reshape({4}); }),
            "reshape: shape (2, 3) has 6 elements, (4) has 4");
  EXPECT_EQ(message_of<ShapeError>([&] { x.narrow(1, 2, 2); }),
            "narrow: entries [2, 4) are not in dimension 1 of (2, 3)");
  EXPECT_EQ(message_of<DTypeError>([&] { x.data<double>(); }),
            "tensor: expected elements of dtype f64, got f32");
  EXPECT_EQ(message_of<ShapeError>([&] { x.item<float>(); }),
            "item: expected one element, got shape (2, 3)");
  EXPECT_EQ(message_of<ShapeError>([&] { x.transpose(0, 2); }),
            "transpose: expected a dimension in [-2, 2) of shape (2, 3), got 2");
  EXPECT_THROW(Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}), ShapeError);
  EXPECT_EQ(message_of<ShapeError>([&] {
              broadcast_shapes({2, 3}, {4, 3}, "add");
            }),
            "add: shapes (2, 3) and (4, 3) do not broadcast: 2 meets 4 in dimension -2");
}

}  // namespace
}  // namespace chainline
