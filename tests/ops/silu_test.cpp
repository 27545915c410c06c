#include "tensor/ops/silu.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/ops/binary.h"
#include "tests/fast_class.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::central_differences;
using test::dot;
using test::max_abs_diff;
using test::message_of;
using test::randn;

// sigmoid(log 3) = 3 / 4.
TEST(Silu, IsXTimesItsSigmoid) {
  const double x = std::log(3);
  EXPECT_NEAR(ops::silu(test::from<double>({x}, {1})).item<double>(), 0.75 * x, 1e-15);
  EXPECT_NEAR(ops::silu(test::from<double>({-x}, {1})).item<double>(), -0.25 * x, 1e-15);
}

// An ulp of the sigmoid and one of the product, relative to a value below 6.
TEST(Silu, IsItsFormulaForShapesThatHurt) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{37}, Shape{3, 7, 1999}, Shape{0, 2}}) {
    const Tensor x = randn(shape, 1);
    std::vector<double> expected = x.to_vector<double>();
    for (double& v : expected) v = v / (1 + std::exp(-v));
    const Tensor y = test::from(expected, shape);
    EXPECT_LT(max_abs_diff(ops::silu(x), y), 3e-15) << shape;
    EXPECT_LT(max_abs_diff(ops::silu(x.to(DType::f32)), y), 2e-6) << shape;
  }
}

TEST(Silu, HasTheGradientsOfCentralDifferences) {
  const Tensor x = randn({3, 50}, 1), grad_y = randn({3, 50}, 2);
  const auto of_x = [&](const Tensor& p) { return dot(grad_y, ops::silu(p)); };
  EXPECT_LT(max_abs_diff(ops::silu_backward(grad_y, x), central_differences(of_x, x)), 1e-8);
}

// The bits are those of the composition: silu, then a product.
TEST(SiluGate, IsSiluTimesUp) {
  const Tensor gate = randn({3, 41}, 1, DType::f32), up = randn({3, 41}, 2, DType::f32);
  const Tensor y = ops::silu_gate(gate, up), left = ops::silu(gate);
  EXPECT_TRUE(same_bits(y, ops::mul(left, up)));
}

TEST(SiluGate, ReadsStridedOperands) {
  const Tensor gate = randn({5, 4}, 1).transpose(0, 1), up = randn({4, 5}, 2);
  EXPECT_TRUE(same_bits(ops::silu_gate(gate, up), ops::silu_gate(gate.contiguous(), up)));
}

TEST(SiluGate, HasTheGradientsOfCentralDifferences) {
  const Tensor gate = randn({3, 50}, 1), up = randn({3, 50}, 2), grad_y = randn({3, 50}, 3);
  const ops::SiluGateGradients g = ops::silu_gate_backward(grad_y, gate, up);
  const auto of_gate = [&](const Tensor& p) { return dot(grad_y, ops::silu_gate(p, up)); };
  const auto of_up = [&](const Tensor& p) { return dot(grad_y, ops::silu_gate(gate, p)); };
  EXPECT_LT(max_abs_diff(g.dgate, central_differences(of_gate, gate)), 1e-8);
  EXPECT_LT(max_abs_diff(g.dup, central_differences(of_up, up)), 1e-8);
}

TEST(SiluGate, RefusesOperandsThatDoNotFit) {
  const Tensor x = randn({3}, 1);
  EXPECT_EQ(message_of<ShapeError>([&] { ops::silu_gate(x, randn({1}, 1)); }),
            "silu_gate: up: expected shape (3), got (1)");
  EXPECT_EQ(message_of<DTypeError>([&] { ops::silu_gate_backward(x.to(DType::f32), x, x); }),
            "silu_gate_backward: grad_y: expected dtype f64, got f32");
}

TEST(Silu, GivesTheSameBitsForAnyNumberOfThreads) {
  test::expect_same_bits_for_any_threads([] {
    const Tensor x = randn({50000}, 1, DType::f32), u = randn({50000}, 2, DType::f32);
    const ops::SiluGateGradients g = ops::silu_gate_backward(u, x, u);
    return std::vector<Tensor>{ops::silu(x), ops::silu_backward(u, x), ops::silu_gate(x, u),
                               g.dgate, g.dup};
  });
}

// Kernels may take dense operands by vectors: wherever those begin and end, nothing else is touched.
TEST(SiluGate, TakesDenseOperandsThatBeginAndEndAnywhere) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor gate = randn({60}, 1, dtype), up = randn({60}, 2, dtype),
                 g = randn({60}, 3, dtype);
    const ops::SiluGateGradients whole = ops::silu_gate_backward(g, gate, up);
    for (std::int64_t begin = 0; begin < 9; ++begin) {
      for (std::int64_t n = 0; n < 40; n += 3) {
        const auto part = [&](const Tensor& t) { return t.narrow(0, begin, n); };
        const ops::SiluGateGradients of = ops::silu_gate_backward(part(g), part(gate), part(up));
        EXPECT_TRUE(same_bits(of.dgate, part(whole.dgate)));
        EXPECT_TRUE(same_bits(of.dup, part(whole.dup)));
      }
    }
  }
}

TEST(Silu, OfBf16IsThatOfF32RoundedOnce) {
  test::expect_f32_rounded_once(
      [](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{ops::silu(x[0]), ops::silu_backward(x[1], x[0])};
      },
      {randn({3, 200}, 1), randn({3, 200}, 2)}, "silu: expected dtype f32 or f64, got bf16");
  test::expect_f32_rounded_once(
      [](const std::vector<Tensor>& x) {
        const Tensor y = ops::silu_gate(x[0], x[1]);
        const ops::SiluGateGradients g = ops::silu_gate_backward(x[2], x[0], x[1]);
        return std::vector<Tensor>{y, g.dgate, g.dup};
      },
      {randn({3, 200}, 1), randn({3, 200}, 2), randn({3, 200}, 3)},
      "silu_gate: expected dtype f32 or f64, got bf16");
}

}  // namespace
}  // namespace chainline
