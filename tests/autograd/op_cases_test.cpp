#include "autograd/op_cases.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::randn;

const std::vector<OpCase>& cases() {
  static const std::vector<OpCase> all = op_cases();
  return all;
}

/// On the device of the tests.
std::vector<Tensor> there(const std::vector<Tensor>& values) {
  std::vector<Tensor> moved;
  for (const Tensor& value : values) moved.push_back(value.to(test::device()));
  return moved;
}

Variables leaves(const std::vector<Tensor>& values) {
  Variables variables;
  for (const Tensor& value : there(values)) variables.emplace_back(value, true);
  return variables;
}

/// The functions that ops.h declares, without operators.
std::set<std::string> declared_ops() {
  std::ifstream header(CHAINLINE_SOURCE_DIR "/autograd/ops.h");
  const std::regex declaration("^Variables? (\\w+)\\(.*");
  std::set<std::string> names;
  std::smatch found;
  for (std::string line; std::getline(header, line);) {
    if (std::regex_match(line, found, declaration)) names.insert(found[1]);
  }
  names.erase("operator");
  return names;
}

TEST(OpCases, CoverEveryOpOfTheHeader) {
  const std::set<std::string> declared = declared_ops();
  ASSERT_GT(declared.size(), 50u);
  std::set<std::string> expected, covered, with_twin, expected_twins;
  const std::string twin = "_composed";
  for (const std::string& name : declared) {
    if (name.size() > twin.size() && name.ends_with(twin)) {
      expected_twins.insert(name.substr(0, name.size() - twin.size()));
    } else {
      expected.insert(name);
    }
  }
  for (const OpCase& c : cases()) {
    covered.insert(c.op);
    if (c.composed) with_twin.insert(c.op);
  }
  EXPECT_EQ(covered, expected);
  EXPECT_EQ(with_twin, expected_twins);
}

TEST(OpCases, HaveNamesThatTellThemApart) {
  std::set<std::string> titles;
  for (const OpCase& c : cases()) EXPECT_TRUE(titles.insert(c.title()).second) << c.title();
}

class EveryCase : public testing::TestWithParam<std::string> {
 protected:
  std::vector<OpCase> of_op() const {
    std::vector<OpCase> some;
    for (const OpCase& c : cases()) {
      if (c.op == GetParam()) some.push_back(c);
    }
    return some;
  }
};

TEST_P(EveryCase, HasRightGradientsToItsOrder) {
  for (const OpCase& c : of_op()) {
    if (c.order == 0) continue;
    GradientCheckOptions options;
    options.order = c.order;
    const GradientCheck check = check_gradients(c.run, there(c.inputs), options);
    EXPECT_TRUE(check.ok()) << c.title() << "\n" << check.describe();
  }
}

/// For each element of y: |y| + sum_i |dy/dx_i| |x_i|, which is how far it moves, in units of e,
/// when each input and the result are perturbed by a factor of 1 + e.
std::vector<double> reach(const OpCase& c) {
  const Variables x = leaves(c.inputs), y = c.run(x);
  std::vector<double> result;
  const std::vector<double> values = y[0].value().to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<double> one(values.size(), 0);
    one[i] = 1;
    GradOptions options;
    options.grad_outputs = {Variable(test::from(one, y[0].shape()))};
    const Variables g = grad(y, x, options);
    double sum = std::abs(values[i]);
    for (std::size_t k = 0; k < x.size(); ++k) {
      const std::vector<double> a = g[k].value().to_vector<double>();
      const std::vector<double> b = x[k].value().to_vector<double>();
      for (std::size_t j = 0; j < a.size(); ++j) sum += std::abs(a[j] * b[j]);
    }
    result.push_back(sum);
  }
  return result;
}

