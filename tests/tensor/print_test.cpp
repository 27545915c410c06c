#include "tensor/print.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(Print, AlignsColumns) {
  const Tensor x = Tensor::from<double>({1, -2.5, 1.0 / 3, kNan, 100, -kInf}, {2, 3});
  EXPECT_EQ(to_string(x),
            "[[  1.0000,  -2.5000,   0.3333],\n"
            " [     nan, 100.0000,     -inf]]\n"
            "f64 (2, 3)");
}

TEST(Print, SeparatesBlocksByEmptyLines) {
  EXPECT_EQ(to_string(Tensor::arange(8, DType::i64).reshape({2, 2, 2})),
            "[[[0, 1],\n"
            "  [2, 3]],\n"
            "\n"
            " [[4, 5],\n"
            "  [6, 7]]]\n"
            "i64 (2, 2, 2)");
}

TEST(Print, KnowsEveryDtype) {
  const Tensor x = Tensor::from<double>({0, 7, 200}, {3});
  EXPECT_EQ(to_string(x.to(DType::f32)), "[  0.,   7., 200.]\nf32 (3)");
  EXPECT_EQ(to_string(x), "[  0.,   7., 200.]\nf64 (3)");
  EXPECT_EQ(to_string(x.to(DType::bf16)), "[  0.,   7., 200.]\nbf16 (3)");
  EXPECT_EQ(to_string(x.to(DType::i64)), "[  0,   7, 200]\ni64 (3)");
  EXPECT_EQ(to_string(x.to(DType::u8)), "[  0,   7, 200]\nu8 (3)");
}

TEST(Print, ElidesTheMiddleOfLongDimensions) {
  EXPECT_EQ(to_string(Tensor::arange(12, DType::i64)),
            "[ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11]\ni64 (12)");
  EXPECT_EQ(to_string(Tensor::arange(13, DType::i64)), "[ 0,  1,  2, ..., 10, 11, 12]\ni64 (13)");
  EXPECT_EQ(to_string(Tensor::arange(40, DType::i64).reshape({20, 2})),
            "[[ 0,  1],\n"
            " [ 2,  3],\n"
            " [ 4,  5],\n"
            " ...,\n"
            " [34, 35],\n"
            " [36, 37],\n"
            " [38, 39]]\n"
            "i64 (20, 2)");
  PrintFormat format;
  format.longest = 2;
  format.edge = 1;
  EXPECT_EQ(to_string(Tensor::arange(9, DType::u8).reshape({3, 3}), format),
            "[[0, ..., 2],\n"
            " ...,\n"
            " [6, ..., 8]]\n"
            "u8 (3, 3)");
}

TEST(Print, TakesExponentsForVeryLargeAndVerySmallNumbers) {
  EXPECT_EQ(to_string(Tensor::from<double>({1e-7, -12}, {2})),
            "[ 1.0000e-07, -1.2000e+01]\nf64 (2)");
  EXPECT_EQ(to_string(Tensor::from<double>({1e300}, {1})), "[1.0000e+300]\nf64 (1)");
  EXPECT_EQ(to_string(Tensor::from<double>({0, 0.001, 999999.5}, {3})),
            "[     0.0000,      0.0010, 999999.5000]\nf64 (3)");
}

TEST(Print, WritesTheFewestDigitsThatReadBack) {
  PrintFormat format;
  format.round_trip = true;
  EXPECT_EQ(to_string(Tensor::from<double>({0.1, 1.0 / 3}, {2}), format),
            "[               0.1, 0.3333333333333333]\nf64 (2)");
  EXPECT_EQ(to_string(Tensor::from<float>({0.1f, 16777216}, {2}), format),
            "[     0.1, 16777216]\nf32 (2)");
}

TEST(Print, WritesScalarsEmptyTensorsAndNothing) {
  EXPECT_EQ(to_string(Tensor::full({}, 2.5, DType::f32)), "2.5000\nf32 ()");
  EXPECT_EQ(to_string(Tensor::zeros({0}, DType::f32)), "[]\nf32 (0)");
  EXPECT_EQ(to_string(Tensor::zeros({2, 0}, DType::i64)), "[[],\n []]\ni64 (2, 0)");
  EXPECT_EQ(to_string(Tensor()), "undefined");
}

TEST(Print, FollowsTheStridesOfAView) {
  std::ostringstream out;
  out << Tensor::arange(6, DType::i64).reshape({2, 3}).transpose(0, 1);
  EXPECT_EQ(out.str(), "[[0, 3],\n [1, 4],\n [2, 5]]\ni64 (3, 2)");
}

TEST(Print, RefusesAFormatThatShowsNothing) {
  PrintFormat format;
  format.edge = 0;
  EXPECT_EQ(message_of<ValueError>([&] { to_string(Tensor(), format); }),
            "to_string: expected longest and edge of at least 1, got 12 and 0");
  format = {};
  format.precision = -1;
  EXPECT_EQ(message_of<ValueError>([&] { to_string(Tensor(), format); }),
            "to_string: precision: expected 0 to 100 digits, got -1");
}

}  // namespace
}  // namespace chainline
