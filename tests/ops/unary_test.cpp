#include "tensor/ops/unary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/parallel.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

struct Function {
  const char* name;
  Tensor (*op)(const Tensor&);
  double (*exact)(double);
  bool positive = false;  // defined for positive arguments only
};

const std::vector<Function>& family() {
  static const std::vector<Function> all = {
      {"neg", ops::neg, [](double x) { return -x; }},
      {"abs", ops::abs, [](double x) { return std::fabs(x); }},
      {"sign", ops::sign, [](double x) { return x > 0 ? 1.0 : -1.0; }},
      {"square", ops::square, [](double x) { return x * x; }},
      {"sqrt", ops::sqrt, [](double x) { return std::sqrt(x); }, true},
      {"rsqrt", ops::rsqrt, [](double x) { return 1 / std::sqrt(x); }, true},
      {"reciprocal", ops::reciprocal, [](double x) { return 1 / x; }},
      {"relu", ops::relu, [](double x) { return x > 0 ? x : 0; }},
      {"exp", ops::exp, [](double x) { return std::exp(x); }},
      {"log", ops::log, [](double x) { return std::log(x); }, true},
      {"tanh", ops::tanh, [](double x) { return std::tanh(x); }},
      {"erf", ops::erf, [](double x) { return std::erf(x); }},
      {"sigmoid", ops::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"sin", ops::sin, [](double x) { return std::sin(x); }},
      {"cos", ops::cos, [](double x) { return std::cos(x); }},
  };
  return all;
}

Tensor f64(const std::vector<double>& values) {
  return test::from<double>(values, {static_cast<std::int64_t>(values.size())});
}

TEST(Unary, KnowsValuesByHand) {
  const Tensor x = f64({-2, 0, 4});
  EXPECT_EQ(ops::neg(x).to_vector<double>(), (std::vector<double>{2, 0, -4}));
  EXPECT_EQ(ops::abs(x).to_vector<double>(), (std::vector<double>{2, 0, 4}));
  EXPECT_EQ(ops::sign(x).to_vector<double>(), (std::vector<double>{-1, 0, 1}));
  EXPECT_EQ(ops::square(x).to_vector<double>(), (std::vector<double>{4, 0, 16}));
  EXPECT_EQ(ops::relu(x).to_vector<double>(), (std::vector<double>{0, 0, 4}));
  EXPECT_EQ(ops::reciprocal(x).to_vector<double>(), (std::vector<double>{-0.5, kInf, 0.25}));
  EXPECT_EQ(ops::sqrt(f64({0, 4})).to_vector<double>(), (std::vector<double>{0, 2}));
  EXPECT_EQ(ops::rsqrt(f64({0, 4})).to_vector<double>(), (std::vector<double>{kInf, 0.5}));
  const Tensor zero = f64({0});
  EXPECT_EQ(ops::exp(zero).item<double>(), 1);
  EXPECT_EQ(ops::log(f64({1})).item<double>(), 0);
  EXPECT_EQ(ops::tanh(zero).item<double>(), 0);
  EXPECT_EQ(ops::erf(zero).item<double>(), 0);
  EXPECT_EQ(ops::sigmoid(zero).item<double>(), 0.5);
  EXPECT_EQ(ops::sin(zero).item<double>(), 0);
  EXPECT_EQ(ops::cos(zero).item<double>(), 1);
}

// The errors of the functions themselves are the matter of tests/tensor/math_test.cpp; 4 units of
// the last place, 2 of the function and 2 of the f64 reference's formula, tell them apart.
TEST(Unary, CallsTheFunctionItIsNamedAfter) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0, 3}, Shape{7, 13}, Shape{3, 5, 2}}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const double u = dtype == DType::f32 ? 0x1p-23 : 0x1p-52;
      for (const Function& f : family()) {
        Tensor x = randn(shape, 1, dtype);
        if (f.positive) x = ops::abs(x);
        const std::vector<double> in = x.to(DType::f64).to_vector<double>();
        const std::vector<double> y = f.op(x).to(DType::f64).to_vector<double>();
        for (std::size_t i = 0; i < in.size(); ++i) {
          const double exact = f.exact(in[i]);
          EXPECT_LE(std::fabs(y[i] - exact), 4 * u * std::fabs(exact)) << f.name << " " << in[i];
        }
      }
    }
  }
}

