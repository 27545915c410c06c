#include "tensor/ops/binary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "tensor/parallel.h"
#include "tests/fast_class.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Arithmetic {
  const char* name;
  Tensor (*op)(const Tensor&, const Tensor&);
  std::function<double(double, double)> exact;
};

const std::vector<Arithmetic>& family() {
  static const std::vector<Arithmetic> all = {
      {"add", ops::add, [](double a, double b) { return a + b; }},
      {"sub", ops::sub, [](double a, double b) { return a - b; }},
      {"mul", ops::mul, [](double a, double b) { return a * b; }},
      {"div", ops::div, [](double a, double b) { return a / b; }},
      {"maximum", ops::maximum, [](double a, double b) { return std::max(a, b); }},
      {"minimum", ops::minimum, [](double a, double b) { return std::min(a, b); }},
  };
  return all;
}

Tensor f64(const std::vector<double>& values) {
  return test::from<double>(values, {static_cast<std::int64_t>(values.size())});
}

TEST(Binary, DoesSchoolArithmetic) {
  const Tensor a = f64({6, -3, 0.5}), b = f64({2, 4, 0.25});
  EXPECT_EQ(ops::add(a, b).to_vector<double>(), (std::vector<double>{8, 1, 0.75}));
  EXPECT_EQ(ops::sub(a, b).to_vector<double>(), (std::vector<double>{4, -7, 0.25}));
  EXPECT_EQ(ops::mul(a, b).to_vector<double>(), (std::vector<double>{12, -12, 0.125}));
  EXPECT_EQ(ops::div(a, b).to_vector<double>(), (std::vector<double>{3, -0.75, 2}));
  EXPECT_EQ(ops::maximum(a, b).to_vector<double>(), (std::vector<double>{6, 4, 0.5}));
  EXPECT_EQ(ops::minimum(a, b).to_vector<double>(), (std::vector<double>{2, -3, 0.25}));
}

// One rounding of the exact result: that of f64 for f64; f32 rounds the f64 result once more, which
// for these four operations gives the f32 result, as 53 >= 2 * 24 + 2 bits.
TEST(Binary, RoundsTheExactResultOnce) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0, 3}, Shape{7, 13}, Shape{3, 5, 2}}) {
    const Tensor a = randn(shape, 1, DType::f32), b = randn(shape, 2, DType::f32);
    const Tensor wide_a = a.to(DType::f64), wide_b = b.to(DType::f64);
    for (const Arithmetic& f : family()) {
      std::vector<double> expected = wide_a.to_vector<double>();
      const std::vector<double> q = wide_b.to_vector<double>();
      for (std::size_t i = 0; i < q.size(); ++i) expected[i] = f.exact(expected[i], q[i]);
      const Tensor y = test::from<double>(expected, shape);
      EXPECT_TRUE(same_bits(f.op(wide_a, wide_b), y)) << f.name << " " << shape;
      EXPECT_TRUE(same_bits(f.op(a, b), y.to(DType::f32))) << f.name << " " << shape;
    }
  }
}

TEST(Binary, StretchesBothOperands) {
  const Tensor a = test::arange(3, DType::i64).reshape({3, 1});
  const Tensor b = test::from<std::int64_t>({10, 20}, {2});
  const Tensor y = ops::add(a, b);
  EXPECT_EQ(y.shape(), (Shape{3, 2}));
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{10, 20, 11, 21, 12, 22}));
}

TEST(Binary, GivesNanWhereEitherIsNan) {
  for (const Arithmetic& f : family()) {
    const std::vector<double> y =
        f.op(f64({kNan, 1, kNan, 2}), f64({1, kNan, kNan, 3})).to_vector<double>();
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2])) << f.name;
    EXPECT_FALSE(std::isnan(y[3])) << f.name;
  }
}

TEST(Binary, TakesTheFirstOfTwoEquals) {
  EXPECT_TRUE(same_bits(ops::maximum(f64({-0.0, 0.0}), f64({0.0, -0.0})), f64({-0.0, 0.0})));
  EXPECT_TRUE(same_bits(ops::minimum(f64({-0.0, 0.0}), f64({0.0, -0.0})), f64({-0.0, 0.0})));
}

TEST(Binary, WrapsIntegersAround) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const Tensor a = test::from<std::int64_t>({kMost, -5}, {2});
  EXPECT_EQ(ops::add_scalar(a, 1).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min(), -4}));
  EXPECT_EQ(ops::mul(a, a).to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 25}));
  EXPECT_EQ(ops::minimum(a, ops::mul_scalar(a, 0)).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{0, -5}));
}