// Both ways are backward stable: each result is the exact one of inputs whose relative errors are
// at most the number of roundings on the longest path through the op, times 2^-53. A sum of n terms
// has n - 1 on its path, and no path here crosses more than two sums (of a row and of the tokens)
// and 32 other operations, those inside of an elementary function included. The inputs' errors
// reach the result by its derivatives, and the difference of two ways may hold both errors.
TEST_P(EveryCase, AgreesWithItsCompositionToTheRoundingOfItsOperations) {
  for (const OpCase& c : of_op()) {
    if (!c.composed) continue;
    std::int64_t longest = 1;
    for (const Tensor& x : c.inputs) {
      for (const std::int64_t size : x.shape()) longest = std::max(longest, size);
    }
    const Variables fused = c.run(leaves(c.inputs)), composed = c.composed(leaves(c.inputs));
    ASSERT_EQ(fused.size(), 1u);
    ASSERT_EQ(composed.size(), 1u);
    ASSERT_EQ(fused[0].shape(), composed[0].shape()) << c.title();
    const double roundings = 2 * (32 + 2 * static_cast<double>(longest));
    const std::vector<double> a = fused[0].value().to_vector<double>();
    const std::vector<double> b = composed[0].value().to_vector<double>();
    const std::vector<double> scale = reach(c);
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_LE(std::abs(a[i] - b[i]), roundings * 0x1p-53 * scale[i])
          << c.title() << ", element " << i << ": " << a[i] << " and " << b[i];
    }
  }
}

std::vector<std::string> op_names() {
  std::set<std::string> names;
  for (const OpCase& c : cases()) names.insert(c.op);
  return {names.begin(), names.end()};
}

INSTANTIATE_TEST_SUITE_P(Ops, EveryCase, testing::ValuesIn(op_names()),
                         [](const auto& instance) { return instance.param; });

// --- sums over samples: the whole batch, its splits and its samples ---

struct Summed {
  std::string name;
  std::vector<Tensor> parameters;
  std::function<Variable(const Tensor& x, const Variables& parameters)> run;
};

std::vector<Summed> ops_that_sum_over_samples() {
  const DType f32 = DType::f32;
  return {
      {"linear",
       {randn({6, 5}, 1, f32), randn({6}, 2, f32)},
       [](const Tensor& x, const Variables& p) { return linear(Variable(x), p[0], p[1]); }},
      {"layer_norm",
       {randn({5}, 1, f32), randn({5}, 2, f32)},
       [](const Tensor& x, const Variables& p) {
         return layer_norm(Variable(x), p[0], p[1], 1e-5);
       }},
      {"rms_norm",
       {randn({5}, 1, f32)},
       [](const Tensor& x, const Variables& p) { return rms_norm(Variable(x), p[0], 1e-5); }},
      {"embedding",
       {randn({4, 3}, 1, f32)},
       [](const Tensor& x, const Variables& p) {
         // Ids of {0 .. 3} that x decides, so that they travel with their sample.
         const Tensor ids = x.to(DType::i64);
         std::vector<std::int64_t> values = ids.to_vector<std::int64_t>();
         for (std::int64_t& id : values) id = (id % 4 + 4) % 4;
         return embedding(p[0], test::from(values, ids.shape()));
       }},
      {"broadcast_to",
       {randn({5}, 1, f32)},
       [](const Tensor& x, const Variables& p) {
         return Variable(x) * broadcast_to(p[0], x.shape());
       }},
  };
}

class SumOverSamples : public testing::TestWithParam<std::size_t> {
 protected:
  static constexpr std::int64_t kSamples = 7, kTokens = 37;
  const Summed op = ops_that_sum_over_samples()[GetParam()];
  const Tensor x = randn({kSamples, kTokens, 5}, 3, DType::f32);
  const Variables parameters = leaves(op.parameters);

  /// A loss whose gradients differ from token to token.
  Variable loss(std::int64_t begin, std::int64_t count) const {
    return sum_all(tanh(op.run(x.narrow(0, begin, count), parameters)));
  }
};

TEST_P(SumOverSamples, HasTheSameBitsForEverySplit) {
  const Variables whole = grad({loss(0, kSamples)}, parameters);
  for (const std::vector<std::int64_t>& split :
       std::vector<std::vector<std::int64_t>>{{7}, {1, 1, 1, 1, 1, 1, 1}, {2, 5}, {3, 1, 3}}) {
    GradientAccumulator sums(parameters);
    std::int64_t begin = 0;
    for (const std::int64_t count : split) {
      sums.add(loss(begin, count));
      begin += count;
    }
    const std::vector<Tensor> total = sums.finish();
    for (std::size_t i = 0; i < total.size(); ++i) {
      EXPECT_TRUE(same_bits(total[i], whole[i].value()))
          << op.name << ", parameter " << i << ", " << split.size() << " parts";
    }
  }
}

