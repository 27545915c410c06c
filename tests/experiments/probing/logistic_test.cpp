#include "experiments/probing/logistic.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "tensor/isa.h"
#include "tensor/random.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

struct Problem {
  std::vector<float> x;
  std::int64_t rows, columns;
  std::vector<int> y;

  Features features() const { return {x, rows, columns}; }
  LogisticFit fit(const LogisticOptions& options) const {
    return LogisticRegression(features(), all_rows(), options).fit(y);
  }
  std::vector<std::int64_t> all_rows() const {
    std::vector<std::int64_t> all(static_cast<std::size_t>(rows));
    std::iota(all.begin(), all.end(), std::int64_t{0});
    return all;
  }
};

/// Features in (-1, 1) times a scale that differs from column to column, labels at random.
Problem random_problem(std::int64_t rows, std::int64_t columns, std::uint32_t number) {
  RandomSequence random = Generator(3, "logistic test").sequence(0, number);
  Problem problem{{}, rows, columns, {}};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j)
      problem.x.push_back(static_cast<float>((2 * random.uniform() - 1) * (j % 3 == 0 ? 10 : 1)));
    problem.y.push_back(static_cast<int>(i % 2));
  }
  random.shuffle(problem.y);
  return problem;
}

// scikit-learn 1.9.1, LogisticRegression(solver="newton-cholesky", tol=1e-12). Its own two solvers
// agree to about 4e-7 here, so 1e-6 is what the figures can be held to.
const Problem kTall{
    {-0.3f,  -2.15f, 0.38f,  0.92f,  2.77f,  0.55f,  -0.05f, -1.07f, 0.87f, 2.13f, 1.05f, -0.12f,
     -0.46f, 3.7f,   0.6f,   -1.23f, 0.33f,  -0.08f, -0.13f, -0.48f, 0.14f, 1.05f, 0.37f, 0.21f,
     0.91f,  2.16f,  -0.32f, 0.24f,  -1.46f, 0.41f,  -0.79f, 0.54f,  0.48f, 0.2f,  -1.6f, 0.3f},
    12,
    3,
    {1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1}};
const Problem kWide{
    {-0.68f, 1.24f,  -0.6f, 0.17f, -0.34f, 1.95f,  1.07f,  2.93f,  1.14f,  1.34f,  1.34f,
     -0.11f, 0.43f,  1.85f, 0.1f,  0.69f,  0.48f,  1.11f,  0.14f,  0.35f,  0.74f,  0.6f,
     -0.36f, 1.4f,   -0.8f, -0.7f, -0.78f, 1.47f,  0.14f,  -0.47f, -0.64f, 0.92f,  -0.55f,
     -0.77f, 1.11f,  -0.7f, 0.18f, 0.49f,  0.05f,  0.45f,  1.84f,  -0.02f, -0.76f, -1.34f,
     0.3f,   0.15f,  0.77f, 0.04f, 0.02f,  -0.22f, -0.02f, 0.66f,  0.12f,  0.6f,   2.4f,
     0.98f,  -1.08f, 2.23f, 0.85f, -0.44f, 1.41f,  0.52f,  -0.12f, -0.13f, -0.49f, 0.55f,
     1.57f,  0.17f,  0.92f, 2.38f, -0.71f, 0.76f,  0.19f,  -0.56f, -0.53f, 0.48f,  0.93f,
     -0.03f, 0.55f,  1.22f, 0.8f,  1.37f,  0.96f,  0.99f,  2.33f,  1.12f,  0.63f,  1.21f},
    8,
    11,
    {1, 0, 0, 0, 1, 0, 0, 1}};
const Problem kScaled{
    {0.12f,   -17.78f, 0.51f,  1.58f,   12.98f, 0.45f, -0.65f,  2.88f, 0.46f,   -0.13f,
     -33.09f, 0.6f,    1.42f,  -18.98f, 0.55f,  1.84f, -47.29f, 0.47f, 0.11f,   13.47f,
     0.49f,   0.27f,   -0.67f, 0.59f,   2.66f,  -10.f, 0.45f,   3.19f, -19.09f, 0.47f},
    10,
    3,
    {0, 1, 1, 0, 1, 0, 1, 1, 1, 0}};

void expect_fit(const LogisticFit& fit, const std::vector<double>& weights, double intercept,
                double objective) {
  EXPECT_TRUE(fit.converged);
  ASSERT_EQ(fit.weights.size(), weights.size());
  for (std::size_t j = 0; j < weights.size(); ++j) EXPECT_NEAR(fit.weights[j], weights[j], 1e-6);
  EXPECT_NEAR(fit.intercept, intercept, 1e-6);
  EXPECT_NEAR(fit.objective, objective, 1e-10);
}

