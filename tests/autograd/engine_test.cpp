#include "autograd/engine.h"

#include <gtest/gtest.h>

#include "autograd/ops.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

Variable leaf(const std::vector<double>& values, const Shape& shape) {
  return Variable(test::from(values, shape), true);
}

/// The sequence number of the product in y = a * b + c.
std::uint64_t mul_of(const Variable& y) { return y.node()->inputs()[0].node->sequence(); }

std::vector<double> numbers(const Variable& v) { return v.value().to_vector<double>(); }

// y = x^3 at 2: y' = 12, y'' = 12, y''' = 6.
TEST(Grad, DifferentiatesItsOwnResultsToAnyOrder) {
  const Variable x = leaf({2}, {});
  Variable y = x * x * x;
  GradOptions options;
  options.create_graph = true;
  for (const double expected : {12.0, 12.0, 6.0}) {
    y = grad({y}, {x}, options)[0];
    EXPECT_EQ(numbers(y), std::vector<double>{expected});
  }
}

TEST(Grad, AddsTheUsesOfAVariable) {
  const Variable x = leaf({3, 5}, {2});
  EXPECT_EQ(numbers(grad({sum_all(x * x + x)}, {x})[0]), (std::vector<double>{7, 11}));
}

TEST(Grad, AnswersForResultsInTheMiddleOfTheGraph) {
  const Variable x = leaf({3}, {1});
  const Variable h = x * x, y = sum_all(h * h);
  EXPECT_EQ(numbers(grad({y}, {h})[0]), std::vector<double>{18});
}

TEST(Grad, TakesTheGradientsOfOutputsThatAreNoScalars) {
  const Variable x = leaf({1, 2}, {2});
  GradOptions options;
  options.grad_outputs = {Variable(test::from<double>({10, 100}, {2}))};
  EXPECT_EQ(numbers(grad({x * x}, {x}, options)[0]), (std::vector<double>{20, 400}));
  EXPECT_EQ(message_of<AutogradError>([&] { grad({x * x}, {x}); }),
            "grad: output of shape (2) is not a scalar; give its gradient in grad_outputs");
}

TEST(Grad, RecordsNothingUnderAGuardAndForConstants) {
  const Variable x = leaf({1}, {}), c(test::full({}, 1, DType::f64));
  EXPECT_FALSE((c + c).requires_grad());
  const NoGradGuard off;
  EXPECT_FALSE((x + x).requires_grad());
}

TEST(Grad, RefusesASavedValueThatWasWrittenToSince) {
  Variable x = leaf({1, 2}, {2});
  const Variable y = sum_all(x * x);
  const auto before = x.value().version();
  x.mutable_value().fill(5);
  const auto now = x.value().version();
  EXPECT_EQ(message_of<AutogradError>([&] { grad({y}, {x}); }),
            "mul: saved a (2) was written to after the forward (version " + std::to_string(before) +
                " then, " + std::to_string(now) + " now); clone it before the write");
}

TEST(Grad, SaysThatSavedValuesWereReleased) {
  const Variable x = leaf({1}, {});
  const Variable y = x * x;
  GradOptions options;
  options.release = true;
  grad({y}, {x}, options);
  EXPECT_EQ(message_of<AutogradError>([&] { grad({y}, {x}); }),
            "mul: its saved values were released by an earlier backward pass; pass release = false "
            "to run through it again");
}

TEST(Grad, GivesTheReasonWhenNothingArrives) {
  const Variable x = leaf({1}, {}), other = leaf({1}, {});
  Variable frozen = leaf({1}, {});
  const Variable product = x * other;
  const Variable y = (x + x) * product.detach() + frozen;
  EXPECT_EQ(why_unreached({y}, x), "");
  EXPECT_EQ(why_unreached({y}, other),
            "detach() cuts the path at input 1 of mul (op " + std::to_string(mul_of(y)) + ")");
  EXPECT_EQ(why_unreached({y}, leaf({1}, {})),
            "no recorded op that leads to the outputs uses it (ops under a NoGradGuard are not "
            "recorded)");
  frozen.set_requires_grad(false);
  EXPECT_EQ(why_unreached({y}, frozen),
            "it does not require a gradient (it is frozen or a constant)");
  EXPECT_THROW(grad({y}, {other}), AutogradError);
  GradOptions options;
  options.unreached = Unreached::undefined;
  EXPECT_FALSE(grad({y}, {other}, options)[0].defined());
}

