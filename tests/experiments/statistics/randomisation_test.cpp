#include "experiments/statistics/randomisation.h"

#include <algorithm>
#include <cmath>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

/// Users with values of their own, the same in all runs but for noise, and a random half IN.
UserRuns null_runs(std::size_t runs, std::size_t users, RandomSequence random) {
  UserRuns result;
  std::vector<double> own;
  for (std::size_t u = 0; u < users; ++u) own.push_back(std::exp(random.normal()));
  for (std::size_t r = 0; r < runs; ++r) {
    std::vector<int> in(users, 0);
    std::fill(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(users / 2), 1);
    random.shuffle(in);
    std::vector<double> values;
    for (const double value : own) values.push_back(value + 0.5 * random.normal());
    result.in.push_back(in);
    result.values.push_back(values);
  }
  return result;
}

TEST(InOutTest, CountsTheDealsOfTwoRunsOfTwoUsers) {
  // Each run has the effect +1 or -1, the mean over runs is 1, 0, 0 or -1 in four equally likely
  // deals: P(>= 1) = 1/4, P(|.| >= 1) = 1/2, P(<= 1) = 1. Of 10,000 a quarter within 4.5 sd of 43.
  const UserRuns runs{{{1, 0}, {0, 1}}, {{1, 0}, {0, 1}}};
  const RandomisationTest test = in_out_test(runs, 9999, Generator(1, "test"));
  EXPECT_EQ(test.statistic, 1);
  EXPECT_NEAR(test.greater, 0.25, 0.0195);
  EXPECT_NEAR(test.two_sided, 0.5, 0.0225);
  EXPECT_EQ(test.less, 1);
  EXPECT_EQ(test.draws, 9999);
}

TEST(InOutTest, CountsEqualValuesAsReachedThoughTheirSumsAreRounded) {
  // All users are equal: every deal has the same effect 0, to rounding.
  const std::vector<double> equal(6, 0.1);
  const UserRuns runs{{equal, equal}, {{1, 1, 0, 0, 1, 0}, {0, 1, 0, 1, 0, 1}}};
  const RandomisationTest test = in_out_test(runs, 200, Generator(1, "test"));
  EXPECT_EQ(test.greater, 1);
  EXPECT_EQ(test.less, 1);
  EXPECT_EQ(test.two_sided, 1);
}

TEST(InOutTest, IsAtEveryLevelWithItsProbabilityWhereBeingInHasNoEffect) {
  // The observed deal is one of 100 equally likely ones, without ties: P(p <= k/100) = k/100.
  // Of 1,000 experiments within 4.5 sqrt(1000 q (1 - q)) of 1000 q.
  int at[3] = {0, 0, 0}, two_sided = 0;
  const double levels[3] = {0.05, 0.2, 0.5};
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const UserRuns runs = null_runs(3, 12, Generator(2, "test data").sequence(0, i));
    const RandomisationTest test = in_out_test(runs, 99, Generator(i, "test deals"));
    for (int k = 0; k < 3; ++k) at[k] += test.greater <= levels[k] + 1e-12;
    two_sided += test.two_sided <= 0.05 + 1e-12;
  }
  for (int k = 0; k < 3; ++k)
    EXPECT_NEAR(at[k], 1000 * levels[k], 4.5 * std::sqrt(1000 * levels[k] * (1 - levels[k])))
        << levels[k];
  EXPECT_NEAR(two_sided, 50, 4.5 * std::sqrt(1000 * 0.05 * 0.95));
}

TEST(InOutTest, FindsAnEffectThatSeveralRunsShare) {
  UserRuns runs = null_runs(4, 32, Generator(3, "test data").sequence(0, 0));
  for (std::size_t r = 0; r < 4; ++r)
    for (std::size_t u = 0; u < 32; ++u) runs.values[r][u] += 2 * runs.in[r][u];
  const RandomisationTest test = in_out_test(runs, 999, Generator(3, "test deals"));
  // Users spread by some 2.5 around the means, so a deal of 4 runs has an effect of some 0.44 by
  // chance: 2 is 4.5 times that.
  EXPECT_LE(test.greater, 0.005);
  EXPECT_LE(test.two_sided, 0.005);
  EXPECT_EQ(test.less, 1);
}

