// What differs between two records, and between two tensors.

#include "experiments/trace/difference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/error.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

TEST(FirstDifference, IsNoneForEqualBitsAndSeesTheSignOfZeroAndNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor a = Tensor::from<float>({1, nan, 0}, {3});
  EXPECT_FALSE(first_difference(a, a.clone()));
  const auto d = first_difference(a, Tensor::from<float>({1, nan, -0.0f}, {3}));
  ASSERT_TRUE(d);
  EXPECT_EQ(d->index, std::vector<std::int64_t>{2});
  EXPECT_EQ(d->ulps, 0u);  // the two zeros are one number
  EXPECT_EQ(d->b, "-0");
}

// By hand: 1 + 2^-23 is the f32 after 1; bf16 has 7 bits behind the point, so 1.0078125 follows 1.
TEST(FirstDifference, CountsTheNumbersBetween) {
  const float after = std::nextafter(1.0f, 2.0f), tiny = std::numeric_limits<float>::denorm_min();
  const auto ulps = [](auto a, auto b) {
    using T = decltype(a);
    return first_difference(Tensor::from<T>({a}, {1}), Tensor::from<T>({b}, {1}))->ulps;
  };
  EXPECT_EQ(ulps(1.0f, after), 1u);
  EXPECT_EQ(ulps(after, 1.0f), 1u);
  EXPECT_EQ(ulps(-tiny, tiny), 2u);
  EXPECT_EQ(ulps(1.0f, 2.0f), 1u << 23);
  EXPECT_EQ(ulps(1.0, std::nextafter(1.0, 0.0)), 1u);
  EXPECT_EQ(ulps(std::numeric_limits<double>::max(), -std::numeric_limits<double>::max()),
            2 * 0x7fefffffffffffffu);
  EXPECT_EQ(ulps(bf16(1.0f), bf16(1.0078125f)), 1u);
  EXPECT_EQ(ulps(bf16(-1.0f), bf16(1.0f)), 2u * 0x3f80);
  EXPECT_EQ(ulps(1.0f, std::numeric_limits<float>::quiet_NaN()), std::nullopt);
  EXPECT_EQ(ulps(std::int64_t{1}, std::int64_t{5}), std::nullopt);
}

TEST(FirstDifference, GivesThePlaceInAViewAndBothValues) {
  const Tensor a = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3}).transpose(0, 1);
  Tensor b = a.contiguous().clone();
  b.mutable_data<float>()[3] = 5.5f;  // (1, 1) of the transposed
  b.mutable_data<float>()[5] = 7;
  const auto d = first_difference(a, b);
  ASSERT_TRUE(d);
  EXPECT_EQ(describe(*d, "A", "B"),
            "element (1, 1): 5 in A, 5.5 in B, 1048576 ULP apart; 2 of 6 differ");
  const Tensor u = Tensor::from<std::uint8_t>({7}, {1}), v = Tensor::from<std::uint8_t>({9}, {1});
  EXPECT_EQ(describe(*first_difference(u, v), "A", "B"),
            "element (0): 7 in A, 9 in B; 1 of 1 differ");
}

TEST(FirstDifference, RefusesWhatCannotBeCompared) {
  const Tensor a = Tensor::zeros({2}, DType::f32);
  EXPECT_EQ(refusal<ShapeError>([&] { first_difference(a, Tensor::zeros({3}, DType::f32)); }),
            "first_difference: expected shape (2), got (3)");
  EXPECT_EQ(refusal<DTypeError>([&] { first_difference(a, Tensor::zeros({2}, DType::f64)); }),
            "first_difference: expected f32, got f64");
}

TEST(LineDifference, NamesEverythingThatDiffersAndNothingElse) {
  const TraceLine a{1, 0, 0, {3, 1}, 0.5, 2, {1, 2}, {3, 4}};
  EXPECT_FALSE(difference(a, a).any());
  TraceLine b = a;
  b.samples = {3, 2};
  b.loss = 0.25;
  b.gradient_norm = 3;
  b.gradients = {1, 9};
  b.weights = {8, 9};
  const LineDifference d = difference(a, b);
  EXPECT_TRUE(d.any());
  EXPECT_EQ(d.weights, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(describe(d, a, "A", b, "B", {"first", "second"}),
            "  samples        3 1 in A, 3 2 in B\n"
            "  loss           0.5 in A, 0.25 in B\n"
            "  gradient norm  2 in A, 3 in B\n"
            "  gradients      1 of 2 parameters, first second: 0000000000000002 in A, "
            "0000000000000009 in B\n"
            "  weights        2 of 2 parameters, first first: 0000000000000003 in A, "
            "0000000000000008 in B\n");
  b.weights = {1};
  EXPECT_EQ(refusal<ValueError>([&] { difference(a, b); }),
            "trace: difference: expected records of 2 parameters, got 1");
}

}  // namespace
}  // namespace chainline::experiments
