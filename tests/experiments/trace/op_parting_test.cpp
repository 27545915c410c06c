// Where two computations part: planted differences are named, added told from inherited.

#include "experiments/trace/op_parting.h"

#include <gtest/gtest.h>

#include <bit>

#include "autograd/engine.h"
#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/ops/unary.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

/// The same values with the last bit of one turned.
Tensor spoilt(const Tensor& t, std::size_t element) {
  Tensor copy = t.clone();
  float& x = copy.mutable_data<float>()[element];
  x = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) ^ 1);
  return copy;
}

/// A user's exp. Its forward or its rule may be wrong in one bit.
struct UserExpRule final : Node {
  bool wrong_rule = false;
  std::string_view name() const override { return "user_exp"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [x] = saved<1>();
    const Variable dx = g[0] * exp(x);
    return {wrong_rule ? Variable(spoilt(dx.value(), 1)) : dx};
  }
};
Variable user_exp(const Variable& x, bool wrong_value, bool wrong_rule) {
  const Tensor y = ops::exp(x.value());
  const auto fill = [&](UserExpRule& rule) {
    rule.wrong_rule = wrong_rule;
    rule.save("x", x);
  };
  return record<UserExpRule>({x}, {wrong_value ? spoilt(y, 2) : y}, fill)[0];
}

struct Computation {
  std::vector<float> x = {1, 2, 3};
  bool wrong_value = false, wrong_rule = false, other = false;

  void operator()() const {
    const Variable w(Tensor::from(x, {3}), true);
    const NameScope model("model");
    Variable y = square(w);
    {
      const NameScope layer("layer");
      y = user_exp(y, wrong_value, wrong_rule);
    }
    grad({sum_all(other ? sqrt(y) : log(y))}, {w});
  }
};

TEST(FindPartings, FindsNoneBetweenEqualComputations) {
  const OpPartings found = find_partings(Computation{}, Computation{});
  EXPECT_FALSE(found.first);
  EXPECT_FALSE(found.added);
  // square, user_exp, log, sum; backward sum, log, user_exp and square with their ops.
  EXPECT_GE(found.ops, 12u);
}

TEST(FindPartings, NamesTheOpThatAddsAWrongValue) {
  Computation wrong;
  wrong.wrong_value = true;
  const OpPartings found = find_partings(Computation{}, wrong);
  ASSERT_TRUE(found.first);
  ASSERT_TRUE(found.added);
  EXPECT_EQ(found.first->number, 2u);
  EXPECT_EQ(found.first->number, found.added->number);
  EXPECT_EQ(found.first->kind, OpParting::Kind::added);
  EXPECT_EQ(found.first->a.place(), "user_exp at model.layer");
  EXPECT_EQ(found.first->element.index, std::vector<std::int64_t>{2});
  EXPECT_EQ(found.first->element.ulps, 1u);
  const std::string text = describe(*found.first, "A", "B");
  EXPECT_TRUE(text.starts_with("  op 2: user_exp at model.layer, (3) -> (3)\n    element (2): "))
      << text;
  EXPECT_TRUE(
      text.ends_with(" 1 ULP apart; 1 of 3 differ\n    added here: its inputs are equal in bits\n"))
      << text;
}

TEST(FindPartings, NamesTheRuleThatAddsAWrongGradient) {
  Computation wrong;
  wrong.wrong_rule = true;
  const OpPartings found = find_partings(Computation{}, wrong);
  ASSERT_TRUE(found.added);
  EXPECT_EQ(found.added->a.place(), "the rule of user_exp at model.layer");
  EXPECT_EQ(found.added->element.index, std::vector<std::int64_t>{1});
}

TEST(FindPartings, TellsWhatAnOpInheritsFromItsInputs) {
  Computation other;
  other.x = {1, 2, 4};
  const OpPartings found = find_partings(Computation{}, other);
  ASSERT_TRUE(found.first);
  EXPECT_EQ(found.first->kind, OpParting::Kind::inherited);
  EXPECT_EQ(describe(*found.first, "A", "B"),
            "  op 1: square at model, (3) -> (3)\n"
            "    element (2): 9 in A, 16 in B, 7340032 ULP apart; 1 of 3 differ\n"
            "    inherited: of its 1 inputs, counted from 0, differ already: 0\n");
  EXPECT_FALSE(found.added);
}

TEST(FindPartings, FindsWhatIsAddedToWhatWasInherited) {
  Computation other;
  other.x = {1, 2, 4};
  other.wrong_rule = true;
  // The wrong bit is in an element that the inputs share, but what the rule is given differs: no
  // difference can be called added there.
  EXPECT_FALSE(find_partings(Computation{}, other).added);
  // An op of its own beside it is another matter.
  const auto beside = [](bool wrong) {
    return [wrong] {
      square(Variable(Tensor::from<float>({wrong ? 3.0f : 2.0f}, {1})));
      user_exp(Variable(Tensor::from<float>({1, 2, 3}, {3})), wrong, false);
    };
  };
  const OpPartings found = find_partings(beside(false), beside(true));
  ASSERT_TRUE(found.added);
  EXPECT_EQ(found.first->number, 1u);
  EXPECT_EQ(found.added->number, 2u);
}

TEST(FindPartings, NamesTheFirstOpWhereOtherOpsAreComputed) {
  Computation other;
  other.other = true;
  const OpPartings found = find_partings(Computation{}, other);
  ASSERT_TRUE(found.first);
  EXPECT_EQ(describe(*found.first, "A", "B"),
            "  op 3: the two compute other things from here\n"
            "    A: log at model, (3) -> (3)\n"
            "    B: sqrt at model, (3) -> (3)\n");
  const OpPartings ended = find_partings([] {}, Computation{});
  ASSERT_TRUE(ended.first);
  EXPECT_EQ(describe(*ended.first, "A", "B"),
            "  op 1: the two compute other things from here\n"
            "    A: nothing more\n"
            "    B: square at model, (3) -> (3)\n");
}

// The second part has equal inputs in both; its weight gradient goes on with a sum that differs.
TEST(FindPartings, CallsASumThatGoesOnFromAnotherOneInherited) {
  const auto parts = [](float first) {
    return [first] {
      const Variable w(Tensor::from<float>({0.5f, 2}, {1, 2}), true);
      GradientAccumulator sums({w});
      for (const float x : {first, 3.0f}) {
        GradOptions options;
        options.grad_outputs = {Variable(Tensor::from<float>({1}, {1, 1}))};
        sums.add(linear(Variable(Tensor::from<float>({x, 1}, {1, 2})), w), options);
      }
    };
  };
  const OpPartings found = find_partings(parts(1), parts(2));
  ASSERT_TRUE(found.first);
  EXPECT_EQ(found.first->a.name, "linear");
  EXPECT_FALSE(found.added) << describe(*found.added, "A", "B");
}

TEST(FindPartings, RefusesAComputationThatDoesOtherThingsTheSecondTime) {
  int calls = 0;
  const auto moody = [&] {
    ++calls;
    exp(Variable(Tensor::from<float>({calls == 2 ? 1.0f : 2.0f}, {1})));
  };
  const auto steady = [] { exp(Variable(Tensor::from<float>({2}, {1}))); };
  moody();
  EXPECT_EQ(refusal<ValueError>([&] { find_partings(moody, steady); }),
            "find_partings: exp: expected a computation that does the same both times it is run, "
            "got other numbers");
}

}  // namespace
}  // namespace chainline::experiments