TEST(CombinedControlTest, ComparesMeansOfIndependentDraws) {
  // Each run draws its observed 1 or its control 0: the mean is 1 in a quarter of the draws.
  const RandomisationTest test =
      combined_control_test(std::vector<double>{1, 1}, {{0}, {0}}, 9999, Generator(1, "test"));
  EXPECT_EQ(test.statistic, 1);
  EXPECT_NEAR(test.greater, 0.25, 0.0195);  // 4.5 sd
  EXPECT_EQ(test.less, 1);
  EXPECT_EQ(test.two_sided, 2 * test.greater);
}

TEST(CombinedControlTest, IsNotTooBoldThoughRunsHaveFewControls) {
  // Three runs with four controls each, all alike: 125 means, of which the observed is any one.
  // P(p <= 0.05) is at most 0.05, as draws may repeat the observed one, and not far below.
  int found = 0;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    RandomSequence random = Generator(4, "test data").sequence(0, i);
    std::vector<double> observed;
    std::vector<std::vector<double>> controls(3, std::vector<double>(4));
    for (std::vector<double>& run : controls) {
      observed.push_back(random.normal());
      for (double& control : run) control = random.normal();
    }
    found += combined_control_test(observed, controls, 199, Generator(i, "test draws")).greater <=
             0.05 + 1e-12;
  }
  EXPECT_LE(found, 100 + 4.5 * std::sqrt(2000 * 0.05 * 0.95));
  EXPECT_GE(found, 50);
}

TEST(CombinedMax, OfOneLayerIsTheCombinedTest) {
  // The draws are the same; centring and scaling keep the order.
  const std::vector<std::vector<double>> controls = {{0.4, 0.55, 0.5, 0.62}, {0.45, 0.5, 0.58}};
  const std::vector<double> observed = {0.6, 0.57};
  const Generator generator(5, "test");
  const double single = combined_control_test(observed, controls, 500, generator).greater;
  const std::vector<double> p = combined_max_p_values(
      {{0.6, 0.6}, {0.57, 0.57}}, {{controls[0], controls[0]}, {controls[1], controls[1]}}, 500,
      generator);
  EXPECT_EQ(p, std::vector<double>(2, single)) << "nor does a layer that repeats another count";
}

TEST(CombinedMax, ComparesEachLayerWithTheLargestOfItsDraw) {
  // One run, two controls. Layer 0 has 2 against (0, 1): standardized 1.22, 0, -1.22 for its three
  // values; layer 1 has 1 against (2, 0): 0, 1.22, -1.22. By relabelling the largest are 1.22 (the
  // observed), 1.22 (control 0: -1.22 and 1.22) and 0 (control 1: 0 and -1.22). So layer 0 is
  // reached by 2 of 3 draws, layer 1 by all. 4.5 sd of 10,000 draws are 0.0213.
  const std::vector<double> p =
      combined_max_p_values({{2, 1}}, {{{0, 1}, {2, 0}}}, 9999, Generator(6, "test"));
  EXPECT_NEAR(p[0], 2.0 / 3, 0.0213);
  EXPECT_EQ(p[1], 1);
}

TEST(CombinedMax, GivesALayerThatNeverVariesNoSay) {
  const std::vector<double> p =
      combined_max_p_values({{0.7, 5}}, {{{0.7, 0.7, 0.7}, {1, 2, 3}}}, 999, Generator(7, "test"));
  EXPECT_NEAR(p[1], 0.25, 4.5 * std::sqrt(0.25 * 0.75 / 999));
  EXPECT_GT(p[0], 0.4) << "0 is reached by the draws of the other layer above its mean";
}

