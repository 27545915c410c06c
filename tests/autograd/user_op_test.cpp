// How to give the library an op that it does not have, from outside of it.
//
// The example is softplus, a relu without a corner:
//
//   y = log(1 + exp(x)),   dx = g sigmoid(x)
//
// An op needs three things: a value, a rule, and a record that ties them together. A fourth, the
// check, tells whether the rule is right.

#include <gtest/gtest.h>

#include "autograd/engine.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/unary.h"
#include "tests/support.h"

namespace user {

using chainline::Needs;
using chainline::Node;
using chainline::Tensor;
using chainline::Variable;
using chainline::Variables;

// Step 1: the value. It is made of tensor ops, which keep no history: numbers in, numbers out.
//
//   y = max(x, 0) + log(1 + exp(-|x|))
//
// is the same function, and its exp cannot overflow.
Tensor softplus_value(const Tensor& x) {
  namespace ops = chainline::ops;
  const Tensor tail = ops::log(ops::add_scalar(ops::exp(ops::neg(ops::abs(x))), 1));
  return ops::add(ops::relu(x), tail);
}

// Step 2: the rule, a struct derived from Node. backward() gets the gradient of each output and
// answers with the gradient of each input. It is made of ops on Variables, not on Tensors, so that
// the engine can record and differentiate it in turn: that alone gives the second derivative, and
// the third, and every further one.
struct SoftplusRule final : Node {
  std::string_view name() const override { return "softplus"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [x] = saved<1>();  // in the order of the save() calls below
    return {g[0] * sigmoid(x)};
  }
};

// Step 3: the record. It names the inputs, the outputs' values and what the rule will read. The
// function is called only when somebody may ask for a gradient, so saving costs nothing otherwise;
// saved values are checked when they are read, and a write to x in between is an error.
Variable softplus(const Variable& x) {
  const auto fill = [&](SoftplusRule& rule) { rule.save("x", x); };
  return chainline::record<SoftplusRule>({x}, {softplus_value(x.value())}, fill)[0];
}

// A rule with two inputs answers only for those that need it: needs[i] is false for a constant and
// for an input that nobody asked about. An undefined Variable is the answer then.
//
//   y = softplus(x) + slope * min(x, 0)
struct LeakyRule final : Node {
  std::string_view name() const override { return "leaky_softplus"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const auto [x, slope] = saved<2>();
    const Variable below = neg(relu(neg(x)));
    const Variable is_below(chainline::ops::relu(chainline::ops::sign(neg(x).value())));
    return {needs[0] ? g[0] * (sigmoid(x) + is_below * slope) : Variable(),
            needs[1] ? g[0] * below : Variable()};
  }
};

// The inputs are broadcast first, by an op of its own: the rule then never sees two shapes, and
// broadcast_to sums the gradient back to the slope's own shape.
Variable leaky_softplus(const Variable& x, const Variable& slope) {
  namespace ops = chainline::ops;
  const Variable wide = broadcast_to(slope, x.shape());
  const Tensor below = ops::neg(ops::relu(ops::neg(x.value())));
  const Tensor y = ops::add(softplus_value(x.value()), ops::mul(wide.value(), below));
  const auto fill = [&](LeakyRule& rule) {
    rule.save("x", x);
    rule.save("slope", wide);
  };
  return chainline::record<LeakyRule>({x, wide}, {y}, fill)[0];
}

}  // namespace user

namespace chainline {
namespace {

using test::randn;

TEST(UserOp, HasTheValueAnyoneCanCheck) {
  const Variable y = user::softplus(Variable(test::from<double>({0, 1000, -1000}, {3})));
  const std::vector<double> values = y.value().to_vector<double>();
  EXPECT_DOUBLE_EQ(values[0], std::log(2.0));
  EXPECT_EQ(values[1], 1000);
  EXPECT_EQ(values[2], 0);
}

// Step 4: the check. It compares the rule with differences of the value, and the rule's own
// derivative with differences of the rule, each within a bound that follows from the numbers.
TEST(UserOp, HasRightGradientsToTheThirdOrder) {
  GradientCheckOptions options;
  options.order = 3;
  const GradientCheck check =
      check_gradients([](const Variables& in) { return Variables{user::softplus(in[0])}; },
                      {randn({7, 5}, 1)}, options);
  EXPECT_TRUE(check.ok()) << check.describe();
}

TEST(UserOp, AnswersForTwoInputsThatBroadcast) {
  // Away from the corner at 0, which differences cannot see around.
  const Tensor x = test::from<double>({-2, -1, -0.5, 0.5, 1, 2}, {2, 3});
  const GradientCheck check = check_gradients(
      [](const Variables& in) { return Variables{user::leaky_softplus(in[0], in[1])}; },
      {x, randn({3}, 2)});
  EXPECT_EQ(check.orders.size(), 2u);
  EXPECT_TRUE(check.ok()) << check.describe();
}

// A user's op stands among the library's: its parameters have gradients per sample and its node has
// its name in every message.
TEST(UserOp, WorksWithPerSampleGradients) {
  const Tensor x = randn({4, 3, 5}, 3, DType::f32);
  const Variable slope(randn({5}, 4, DType::f32), true);
  const auto loss = [&] { return sum_all(user::leaky_softplus(Variable(x), slope)); };
  const Tensor each = per_sample_gradients({loss()}, {slope})[0].value();
  ASSERT_EQ(each.shape(), (Shape{4, 5}));
  Variable total(test::zeros({5}, DType::f32));
  for (std::int64_t b = 0; b < 4; ++b) total = total + Variable(each.select(0, b));
  EXPECT_TRUE(same_bits(total.value(), grad({loss()}, {slope})[0].value()));
}

TEST(UserOp, IsNamedWhenASavedValueWasOverwritten) {
  Variable x(test::from<double>({1, 2}, {2}), true);
  const Variable y = sum_all(user::softplus(x));
  x.mutable_value().fill(0);
  const std::string message = test::message_of<AutogradError>([&] { grad({y}, {x}); });
  EXPECT_EQ(message.find("softplus: saved x (2) was written to after the forward"), 0u) << message;
}

}  // namespace
}  // namespace chainline