// The default destructor of a linked list recurses; this chain would need more stack than there is.
TEST(Grad, SurvivesAChainOfHalfAMillionOps) {
  const Variable x = leaf({1}, {});
  Variable y = x;
  for (int i = 0; i < 500000; ++i) y = alias(y);
  EXPECT_EQ(numbers(grad({y}, {x})[0]), std::vector<double>{1});
}

// The history behind a detached value may be gone, which is what detaching is for.
TEST(Grad, NamesTheCutEvenWhenItsHistoryIsGone) {
  const Variable x = leaf({1}, {}), other = leaf({1}, {});
  const Variable y = x * (x * other).detach();
  EXPECT_NE(why_unreached({y}, other)
                .find("unless it was behind a cut: detach() cuts the path at "
                      "input 1 of mul"),
            std::string::npos);
}

/// The loss sum_b f(x_b) of a parameter used at two places.
Variable two_places(const Variable& x, const Variable& w) {
  const Variable first = tanh(x * broadcast_to(w, x.shape()));
  return sum_all(first * broadcast_to(w, x.shape()));
}

TEST(GradientAccumulator, GivesTheBitsOfTheWholeBatchForEverySplit) {
  const Tensor x = randn({7, 5, 33}, 1, DType::f32);
  const Variable w(randn({33}, 2, DType::f32), true);
  const Tensor whole = grad({two_places(Variable(x), w)}, {w})[0].value();
  for (const std::vector<std::int64_t>& split :
       std::vector<std::vector<std::int64_t>>{{7}, {1, 1, 1, 1, 1, 1, 1}, {2, 5}, {4, 1, 2}}) {
    GradientAccumulator sums({w});
    std::int64_t begin = 0;
    for (const std::int64_t n : split) {
      sums.add(two_places(Variable(x.narrow(0, begin, n)), w));
      begin += n;
    }
    EXPECT_TRUE(same_bits(sums.finish()[0], whole)) << split.size() << " parts";
  }
}

// What the rule is there for: adding two finished sums gives other bits.
TEST(GradientAccumulator, DiffersFromAddingFinishedSums) {
  const Tensor x = randn({7, 5, 33}, 1, DType::f32);
  const Variable w(randn({33}, 2, DType::f32), true);
  const Tensor whole = grad({two_places(Variable(x), w)}, {w})[0].value();
  const Variable a = grad({two_places(Variable(x.narrow(0, 0, 3)), w)}, {w})[0];
  const Variable b = grad({two_places(Variable(x.narrow(0, 3, 4)), w)}, {w})[0];
  EXPECT_FALSE(same_bits((a + b).value(), whole));
}

TEST(GradientAccumulator, RefusesAUseThatIsNoSumOverSamples) {
  Variable w = leaf({1, 2}, {2});
  w.set_name("w");
  GradientAccumulator sums({w});
  EXPECT_EQ(message_of<AutogradError>([&] { sums.add(sum_all(w * w)); }),
            "mul: its gradient of w is not a sum over samples, so it can be neither continued nor "
            "kept per sample; use the parameter through an op that sums over samples (linear, "
            "broadcast_to, embedding, a norm)");
}

TEST(PerSampleGradients, AddUpToTheBatchGradientBitForBit) {
  const Tensor x = randn({6, 4, 9}, 3, DType::f32);
  const Variable w(randn({9}, 4, DType::f32), true);
  const auto loss = [&] { return sum_all(tanh(Variable(x) * broadcast_to(w, x.shape()))); };
  const Tensor each = per_sample_gradients({loss()}, {w})[0].value();
  ASSERT_EQ(each.shape(), (Shape{6, 9}));
  Variable total(test::zeros({9}, DType::f32));
  for (std::int64_t b = 0; b < 6; ++b) total = total + Variable(each.select(0, b));
  EXPECT_TRUE(same_bits(total.value(), grad({loss()}, {w})[0].value()));
}

}  // namespace
}  // namespace chainline