TEST(Logistic, AgreesWithScikitLearn) {
  expect_fit(kTall.fit({1.0, false, 1e-10, 100}), {-0.02930104861, -1.483229957, 0.2165889136},
             -0.445690184, 3.34283073413);
}

TEST(Logistic, AgreesWithScikitLearnOnMoreFeaturesThanItems) {
  expect_fit(kWide.fit({10.0, false, 1e-10, 100}),
             {-0.01480535031, -0.04120341785, -0.4220996711, -0.1952545123, 0.30860286,
              -0.1650969037, -0.3860031563, 1.552967025, 0.6892071025, 0.4639963336, 2.100927553},
             -3.523463795, 6.69675388795);
}

TEST(Logistic, OfOneFeatureSolvesItsEquation) {
  // x = -1, +1 with y = 0, 1: b = 0 by symmetry, and w = 2 c sigmoid(-w) from f' = 0.
  const Problem problem{{-1, 1}, 2, 1, {0, 1}};
  const LogisticFit fit = problem.fit({1.0, false, 1e-12, 100});
  EXPECT_NEAR(fit.weights[0], 2 / (1 + std::exp(fit.weights[0])), 1e-12);
  EXPECT_NEAR(fit.intercept, 0, 1e-12);
}

TEST(Logistic, WithoutFeaturesIsTheLogOdds) {
  const Problem problem{{}, 4, 0, {1, 1, 1, 0}};
  EXPECT_NEAR(problem.fit({1.0, false, 1e-12, 100}).intercept, std::log(3.0), 1e-12);
}

TEST(Logistic, GivesTheSameFitForShiftedFeatures) {
  const Problem problem = random_problem(40, 5, 0);
  Problem shifted = problem;
  for (float& value : shifted.x) value += 64;  // costs the features digits: 64 eps = 8e-6
  const LogisticFit one = problem.fit({}), other = shifted.fit({});
  for (std::size_t j = 0; j < 5; ++j) EXPECT_NEAR(one.weights[j], other.weights[j], 1e-4);
}

TEST(Logistic, CertifiesItsDistanceFromTheMinimum) {
  std::uint32_t number = 1;
  for (const auto& size : std::vector<std::pair<int, int>>{{7, 3}, {64, 33}, {30, 97}, {2, 17}}) {
    const Problem problem = random_problem(size.first, size.second, number++);
    for (const double c : {0.01, 1.0, 1000.0}) {
      const LogisticFit exact = problem.fit({c, true, 1e-11, 100});
      EXPECT_TRUE(exact.converged);
      EXPECT_LE(exact.gradient, 1e-11 * exact.initial_gradient);
      // f is a sum of 2n + d terms of at most f each: a rounding of some 1e-13 f is left.
      const double rounding = 1e-13 * exact.objective;
      EXPECT_LE(std::abs(exact.duality_gap), rounding + 1e-12);
      for (const int steps : {1, 2, 4}) {
        const LogisticFit early = problem.fit({c, true, 1e-11, steps});
        EXPECT_GE(early.duality_gap, early.objective - exact.objective - rounding);
      }
    }
  }
}

TEST(Logistic, SaysWhenItHasNotConverged) {
  const LogisticFit fit = random_problem(64, 20, 9).fit({1000.0, true, 1e-10, 1});
  EXPECT_FALSE(fit.converged);
  EXPECT_EQ(fit.steps, 1);
  EXPECT_GT(fit.gradient, 1e-10 * fit.initial_gradient);
  EXPECT_GT(fit.duality_gap, 0);
}

TEST(Logistic, StandardizesByTheTrainingItemsOnly) {
  // The golden weights of scikit-learn's StandardScaler and LogisticRegression(C=0.5), undone to
  // the units of the features; a row that is not trained on must not show.
  Problem problem = kScaled;
  problem.x.insert(problem.x.end(), {1e6f, -1e6f, 1e6f});
  ++problem.rows;
  std::vector<std::int64_t> rows = kScaled.all_rows();
  const LogisticRegression regression(problem.features(), rows, {0.5, true, 1e-11, 100});
  expect_fit(regression.fit(problem.y), {-0.05806271128, 0.04836595227, -1.078965503}, 1.64848982,
             2.52344872999);
}