TEST(Unary, KeepsNanAndTheSignOfZero) {
  for (const Function& f : family()) {
    EXPECT_TRUE(std::isnan(f.op(f64({kNan})).item<double>())) << f.name;
  }
  EXPECT_TRUE(std::isnan(ops::clamp(f64({kNan}), -1, 1).item<double>()));
  EXPECT_TRUE(same_bits(ops::sign(f64({-0.0})), f64({-0.0})));
  EXPECT_TRUE(same_bits(ops::neg(f64({0.0})), f64({-0.0})));
  EXPECT_TRUE(same_bits(ops::abs(f64({-0.0})), f64({0.0})));
}

TEST(Unary, ClampsIntoTheBounds) {
  EXPECT_EQ(ops::clamp(f64({-kInf, -1, 0.5, 2, kInf}), -1, 1).to_vector<double>(),
            (std::vector<double>{-1, -1, 0.5, 1, 1}));
  EXPECT_EQ(ops::clamp(f64({-3, 3}), 0, kInf).to_vector<double>(), (std::vector<double>{0, 3}));
}

TEST(Unary, RaisesToWholePowers) {
  const Tensor x = f64({-2, 0, 3});
  EXPECT_EQ(ops::pow_int(x, 3).to_vector<double>(), (std::vector<double>{-8, 0, 27}));
  EXPECT_EQ(ops::pow_int(x, 10).to_vector<double>(), (std::vector<double>{1024, 0, 59049}));
  EXPECT_EQ(ops::pow_int(x, -2).to_vector<double>(), (std::vector<double>{0.25, kInf, 1.0 / 9}));
  EXPECT_EQ(ops::pow_int(f64({kNan, 0, kInf}), 0).to_vector<double>(),
            (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(
      ops::pow_int(f64({1, -1}), std::numeric_limits<std::int64_t>::min()).to_vector<double>(),
      (std::vector<double>{1, 1}));
}

TEST(Unary, RefusesWhatDoesNotFit) {
  const Tensor i = test::zeros({2}, DType::i64);
  for (const Function& f : family()) {
    EXPECT_EQ(message_of<DTypeError>([&] { f.op(i); }),
              std::string(f.name) + ": expected dtype f32 or f64, got i64");
  }
  EXPECT_EQ(message_of<DTypeError>([&] { ops::pow_int(i.to(DType::bf16), 2); }),
            "pow_int: expected dtype f32 or f64, got bf16");
  EXPECT_EQ(message_of<ValueError>([&] { ops::clamp(f64({1}), 2, 1); }),
            "clamp: expected low <= high, got low 2 and high 1");
  EXPECT_EQ(message_of<ValueError>([&] { ops::clamp(f64({1}), kNan, 1); }),
            "clamp: expected low <= high, got low nan and high 1");
}

TEST(Unary, KeepsItsBitsForAnyStridesAndThreads) {
  const Tensor x = randn({300, 251}, 1, DType::f32);
  const Tensor x_t = x.transpose(0, 1).clone().transpose(0, 1);
  const Tensor column = randn({300, 1}, 2, DType::f32).broadcast_to({300, 251});
  for (const Function& f : family()) {
    const auto positive = [&](const Tensor& t) { return f.positive ? ops::abs(t) : t; };
    set_threads(1);
    const Tensor expected = f.op(positive(x)), of_column = f.op(positive(column.clone()));
    for (const int n : test::thread_counts()) {
      set_threads(n);
      EXPECT_TRUE(same_bits(f.op(positive(x_t)), expected)) << f.name;
      EXPECT_TRUE(same_bits(f.op(positive(column)), of_column)) << f.name;
      EXPECT_TRUE(same_bits(ops::pow_int(x_t, 5), ops::pow_int(x, 5)));
    }
  }
}

}  // namespace
}  // namespace chainline
