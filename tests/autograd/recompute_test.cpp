// recompute(): the same bits as keeping the values, in less memory, and what it refuses.

#include "autograd/recompute.h"

#include "autograd/audit.h"
#include "autograd/engine.h"
#include "autograd/gradcheck.h"
#include "autograd/node.h"
#include "autograd/ops.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

/// Calls f itself, or by way of recompute().
using Caller = Variables (*)(const Function&, const Variables&);
Variables kept(const Function& f, const Variables& inputs) { return f(inputs); }

/// Parameters that are used inside of the function and outside of it, before and after.
struct Net {
  Variable scale{randn({9}, 1, DType::f32), true};
  Variable weight{randn({9, 9}, 2, DType::f32), true};
  Variable bias{randn({9}, 3, DType::f32), true};

  Variables parameters() const { return {scale, weight, bias}; }

  Variables block(const Variables& in) const {
    const Variable x = in[0];
    const Variable h = tanh(linear(x * broadcast_to(scale, x.shape()), weight, bias));
    return {x + linear(h, weight) * sigmoid(x), h};
  }

  /// A loss in which x is used by the block three times and by others twice, h by two, and a block
  /// follows a block.
  Variable loss(const Tensor& data, Caller call) const {
    const Variable x = linear(Variable(data), weight);
    const Function f = [net = *this](const Variables& in) { return net.block(in); };
    const Variables first = call(f, {x});
    const Variables second = call(f, {first[0] + x});
    const Variable mixed = second[0] * first[1] + x * broadcast_to(scale, x.shape());
    return sum_all(mixed * second[1]);
  }
};

GradOptions options(bool release, BackwardObserver* observer = nullptr) {
  GradOptions o;
  o.release = release;
  o.observer = observer;
  return o;
}

void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b,
                 const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(same_bits(a[i], b[i])) << what << ", parameter " << i;
  }
}

std::vector<Tensor> values(const Variables& variables) {
  std::vector<Tensor> list;
  for (const Variable& v : variables) list.push_back(v.value());
  return list;
}

TEST(Recompute, GivesTheBitsOfKeptValues) {
  const Net net;
  const Tensor data = randn({7, 5, 9}, 4, DType::f32);
  const Variable a = net.loss(data, kept), b = net.loss(data, recompute);
  EXPECT_TRUE(same_bits(a.value(), b.value()));
  const std::vector<Tensor> gradients = values(grad({a}, net.parameters()));
  expect_same(values(grad({b}, net.parameters())), gradients, "grad");
  expect_same(values(grad({b}, net.parameters())), gradients, "grad once more");
  expect_same(values(per_sample_gradients({b}, net.parameters())),
              values(per_sample_gradients({a}, net.parameters())), "per sample");
}

TEST(Recompute, ContinuesSumsOverMicroBatchesOfEverySplit) {
  const Net net;
  const Tensor data = randn({7, 5, 9}, 4, DType::f32);
  const std::vector<Tensor> whole = values(grad({net.loss(data, kept)}, net.parameters()));
  for (const std::vector<std::int64_t>& split :
       std::vector<std::vector<std::int64_t>>{{7}, {1, 1, 1, 1, 1, 1, 1}, {2, 2, 2, 1}, {3, 4}}) {
    GradientAccumulator sums(net.parameters());
    std::int64_t begin = 0;
    for (const std::int64_t n : split) {
      sums.add(net.loss(data.narrow(0, begin, n), recompute), options(true));
      begin += n;
    }
    expect_same(sums.finish(), whole, std::to_string(split.size()) + " parts");
  }
}

TEST(Recompute, AnswersForItsResultsAndWhatLiesBehind) {
  const Variable x(randn({4, 3}, 1), true);
  const auto run = [&](Caller call) {
    const Variable before = tanh(x);
    const Variable y =
        call([](const Variables& in) { return Variables{exp(in[0]) * in[0]}; }, {before})[0];
    return values(grad({sum_all(square(y))}, {before, y, x}));
  };
  expect_same(run(recompute), run(kept), "results in the middle");
}

TEST(Recompute, Nests) {
  const Net net;
  const Tensor data = randn({3, 5, 9}, 4, DType::f32);
  const auto loss = [&](Caller call) {
    const Function inner = [net](const Variables& in) { return net.block(in); };
    const Function outer = [net, inner, call](const Variables& in) {
      const Variables y = call(inner, {in[0] * broadcast_to(net.bias, in[0].shape())});
      return Variables{call(inner, {y[0]})[0] + y[1]};
    };
    return sum_all(call(outer, {call(outer, {Variable(data)})[0]})[0]);
  };
  expect_same(values(grad({loss(recompute)}, net.parameters())),
              values(grad({loss(kept)}, net.parameters())), "grad");
}

TEST(Recompute, HandsThroughWhatTheFunctionDidNotCompute) {
  const Variable x(randn({3}, 1), true), c(randn({3}, 2));
  const Variables y = recompute(
      [&](const Variables& in) {
        const Variable square = in[0] * in[0];
        return Variables{in[0], square, c, square, Variable()};
      },
      {x});
  EXPECT_TRUE(y[0].is(x));
  EXPECT_TRUE(y[2].is(c));
  EXPECT_TRUE(y[1].is(y[3]));
  EXPECT_FALSE(y[4].defined());
  const NoGradGuard off;
  EXPECT_TRUE(
      recompute([](const Variables& in) { return Variables{exp(in[0])}; }, {x})[0].is_leaf());
}

