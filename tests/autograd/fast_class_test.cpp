// Gradients through bf16 activations beside f32 parameters, on the device that has them.
#include <gtest/gtest.h>

#include <vector>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/gelu.h"
#include "tensor/ops/linear.h"
#include "tensor/ops/reduce.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

class FastClass : public testing::Test {
 protected:
  void SetUp() override {
    if (test::device() == kCpu) GTEST_SKIP() << "the CPU has no fast class";
  }

  Variable activation(const Shape& shape, std::uint64_t seed) const {
    return Variable(randn(shape, seed, DType::bf16), true);
  }
  Variable parameter(const Shape& shape, std::uint64_t seed) const {
    return Variable(randn(shape, seed, DType::f32), true);
  }
};

GradOptions arriving(const Tensor& grad_y) {
  GradOptions options;
  options.grad_outputs = {Variable(grad_y)};
  return options;
}

TEST_F(FastClass, LinearHasTheGradientsOfItsOps) {
  const Variable x = activation({2, 3, 5}, 1), weight = parameter({4, 5}, 2);
  const Variable bias = parameter({4}, 3), residual = activation({2, 3, 4}, 4);
  const Tensor g = randn({2, 3, 4}, 5, DType::bf16);
  const Variable y = linear(x, weight, bias, residual);
  EXPECT_EQ(y.dtype(), DType::bf16);
  const Variables d = grad({y}, {x, weight, bias, residual}, arriving(g));
  EXPECT_TRUE(same_bits(d[0].value(), ops::linear_backward_input(g, weight.value())));
  EXPECT_TRUE(same_bits(d[1].value(), ops::linear_backward_weight(g, x.value())));
  EXPECT_TRUE(same_bits(d[2].value(), ops::linear_backward_bias(g)));
  EXPECT_TRUE(same_bits(d[3].value(), g));
}

TEST_F(FastClass, ParametersHaveF32GradientsThatContinueTheirSums) {
  const Variable x = activation({4, 3, 5}, 1), weight = parameter({6, 5}, 2);
  const Variable scale = parameter({6}, 3);
  const auto loss = [&](std::int64_t first, std::int64_t n) {
    const Variable h = rms_norm(linear(narrow(x, 0, first, n), weight), scale, 1e-5);
    return sum_all(to(h, DType::f32));
  };
  GradientAccumulator sums({weight, scale});
  sums.add(loss(0, 1), {});
  sums.add(loss(1, 3), {});
  const std::vector<Tensor> split = sums.finish();
  const Variables whole = grad({loss(0, 4)}, {weight, scale}, {});
  const Variables samples = per_sample_gradients({loss(0, 4)}, {weight, scale}, {});
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(split[i].dtype(), DType::f32);
    EXPECT_EQ(whole[i].dtype(), DType::f32);
    EXPECT_EQ(samples[i].dtype(), DType::f32);
    EXPECT_EQ(samples[i].shape(), split[i].shape().inserted(0, 4));
    // Terms of some 6 and sums of 12 of them: f32 loses at most 12 * 2^-23 of the magnitudes.
    EXPECT_LT(test::max_abs_diff(split[i], whole[i].value()), 12 * 6 * 12 * 0x1p-23);
  }
}

TEST_F(FastClass, GradientsThatMeetAreAddedAndRoundedOnce) {
  const Variable x = activation({3, 4}, 1);
  const Variable y = gelu(x, GeluForm::erf) + x;
  const Tensor g = randn({3, 4}, 2, DType::bf16);
  const Variables d = grad({y}, {x}, arriving(g));
  EXPECT_EQ(d[0].dtype(), DType::bf16);
  // A leaf used twice adds the gradients of its places, the oldest first.
  const Tensor through_gelu = ops::gelu_backward(g, x.value(), GeluForm::erf);
  EXPECT_TRUE(same_bits(d[0].value(), ops::add(through_gelu, g)));
}

TEST_F(FastClass, ToConvertsAndItsGradientConvertsBack) {
  const Variable x(randn({3, 4}, 1, DType::f32), true);
  const Variable y = to(x, DType::bf16);
  EXPECT_TRUE(same_bits(y.value(), x.value().to(DType::bf16)));
  const Tensor g = randn({3, 4}, 2, DType::bf16);
  EXPECT_TRUE(same_bits(grad({y}, {x}, arriving(g))[0].value(), g.to(DType::f32)));
}

// Sums over the stretched dimension are f32 and rounded once.
TEST_F(FastClass, BroadcastingHasAGradientOfBf16) {
  const Variable x = activation({4}, 1);
  const Tensor g = randn({5, 4}, 2, DType::bf16);
  const Tensor dx = grad({broadcast_to(x, {5, 4})}, {x}, arriving(g))[0].value();
  EXPECT_TRUE(same_bits(dx, ops::sum(g.to(DType::f32), {0}).to(DType::bf16)));
}

TEST_F(FastClass, SecondDerivativesAreRefusedByTheOpsThatLackIt) {
  const Variable x = activation({2, 4}, 1), weight = parameter({3, 4}, 2);
  GradOptions options = arriving(randn({2, 3}, 3, DType::bf16));
  options.create_graph = true;
  const Variable dweight = grad({linear(x, weight)}, {weight}, options)[0];
  EXPECT_EQ(message_of<DTypeError>([&] { grad({sum_all(dweight)}, {x}, {}); }),
            "matmul: expected dtype f32 or f64, got bf16");
}

}  // namespace
}  // namespace chainline
