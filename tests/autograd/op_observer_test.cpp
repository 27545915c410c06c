// An OpObserver sees every op in its order and place, and changes nothing.

#include "autograd/op_observer.h"

#include <gtest/gtest.h>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "autograd/recompute.h"
#include "tensor/ops/unary.h"
#include "tests/support.h"

namespace chainline {
namespace {

Variable parameter(const std::vector<double>& values) {
  return Variable(test::from(values, {static_cast<std::int64_t>(values.size())}), true);
}

/// "scope/name" of every op, "scope/name < rule" in a backward pass, "(rule)" after a rule.
struct Names final : OpObserver {
  std::vector<std::string> seen;
  void on_op(const ObservedOp& op) override {
    seen.push_back(op.scope + "/" + std::string(op.name));
    if (!op.backward_of.empty()) seen.back() += " < " + std::string(op.backward_of);
  }
  void on_node(const Node& node, const Variables&, const Variables&) override {
    seen.push_back("(" + std::string(node.name()) + ")");
  }
};

using List = std::vector<std::string>;

Variable loss_of(const Variable& w) {
  const NameScope model("model"), head("head");
  return sum_all(square(w) * w);
}

TEST(OpObserver, SeesForwardAndBackwardInTheOrderOfTheWork) {
  const Variable w = parameter({3, 4});
  Names names;
  {
    const ObserveOps watching(names);
    grad({loss_of(w)}, {w});
  }
  // The derivative of square is g * x * 2; w gets a gradient at two places, added at the end,
  // which is no rule's work.
  EXPECT_EQ(names.seen, (List{"model.head/square", "model.head/mul", "model.head/sum",
                              "model.head/reshape < sum", "model.head/broadcast_to < sum", "(sum)",
                              "model.head/mul < mul", "model.head/mul < mul", "(mul)",
                              "model.head/mul < square", "model.head/mul_scalar < square",
                              "(square)", "/add"}));
  const std::size_t before = names.seen.size();
  grad({loss_of(w)}, {w});
  EXPECT_EQ(names.seen.size(), before) << "it is told of what came after";
}

TEST(OpObserver, SeesWhatIsNotRecorded) {
  const Variable constant(test::from<double>({1, 2}, {2}));
  Names names;
  const ObserveOps watching(names);
  exp(constant);
  const NoGradGuard off;
  exp(parameter({1}));
  EXPECT_EQ(names.seen, (List{"/exp", "/exp"}));
}

TEST(OpObserver, SeesABlockAgainThatIsComputedAgain) {
  const Variable w = parameter({3, 4});
  Names names;
  const ObserveOps watching(names);
  const Function block = [](const Variables& in) {
    const NameScope scope("block");
    return Variables{exp(in[0])};
  };
  const Variable loss = sum_all(recompute(block, {w})[0]);
  names.seen.clear();
  grad({loss}, {w});
  EXPECT_EQ(names.seen, (List{"/reshape < sum", "/broadcast_to < sum", "(sum)", "block/exp",
                              "block/mul < exp", "(exp)"}));
}

TEST(OpObserver, IsGivenTheValues) {
  struct Values final : OpObserver {
    std::vector<std::vector<double>> in, out;
    void on_op(const ObservedOp& op) override {
      for (const Variable& v : op.inputs) in.push_back(v.value().to_vector<double>());
      for (const Tensor& t : op.outputs) out.push_back(t.to_vector<double>());
    }
  } values;
  const ObserveOps watching(values);
  mul_scalar(parameter({3, 4}), 2);
  EXPECT_EQ(values.in, (std::vector<std::vector<double>>{{3, 4}}));
  EXPECT_EQ(values.out, (std::vector<std::vector<double>>{{6, 8}}));
}

TEST(OpObserver, DoesNotSeeItselfAndGivesWayToAnInnerOne) {
  struct Computing final : OpObserver {
    int ops = 0;
    void on_op(const ObservedOp& op) override {
      ++ops;
      exp(op.inputs[0]);
    }
  } outer, inner;
  const Variable w = parameter({1});
  const ObserveOps watching(outer);
  exp(w);
  {
    const ObserveOps instead(inner);
    exp(w);
  }
  exp(w);
  EXPECT_EQ(outer.ops, 2);
  EXPECT_EQ(inner.ops, 1);
}

TEST(OpObserver, ChangesNoBit) {
  const Variable w = parameter({0.1, 0.7});
  const Tensor alone = grad({loss_of(w)}, {w})[0].value();
  Names names;
  const ObserveOps watching(names);
  EXPECT_TRUE(same_bits(grad({loss_of(w)}, {w})[0].value(), alone));
}

}  // namespace
}  // namespace chainline