TEST(CombinedMax, FindsAnyOfSixLayersFalselyAtItsLevelOnly) {
  // Six layers with a common part, two runs with 19 controls: P(min p <= 0.1) <= 0.1.
  int found = 0;
  for (std::uint32_t i = 0; i < 600; ++i) {
    RandomSequence random = Generator(8, "test data").sequence(0, i);
    std::vector<std::vector<double>> observed;
    std::vector<std::vector<std::vector<double>>> controls;
    for (int run = 0; run < 2; ++run) {
      observed.emplace_back(6);
      controls.emplace_back(6, std::vector<double>(19));
      for (std::size_t k = 0; k < 20; ++k) {
        const double common = random.normal();
        for (std::size_t layer = 0; layer < 6; ++layer)
          (k == 19 ? observed.back()[layer] : controls.back()[layer][k]) = common + random.normal();
      }
    }
    const std::vector<double> p =
        combined_max_p_values(observed, controls, 99, Generator(i, "test draws"));
    found += *std::min_element(p.begin(), p.end()) <= 0.1 + 1e-12;
  }
  EXPECT_LE(found, 60 + 4.5 * std::sqrt(600 * 0.1 * 0.9));
  EXPECT_GE(found, 30);
}

TEST(SignFlipTest, HasTheExactValuesOfSciPy) {
  // scipy.stats.permutation_test((d,), lambda x, axis: x.mean(axis), permutation_type='samples',
  //                              n_resamples=np.inf, alternative=...).pvalue: k / 1024
  const std::vector<double> d = {0.3, -0.1, 0.25, 0.6, -0.4, 0.15, 0.05, 0.35, -0.2, 0.1};
  const RandomisationTest test = sign_flip_test(d, 1, Generator(1, "test"));
  EXPECT_EQ(test.greater, 145.0 / 1024);
  EXPECT_EQ(test.less, 903.0 / 1024);
  EXPECT_EQ(test.two_sided, 290.0 / 1024);
  EXPECT_EQ(test.draws, 1024);
}

TEST(SignFlipTest, CountsAllSignsOfTwentyDifferencesAndDrawsThoseOfMore) {
  const RandomisationTest counted =
      sign_flip_test(std::vector<double>(20, 0.1), 5, Generator(1, "test"));
  EXPECT_EQ(counted.greater, 0x1p-20);
  EXPECT_EQ(counted.two_sided, 0x1p-19);
  // 21 differences of 1 and -1, 14 of them 1: the sum is 7, reached where at least 14 signs are
  // positive. P = sum_{k >= 14} binomial(21, k) / 2^21 = 0.0946 (scipy.stats.binom.sf(13, 21, 0.5)).
  std::vector<double> more(21, 1);
  std::fill(more.begin(), more.begin() + 7, -1);
  const RandomisationTest drawn = sign_flip_test(more, 9999, Generator(1, "test"));
  EXPECT_NEAR(drawn.greater, 0.09462356567382812,
              4.5 * std::sqrt(0.0946 * (1 - 0.0946) / 10000) + 1e-4);
  EXPECT_EQ(drawn.draws, 9999);
}

TEST(Randomisation, RefusesWhatItCannotDeal) {
  const Generator generator(1, "test");
  EXPECT_EQ(refusal<ValueError>([&] {
              in_out_test({{{1, 2}}, {{1, 0}}}, 0, generator);
            }),
            "in_out_test: relabellings: expected 1 .. 2^32 - 1, got 0");
  EXPECT_EQ(refusal<ValueError>(
                [&] { combined_control_test(std::vector<double>{1}, {{}}, 9, generator); }),
            "combined_control_test: controls: run 0: expected at least one, got none");
  EXPECT_EQ(refusal<ShapeError>([&] {
              combined_max_p_values({{1, 2}, {1}}, {{{0}, {0}}, {{0}}}, 9, generator);
            }),
            "combined_max_p_values: run 1: expected 2 layers, got 1 and 1 of controls");
  EXPECT_EQ(refusal<ShapeError>([&] {
              combined_max_p_values({{1, 2}}, {{{0}, {0, 1}}}, 9, generator);
            }),
            "combined_max_p_values: run 0: layer 1: expected 1 relabellings, got 2");
  EXPECT_EQ(refusal<ValueError>([&] { sign_flip_test({}, 9, generator); }),
            "sign_flip_test: differences: expected at least one, got none");
}

}  // namespace
}  // namespace chainline::experiments