TEST(Logistic, LeavesAConstantFeatureWithoutWeight) {
  Problem problem = random_problem(30, 3, 5);
  for (std::size_t i = 0; i < 30; ++i) problem.x[3 * i + 1] = 0.1f;
  // The mean of 30 equal numbers is off by some 1e-17, and so is what weight is left.
  EXPECT_NEAR(problem.fit({1.0, true, 1e-10, 100}).weights[1], 0, 1e-12);
}

TEST(Logistic, DecidesByTheFeaturesAsGiven) {
  const LogisticFit fit = kScaled.fit({0.5, true, 1e-10, 100});
  double sum = fit.intercept;
  for (std::size_t j = 0; j < 3; ++j) sum += fit.weights[j] * static_cast<double>(kScaled.x[j]);
  EXPECT_NEAR(fit.decision(kScaled.x.data()), sum, 1e-12);
}

TEST(Logistic, FindsTheSameBitsWithEveryInstructionSet) {
  const Isa best = isa();
  for (const auto& [rows, columns] : {std::pair{60, 37}, {21, 50}}) {
    const Problem problem = random_problem(rows, columns, 5);
    set_isa(Isa::scalar);
    const LogisticFit plain = problem.fit({0.7, true, 1e-8, 100});
    const double decision = plain.decision(problem.x.data());
    for (const Isa set : available_isas()) {
      set_isa(set);
      const LogisticFit fit = problem.fit({0.7, true, 1e-8, 100});
      EXPECT_EQ(fit.weights, plain.weights) << name(set);
      EXPECT_EQ(fit.intercept, plain.intercept) << name(set);
      EXPECT_EQ(fit.objective, plain.objective) << name(set);
      EXPECT_EQ(fit.duality_gap, plain.duality_gap) << name(set);
      EXPECT_EQ(fit.decision(problem.x.data()), decision) << name(set);
    }
  }
  set_isa(best);
}

TEST(Logistic, OfAnotherCIsThatMadeWithIt) {
  for (const auto& [rows, columns] : {std::pair{60, 37}, {21, 50}}) {
    const Problem problem = random_problem(rows, columns, 6);
    const LogisticRegression small(problem.features(), problem.all_rows(), {1e-3, true, 1e-8, 100});
    const LogisticFit other = small.with_c(0.7).fit(problem.y);
    const LogisticFit made = problem.fit({0.7, true, 1e-8, 100});
    EXPECT_EQ(other.weights, made.weights);
    EXPECT_EQ(other.intercept, made.intercept);
    EXPECT_EQ(other.duality_gap, made.duality_gap);
    EXPECT_EQ(small.c(), 1e-3);
    EXPECT_EQ(small.with_c(0.7).c(), 0.7);
    EXPECT_EQ(refusal<ValueError>([&] { small.with_c(-1); }),
              "logistic: c: expected a positive number, got -1");
  }
}

TEST(Logistic, RefusesWhatItCannotFit) {
  const auto refused = [](const Problem& problem, const LogisticOptions& options = {}) {
    return refusal<Error>([&] { problem.fit(options); });
  };
  EXPECT_EQ(refused({{1, 2}, 2, 1, {1, 1}}),
            "logistic: labels: expected both classes, got 2 ones in 2");
  EXPECT_EQ(refused({{1, 2}, 2, 1, {1, 2}}), "logistic: labels: expected 0 or 1, got 2");
  EXPECT_EQ(refused({{1, 2}, 2, 1, {1}}), "logistic: labels: expected 2, got 1");
  EXPECT_EQ(refused({{1, 2, 3}, 2, 1, {1, 0}}), "logistic: features: expected 2 x 1 values, got 3");
  EXPECT_EQ(refused({{1, std::numeric_limits<float>::quiet_NaN()}, 2, 1, {1, 0}}),
            "logistic: features: item 1, feature 0: expected a finite number, got nan");
  EXPECT_EQ(refused({{}, 0, 3, {}}), "logistic: rows: expected at least one, got none");
  EXPECT_EQ(refused({{1, 2}, 2, 1, {1, 0}}, {0.0, false, 1e-8, 100}),
            "logistic: c: expected a positive number, got 0");
  const std::vector<std::int64_t> outside = {0, 2};
  const std::vector<float> values = {1, 2};
  EXPECT_EQ(refusal<ValueError>([&] {
              LogisticRegression({values, 2, 1}, outside);
            }),
            "logistic: rows: expected 0 .. 1, got 2");
}

}  // namespace
}  // namespace chainline::experiments