TEST_P(SumOverSamples, IsTheFoldOfTheSamplesGradients) {
  const Variables whole = grad({loss(0, kSamples)}, parameters);
  const Variables each = per_sample_gradients({loss(0, kSamples)}, parameters);
  for (std::size_t i = 0; i < each.size(); ++i) {
    ASSERT_EQ(each[i].shape(), parameters[i].shape().inserted(0, kSamples));
    Variable total(test::zeros(parameters[i].shape(), DType::f32));
    for (std::int64_t b = 0; b < kSamples; ++b) {
      const Tensor of_b = each[i].value().select(0, b);
      total = total + Variable(of_b);
      EXPECT_TRUE(same_bits(of_b.clone(), grad({loss(b, 1)}, parameters)[i].value()))
          << op.name << ", parameter " << i << ", sample " << b << " alone";
    }
    EXPECT_TRUE(same_bits(total.value(), whole[i].value())) << op.name << ", parameter " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, SumOverSamples, testing::Range<std::size_t>(0, 5),
                         [](const auto& instance) {
                           return ops_that_sum_over_samples()[instance.param].name;
                         });

// --- kinks, where a convention decides ---

Variable f64(const std::vector<double>& values) {
  return Variable(test::from(values, {static_cast<std::int64_t>(values.size())}), true);
}

std::vector<double> slope(const Variable& y, const Variable& x) {
  return grad({sum_all(y)}, {x})[0].value().to_vector<double>();
}

using Values = std::vector<double>;

TEST(Kinks, ReluPassesNothingAtZero) {
  const Variable x = f64({-1, -0.0, 0.0, 0x1p-1074, 1});
  EXPECT_EQ(slope(relu(x), x), (Values{0, 0, 0, 1, 1}));
}

TEST(Kinks, AbsHasSlopeZeroAtZero) {
  const Variable x = f64({-2, -0.0, 0.0, 3});
  EXPECT_EQ(slope(abs(x), x), (Values{-1, 0, 0, 1}));
}

TEST(Kinks, ClampPassesTheGradientAtItsBounds) {
  const Variable x = f64({-1.5, -1, 0, 2, 2.5});
  EXPECT_EQ(slope(clamp(x, -1, 2), x), (Values{0, 1, 1, 1, 0}));
}

TEST(Kinks, TiesOfTwoShareEvenly) {
  const Variable a = f64({1, 2, 3}), b = f64({2, 2, 2});
  EXPECT_EQ(slope(maximum(a, b), a), (Values{0, 0.5, 1}));
  EXPECT_EQ(slope(maximum(a, b), b), (Values{1, 0.5, 0}));
  EXPECT_EQ(slope(minimum(a, b), a), (Values{1, 0.5, 0}));
  EXPECT_EQ(slope(minimum(a, b), b), (Values{0, 0.5, 1}));
}

TEST(Kinks, TiesOfARowShareEvenly) {
  const Variable x = f64({4, 1, 4, 1, 4, 1, 4});
  EXPECT_EQ(slope(amax(x, 0), x), (Values{0.25, 0, 0.25, 0, 0.25, 0, 0.25}));
  const Variable y = f64({3, 3});
  EXPECT_EQ(slope(amin(y, 0), y), (Values{0.5, 0.5}));
}

TEST(Kinks, SqrtIsAsSteepAtZeroAsItIs) {
  const Variable x = f64({0, 4});
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(slope(sqrt(x), x), (Values{infinity, 0.25}));
}

TEST(Kinks, AQueryThatSeesNoKeyHasNoGradient) {
  const Variable q(randn({1, 1, 2, 3}, 1), true), k(randn({1, 1, 2, 3}, 2), true);
  ops::AttentionOptions options;
  options.mask = test::from<std::uint8_t>({0, 0, 1, 1}, {2, 2});
  const Variable y = attention(q, k, k, options);
  EXPECT_EQ(y.value().select(2, 0).to_vector<double>(), Values(3, 0.0));
  EXPECT_EQ(grad({sum_all(y)}, {q})[0].value().select(2, 0).to_vector<double>(), Values(3, 0.0));
}

// Differences cannot see through a rounding; its rule is the rounding of the gradient.
TEST(To, RoundsTheGradientToItsDtypeOnTheWayBack) {
  const Variable x = f64({0.1, 3});
  GradOptions options;
  options.grad_outputs = {Variable(test::from<double>({0.1, 2}, {2}))};
  const Tensor g = grad({to(to(x, DType::f32), DType::f64)}, {x}, options)[0].value();
  EXPECT_EQ(g.to_vector<double>(), (Values{static_cast<double>(0.1f), 2}));
}

}  // namespace
}  // namespace chainline
