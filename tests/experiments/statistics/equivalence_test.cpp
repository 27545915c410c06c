#include "experiments/statistics/equivalence.h"

#include <cmath>

#include "experiments/statistics/hierarchical.h"
#include "tensor/random.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

const std::vector<double> kDifferences = {0.3, -0.1, 0.25, 0.6, -0.4, 0.15, 0.05, 0.35, -0.2, 0.1};

TEST(EquivalenceT, HasTheValuesOfStatsmodelsAndSciPy) {
  // statsmodels.stats.weightstats.DescrStatsW(d).ttost_mean(-m, m), and
  // scipy.stats.t.interval(0.9, 9, d.mean(), scipy.stats.sem(d)).
  const Equivalence wide = equivalence_t(kDifferences, 0.5);
  EXPECT_NEAR(wide.mean, 0.11, 1e-15);
  EXPECT_NEAR(wide.p_low, 4.727467891666046e-05, 1e-15);
  EXPECT_NEAR(wide.p_high, 0.0010762505172703962, 1e-14);
  EXPECT_NEAR(wide.interval.low, -0.058340593741725705, 1e-13);
  EXPECT_NEAR(wide.interval.high, 0.2783405937417257, 1e-13);
  EXPECT_TRUE(wide.within);
  const Equivalence narrow = equivalence_t(kDifferences, 0.2);
  EXPECT_NEAR(narrow.p_low, 0.004091397724789025, 1e-14);
  EXPECT_NEAR(narrow.p_high, 0.17633783640609546, 1e-13);
  EXPECT_FALSE(narrow.within);
}

TEST(EquivalenceT, IsWithinExactlyWhenBothTestsSaySo) {
  int within = 0;
  for (int step = 1; step <= 100; ++step) {
    const Equivalence test = equivalence_t(kDifferences, step * 0.005);
    EXPECT_EQ(test.within, test.p_low < 0.05 && test.p_high < 0.05) << step;
    within += test.within;
  }
  EXPECT_EQ(within, 45) << "from 0.28 on, the end of the interval is 0.278";
}

TEST(EquivalenceT, IsCertainWhereNothingVaries) {
  const Equivalence equal = equivalence_t(std::vector<double>{0, 0, 0}, 0.01);
  EXPECT_EQ(equal.p_low, 0);
  EXPECT_EQ(equal.p_high, 0);
  EXPECT_TRUE(equal.within);
  const Equivalence on_the_margin = equivalence_t(std::vector<double>{1, 1}, 1);
  EXPECT_EQ(on_the_margin.p_high, 1);
  EXPECT_FALSE(on_the_margin.within);
}

TEST(EquivalenceT, FindsAnEffectOnTheMarginEquivalentInOneOfTwentyCases) {
  // Twice 2,000 tests of 5 normal differences: 100 -+ 4.5 sqrt(2000 * 0.05 * 0.95) = 44. A margin of
  // 50 standard errors leaves the other test no part.
  for (const double effect : {-50.0, 50.0}) {
    int found = 0;
    for (std::uint32_t i = 0; i < 2000; ++i) {
      RandomSequence random = Generator(1, "equivalence test").sequence(0, i);
      std::vector<double> differences;
      for (int k = 0; k < 5; ++k) differences.push_back(effect + random.normal());
      found += equivalence_t(differences, 50).within;
    }
    EXPECT_NEAR(found, 100, 44) << effect;
  }
}

TEST(EquivalenceBootstrap, CountsReplicatesBeyondTheMargin) {
  std::vector<double> replicates = {std::nan("")};
  for (int i = 0; i <= 100; ++i) replicates.push_back((i - 40) * 0.01);  // -0.4 .. 0.6
  const Equivalence test = equivalence_bootstrap(0.1, replicates, 0.395);
  EXPECT_EQ(test.p_low, 2.0 / 102);    // -0.4
  EXPECT_EQ(test.p_high, 22.0 / 102);  // 0.4 .. 0.6
  EXPECT_NEAR(test.interval.low, -0.35, 1e-15);
  EXPECT_NEAR(test.interval.high, 0.55, 1e-15);
  EXPECT_FALSE(test.within);
  EXPECT_TRUE(equivalence_bootstrap(0.1, replicates, 0.56).within);
  EXPECT_EQ(test.mean, 0.1);
}

TEST(Equivalence, RefusesQuestionsWithoutSense) {
  EXPECT_EQ(refusal<ValueError>([] { equivalence_t(kDifferences, 0); }),
            "equivalence_t: margin: expected a positive number, got 0");
  EXPECT_EQ(refusal<ValueError>([] { equivalence_t(kDifferences, 1, 0.5); }),
            "equivalence_t: alpha: expected a share of (0, 1/2), got 0.5");
  EXPECT_EQ(refusal<ValueError>([] { equivalence_bootstrap(0, {std::nan("")}, 1); }),
            "percentile_interval: replicates: expected numbers, got 1 that are none");
}

}  // namespace
}  // namespace chainline::experiments