TEST(Recompute, IsDifferentiatedTwice) {
  const Tensor w = randn({4, 4}, 5);
  const auto f = [](const Variables& in) {
    const Variable weight = in[1];
    return recompute(
        [weight](const Variables& x) {
          return Variables{softmax(tanh(linear(x[0], weight)) * x[0])};
        },
        {recompute([](const Variables& x) { return Variables{sin(x[0])}; }, {in[0]})[0]});
  };
  const GradientCheck check = check_gradients(f, {randn({3, 4}, 6), w}, {.order = 3});
  EXPECT_EQ(check.orders.size(), 3u);
  EXPECT_TRUE(check.ok()) << check.describe();
}

// Ten functions of ten ops each: kept, 100 results live; recomputed, 10 inputs and one function's.
TEST(Recompute, KeepsTheInputsAndTheValuesOfOneFunctionAtATime) {
  const std::size_t bytes = 64 * 1024;
  const Variable x(test::full({64 * 1024 / 8}, 0.5, DType::f64), true);
  const Function ten = [](const Variables& in) {
    Variable y = in[0];
    for (int i = 0; i < 10; ++i) y = sin(y);
    return Variables{y};
  };
  const auto most_in_use = [&](Caller call) {
    struct Watch : BackwardObserver {
      std::size_t most = 0;
      void on_node(const Node&, const Variables&, const Variables&) override {
        most = std::max(most, memory_use(test::device()).in_use);
      }
    } watch;
    const std::size_t before = memory_use(test::device()).in_use;
    Variable y = x;
    for (int i = 0; i < 10; ++i) y = call(ten, {y})[0];
    const Variable loss = sum_all(y);
    grad({loss}, {x}, options(true, &watch));
    return (watch.most - before) / bytes;
  };
  const std::size_t all = most_in_use(kept), few = most_in_use(recompute);
  EXPECT_GE(all, 100u);
  EXPECT_LE(few, 10u + 10u + 4u);  // besides, the gradient on its way and the rule's own results
}

TEST(Recompute, ShowsObserversTheOpsOfTheFunctionInTheirModule) {
  const Net net;
  const Tensor data = randn({2, 5, 9}, 4, DType::f32);
  const auto rows = [&](Caller call) {
    Variable loss;
    {
      const NameScope model("model");
      const Function f = [&](const Variables& in) {
        const NameScope block("block");
        return net.block(in);
      };
      loss = sum_all(call(f, {Variable(data)})[0]);
    }
    GradientTable table;
    const NameScope elsewhere("elsewhere");
    grad({loss}, net.parameters(), options(false, &table));
    std::vector<std::string> list;
    for (const GradientRow& row : table.rows()) list.push_back(row.scope + " " + row.op);
    return list;
  };
  const std::vector<std::string> expected = rows(kept);
  EXPECT_EQ(rows(recompute), expected);
  EXPECT_EQ(expected[1].rfind("model.block ", 0), 0u);
}

TEST(Recompute, TellsWhatIsReachedThroughIt) {
  const Variable x(randn({3}, 1), true), w(randn({3}, 2), true), other(randn({3}, 3), true);
  const Variable y = recompute([w](const Variables& in) { return Variables{in[0] * w}; }, {x})[0];
  EXPECT_EQ(why_unreached({y}, w), "");
  EXPECT_NE(why_unreached({y}, other), "");
}

TEST(Recompute, RefusesAFunctionThatDoesOtherThingsTheSecondTime) {
  const Variable x(randn({3}, 1), true), w(randn({3}, 2), true);
  int calls = 0;
  const Variable y = recompute(
      [&](const Variables& in) { return Variables{++calls == 1 ? in[0] * w : in[0] + in[0]}; },
      {x})[0];
  EXPECT_EQ(message_of<AutogradError>([&] { grad({sum_all(y)}, {x}); }),
            "recompute: the function recorded other ops than in the forward; it must do the same "
            "every time");
}

TEST(Recompute, RefusesValuesThatWereWrittenToSince) {
  Variable x(randn({3}, 1), true), w(randn({3}, 2), true), frozen(randn({3}, 3));
  const auto f = [&](const Variables& in) { return Variables{in[0] * w * frozen}; };
  for (Variable* written : {&x, &w, &frozen}) {
    const Variable loss = sum_all(recompute(f, {x})[0]);
    written->mutable_value().fill(1);
    const std::string sentence = message_of<AutogradError>([&] { grad({loss}, {x}); });
    EXPECT_NE(sentence.find(" was written to after the forward (version "), std::string::npos)
        << sentence;
    EXPECT_EQ(sentence.rfind("recompute: ", 0), 0u) << sentence;
  }
}

TEST(Recompute, SaysThatItsInputsWereReleased) {
  const Variable x(randn({3}, 1), true);
  const Variable loss =
      sum_all(recompute([](const Variables& in) { return Variables{exp(in[0])}; }, {x})[0]);
  grad({loss}, {x}, options(true));
  EXPECT_EQ(message_of<AutogradError>([&] { grad({loss}, {x}); }),
            "recompute: its saved values were released by an earlier backward pass; pass release = "
            "false to run through it again");
}

}  // namespace
}  // namespace chainline
