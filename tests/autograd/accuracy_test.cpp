// The accuracy of the ops in f32: every case within its derived bound, bounds that an error cannot
// hide under, and the arithmetic that derives them.

#include "autograd/accuracy.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "autograd/ops.h"
#include "tensor/ops/unary.h"
#include "tensor/row_sum.h"
#include "tests/numerics/large_cases.h"
#include "tests/support.h"

namespace chainline {
namespace {

const std::vector<OpCase>& cases() {
  static const std::vector<OpCase> all = op_cases();
  return all;
}

void expect_within_bounds(const std::vector<OpCase>& some) {
  for (const OpCase& c : some) {
    const Accuracy found = measure_accuracy(c);
    EXPECT_TRUE(found.ok()) << c.title() << ": an error of " << found.ulps << " ulp, bound "
                            << found.bound << ", " << found.share << " times a bound ("
                            << c.bound.from << ")";
  }
}

TEST(Accuracy, OfEveryCaseIsWithinItsDerivedBound) { expect_within_bounds(cases()); }

TEST(Accuracy, OfLargeCasesIsWithinItsDerivedBound) { expect_within_bounds(test::large_cases()); }

// Otherwise a case of whole numbers would show nothing of an op that rounds.
TEST(Accuracy, IsMeasuredWhereAnOpRounds) {
  std::map<std::string, double> worst;
  std::set<std::string> exact;
  for (const OpCase& c : cases()) {
    double& ulps = worst[c.op];
    ulps = std::max(ulps, measure_accuracy(c).ulps);
    if (c.bound.from == "copied") exact.insert(c.op);
  }
  for (const auto& [op, ulps] : worst) {
    EXPECT_EQ(ulps == 0, exact.count(op) == 1 || op == "to") << op << ", " << ulps << " ulp";
  }
}

/// A case whose results in f32 are wrong by a factor of 1 + 2^-22: two to four units of the last
/// place.
OpCase spoilt(const OpCase& c) {
  OpCase wrong = c;
  wrong.run = [run = c.run](const Variables& in) {
    Variables y = run(in);
    for (Variable& v : y) {
      if (in[0].dtype() == DType::f32) v = mul_scalar(v, 1 + 0x1p-22);
    }
    return y;
  };
  return wrong;
}

// A bound of the sum of many roundings is wider than four ulps, so only the others can see them.
TEST(Accuracy, SeesAnErrorOfFewUlpsWhereOneOperationRounds) {
  std::set<std::string> seen, expected;
  for (const OpCase& c : cases()) {
    const std::string& from = c.bound.from;
    if (c.op == "to" || (from != "copied" && from != "rounded once" && from != "stated")) continue;
    expected.insert(c.op);
    if (!measure_accuracy(spoilt(c)).ok()) seen.insert(c.op);
  }
  EXPECT_EQ(seen, expected);
  EXPECT_GT(seen.size(), 30u);
}

/// The case of an op with another function in f32.
bool is_seen(const std::string& op, const std::string& name, const Function& wrong) {
  for (const OpCase& c : cases()) {
    if (c.op != op || c.name != name) continue;
    OpCase other = c;
    other.run = [right = c.run, wrong](const Variables& in) {
      return in[0].dtype() == DType::f32 ? wrong(in) : right(in);
    };
    EXPECT_TRUE(measure_accuracy(c).ok());
    return !measure_accuracy(other).ok();
  }
  ADD_FAILURE() << "no case " << op << ": " << name;
  return false;
}

Variable through_bf16(const Variable& x) { return to(to(x, DType::bf16), DType::f32); }

// What a bound is for: shortcuts that look right and lose digits.
TEST(Accuracy, SeesAVarianceOfTwoLargeNumbers) {
  EXPECT_TRUE(is_seen("layer_norm", "a large mean", [](const Variables& in) {
    const Variable &x = in[0], m = mean(x, {-1}, true);
    const Variable variance = mean(square(x), {-1}, true) - square(m);
    return Variables{(x - m) * rsqrt(variance + 1e-6) * in[1] + in[2]};
  }));
}

TEST(Accuracy, SeesAProductOfRoundedOperands) {
  EXPECT_TRUE(is_seen("matmul", "(70, 5) (5, 2)", [](const Variables& in) {
    return Variables{matmul(through_bf16(in[0]), in[1])};
  }));
}

TEST(Accuracy, SeesWeightsOfAttentionThatWereRounded) {
  ops::AttentionOptions options;
  options.scale = 0.7;
  EXPECT_TRUE(is_seen("attention", "more keys than queries, wide values", [&](const Variables& in) {
    return Variables{attention(through_bf16(in[0]), in[1], in[2], options)};
  }));
}

TEST(Accuracy, SeesASumThatLosesItsLastTerm) {
  EXPECT_TRUE(is_seen("sum", "rows of 33", [](const Variables& in) {
    return Variables{sum(narrow(in[0], -1, 0, 32), {-1})};
  }));
}

// --- the arithmetic of bounds ---

// The exhaustive tests hold the functions to these figures (tests/tensor/math_exhaustive_test.cpp).
TEST(Rounded, TakesTheErrorsOfFunctionsThatMathStates) {
  std::ifstream file(CHAINLINE_SOURCE_DIR "/tensor/math.h");
  std::ostringstream content;
  content << file.rdbuf();
  const std::string text = std::regex_replace(content.str(), std::regex("\n///"), "");
  const std::regex figure("Worst error:\\s+f32 (\\d\\.\\d+)"), function(" inline \\w+ (\\w+)\\(");
  std::map<std::string, double> stated;
  for (std::sregex_iterator at(text.begin(), text.end(), figure), end; at != end; ++at) {
    std::smatch name;
    ASSERT_TRUE(std::regex_search(text.begin() + at->position(), text.end(), name, function));
    stated[name[1]] = std::stod((*at)[1]);
  }
  using namespace math_ulps;  // NOLINT: the table is a list of its names
  const std::map<std::string, double> used{{"exp", kExp},         {"log", kLog},    {"tanh", kTanh},
                                           {"erf", kErf},         {"sin", kSin},    {"cos", kCos},
                                           {"sigmoid", kSigmoid}, {"rsqrt", kRsqrt}};
  EXPECT_EQ(stated, used);
}

TEST(Rounded, UlpIsTheDistanceOfNeighbours) {
  for (const float x : {1.0f, 1.5f, 0x1p-126f, 0x1p-140f, 0.0f, 3e38f}) {
    const float next = std::nextafter(x, std::numeric_limits<float>::infinity());
    EXPECT_EQ(f32_ulp(x), double{next} - double{x}) << x;
    EXPECT_EQ(f32_ulp(-x), f32_ulp(x));
  }
}

TEST(Rounded, CountsEachRoundingAsHalfAnUlp) {
  EXPECT_EQ((Rounded(1) + Rounded(2)).error, 0x1p-23);  // half an ulp at 3
  EXPECT_EQ((Rounded(0) + Rounded(3)).error, 0);
  EXPECT_EQ((Rounded(1) * Rounded(3)).error, 0);
  EXPECT_EQ(rounded_constant(0.5).error, 0);
  EXPECT_EQ(rounded_constant(0.1).error, std::abs(double{0.1f} - 0.1));
  EXPECT_TRUE(std::isinf((Rounded(1) / Rounded(1e-8, 1e-7)).error));
}

/// One formula with everything in it, of f32 numbers, of f64 numbers and of Rounded ones.
template <class T>
T formula(const std::array<T, 4>& x) {
  using std::exp, std::log, std::sqrt, std::tanh, std::erf;
  const T a = x[0] * x[1] - x[2] / (x[3] + T(4));
  const T b = sqrt(a * a + T(0.25)) + exp(-(x[2] * x[2]));
  const T c = log(b + T(1)) * tanh(a) - erf(x[3] * T(0.5));
  return (T(1) + c) - (T(1) - a * b);
}

// The C library's functions are within the ulps that the bounds allow, and a half at that.
TEST(Rounded, BoundsTheErrorOfAFormulaThatCancels) {
  RandomSequence random = Generator(3, "test").sequence(0, 0);
  double nearest = 0;
  for (int i = 0; i < 20000; ++i) {
    std::array<float, 4> x;
    std::array<double, 4> exact;
    std::array<Rounded, 4> bounded;
    for (std::size_t k = 0; k < x.size(); ++k) {
      x[k] = static_cast<float>(4 * random.uniform() - 2);
      exact[k] = x[k];
      bounded[k] = exact[k];
    }
    const double error = std::abs(formula(x) - formula(exact)), bound = formula(bounded).error;
    EXPECT_NEAR(formula(bounded).value, formula(exact), 1e-12);
    ASSERT_LE(error, bound);
    nearest = std::max(nearest, error / bound);
  }
  EXPECT_GT(nearest, 0.2);  // and it is no bound that nothing comes near
}

TEST(Rounded, BoundsASumInTheOrderOfRows) {
  constexpr std::int64_t n = 1000;
  const std::vector<float> x = test::randn({n}, 4, DType::f32).to_vector<float>();
  const float* p = x.data();
  const auto sum = row_sum<float>(n, [&](std::int64_t i) { return p[i]; });
  const auto exact = row_sum<double>(n, [&](std::int64_t i) { return double{p[i]}; });
  const Rounded bound = sum_of_row({p, p + n});
  EXPECT_LE(std::abs(sum - exact), bound.error);
  EXPECT_LT(bound.error, n * 0x1p-24 * 40);  // 36 additions on the way, of sums below some 100
}

}  // namespace
}  // namespace chainline