TEST(Binary, RoundsAScalarToTheDtypeOnce) {
  const Tensor x = test::from<float>({3}, {1});
  EXPECT_EQ(ops::mul_scalar(x, 0.1).item<float>(), 3.0f * 0.1f);
  EXPECT_EQ(ops::add_scalar(x, 0.1).item<float>(), 3.0f + 0.1f);
  EXPECT_EQ(ops::div_scalar(x, 0.1).item<float>(), 3.0f / 0.1f);
}

TEST(Binary, RefusesWhatDoesNotFit) {
  const Tensor x = test::zeros({2, 3}, DType::f32), i = test::zeros({3}, DType::i64);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::add(x, test::zeros({2}, DType::f32)); }),
            "add: shapes (2, 3) and (2) do not broadcast: 3 meets 2 in dimension -1");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::mul(x, i); }), "mul: b: expected dtype f32, got i64");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::div(i, i); }),
            "div: expected dtype f32 or f64, got i64; a division of integers is not defined");
  EXPECT_EQ(
      message_of<DTypeError>([&] { ops::div_scalar(i, 2); }),
      "div_scalar: expected dtype f32 or f64, got i64; a division of integers is not defined");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::sub(x.to(DType::u8), x.to(DType::u8)); }),
            "sub: expected dtype f32, f64 or i64, got u8");
  EXPECT_EQ(message_of<ValueError>([&] { ops::add_scalar(i, 0.5); }),
            "add_scalar: value: expected an integer of 64 bits for dtype i64, got 0.5");
  EXPECT_EQ(message_of<ValueError>([&] { ops::mul_scalar(i, kNan); }),
            "mul_scalar: value: expected an integer of 64 bits for dtype i64, got nan");
}

TEST(Binary, KeepsItsBitsForAnyStridesAndThreads) {
  // 300 x 250 elements are five chunks.
  const Tensor a = randn({300, 250}, 3, DType::f32), row = randn({250}, 4, DType::f32);
  const Tensor a_t = a.transpose(0, 1).clone().transpose(0, 1);
  const Tensor rows = row.broadcast_to({300, 250}).clone();
  for (const Arithmetic& f : family()) {
    set_threads(1);
    const Tensor expected = f.op(a, rows);
    for (const int n : test::thread_counts()) {
      set_threads(n);
      EXPECT_TRUE(same_bits(f.op(a, row), expected)) << f.name;
      EXPECT_TRUE(same_bits(f.op(a_t, rows), expected)) << f.name;
      EXPECT_TRUE(same_bits(ops::add_scalar(a_t, 0.3), ops::add_scalar(a, 0.3)));
    }
  }
}

// Kernels may take dense operands by vectors: wherever those begin and end, nothing else is touched.
TEST(Binary, TakesDenseOperandsThatBeginAndEndAnywhere) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i64}) {
    const Tensor a = test::randint({60}, -50, 50, 1).to(dtype);
    const Tensor b = test::randint({60}, -50, 50, 2).to(dtype);
    const Tensor sum = ops::add(a, b), scaled = ops::mul_scalar(a, 3);
    for (std::int64_t begin = 0; begin < 9; ++begin) {
      for (std::int64_t n = 0; n < 40; n += 3) {
        const Tensor part = a.narrow(0, begin, n);
        EXPECT_TRUE(same_bits(ops::add(part, b.narrow(0, begin, n)), sum.narrow(0, begin, n)));
        EXPECT_TRUE(same_bits(ops::mul_scalar(part, 3), scaled.narrow(0, begin, n)));
      }
    }
  }
}

TEST(Binary, OfBf16IsThatOfF32RoundedOnce) {
  using Op = Tensor (*)(const Tensor&, const Tensor&);
  const std::vector<std::pair<Op, std::string>> operations{
      {ops::add, "add"}, {ops::sub, "sub"},         {ops::mul, "mul"},
      {ops::div, "div"}, {ops::maximum, "maximum"}, {ops::minimum, "minimum"}};
  for (const auto& operation : operations) {
    test::expect_f32_rounded_once(
        [&](const std::vector<Tensor>& x) {
          return std::vector<Tensor>{operation.first(x[0], x[1]),
                                     operation.first(x[0].transpose(0, 1), x[2])};
        },
        {randn({5, 33}, 1), randn({33}, 2), randn({33, 5}, 3)},
        operation.second + ": expected dtype f32, f64 or i64, got bf16");
  }
  test::expect_f32_rounded_once(
      [](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{ops::add_scalar(x[0], 0.1), ops::mul_scalar(x[0], 0.1),
                                   ops::div_scalar(x[0], 0.1)};
      },
      {randn({5, 33}, 1)}, "add_scalar: expected dtype f32, f64 or i64, got bf16");
}

}  // namespace
}  // namespace chainline
