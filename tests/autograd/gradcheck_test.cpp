#include "autograd/gradcheck.h"

#include <gtest/gtest.h>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/ops/unary.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::randn;

TEST(CheckGradients, AcceptsARightGradientToTheThirdOrder) {
  GradientCheckOptions options;
  options.order = 3;
  const GradientCheck check = check_gradients(
      [](const Variables& in) { return Variables{tanh(in[0] * in[1]) / (square(in[1]) + 1.0)}; },
      {randn({3, 4}, 1), randn({4}, 2)}, options);
  EXPECT_TRUE(check.ok()) << check.describe();
  EXPECT_EQ(check.orders.size(), 3u);
}

/// exp with a planted error: the gradient of order `kWrongAt` is off by one part in a million.
template <int kWrongAt>
struct WrongExp final : Node {
  std::string_view name() const override { return "wrong_exp"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [x] = saved<1>();
    if constexpr (kWrongAt == 1) {
      return {mul_scalar(g[0] * exp(x), 1 + 1e-6)};
    } else {
      return {g[0] * wrong_exp_of_order_below(x)};
    }
  }

  static Variable wrong_exp_of_order_below(const Variable& x) {
    const auto fill = [&](WrongExp<kWrongAt - 1>& rule) { rule.save("x", x); };
    return record<WrongExp<kWrongAt - 1>>({x}, {ops::exp(x.value())}, fill)[0];
  }
};

TEST(CheckGradients, FindsAnErrorOfOnePartInAMillionAtItsOrder) {
  const auto wrong_first = [](const Variables& in) {
    const auto fill = [&](WrongExp<1>& rule) { rule.save("x", in[0]); };
    return record<WrongExp<1>>({in[0]}, {ops::exp(in[0].value())}, fill);
  };
  const auto wrong_second = [](const Variables& in) {
    const auto fill = [&](WrongExp<2>& rule) { rule.save("x", in[0]); };
    return record<WrongExp<2>>({in[0]}, {ops::exp(in[0].value())}, fill);
  };
  EXPECT_FALSE(check_gradients(wrong_first, {randn({5}, 1)}).orders[0].ok);
  const GradientCheck second = check_gradients(wrong_second, {randn({5}, 1)});
  EXPECT_TRUE(second.orders[0].ok) << second.describe();
  EXPECT_FALSE(second.orders[1].ok) << second.describe();
}

TEST(CheckGradients, RefusesToDecideAtAKink) {
  // |x| within a millionth of 0: every step crosses the kink, so the differences see no slope.
  const GradientCheck check =
      check_gradients([](const Variables& in) { return Variables{abs(in[0])}; },
                      {test::from<double>({1e-6, -1e-6, 0.5}, {3})});
  EXPECT_FALSE(check.ok()) << check.describe();
}

TEST(CheckGradients, WantsDoublePrecision) {
  EXPECT_EQ(test::message_of<DTypeError>([] {
              check_gradients([](const Variables& in) { return in; }, {randn({2}, 1, DType::f32)});
            }),
            "check_gradients: expected f64 inputs, got f32; differences need its digits");
}

}  // namespace
}  // namespace chainline
