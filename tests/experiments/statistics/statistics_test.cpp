#include "experiments/statistics/statistics.h"

#include <cmath>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

TEST(WilsonInterval, IsThatOfItsFormula) {
  // z = 2, 5 of 10: (0.5 + 0.2 -+ 2 sqrt(0.025 + 0.01)) / 1.4.
  const Interval half = wilson_interval(5, 10, 2);
  EXPECT_NEAR(half.low, (0.7 - 2 * std::sqrt(0.035)) / 1.4, 1e-15);
  EXPECT_NEAR(half.high, (0.7 + 2 * std::sqrt(0.035)) / 1.4, 1e-15);
  // 0 of n reaches z^2 / (n + z^2).
  EXPECT_EQ(wilson_interval(0, 12, 2).low, 0);
  EXPECT_NEAR(wilson_interval(0, 12, 2).high, 0.25, 1e-15);
  EXPECT_EQ(wilson_interval(12, 12, 2).high, 1);
  EXPECT_NEAR(wilson_interval(12, 12, 2).low, 0.75, 1e-15);
}

TEST(WilsonInterval, RefusesCountsThatAreNone) {
  EXPECT_EQ(refusal<ValueError>([] { wilson_interval(3, 2); }),
            "wilson_interval: successes: expected 0 .. trials of at least one trial, got 3 of 2");
  EXPECT_EQ(refusal<ValueError>([] { wilson_interval(0, 0); }),
            "wilson_interval: successes: expected 0 .. trials of at least one trial, got 0 of 0");
}

TEST(Moments, AreThoseOfASample) {
  const std::vector<double> values = {1, 2, 3, 6};
  EXPECT_EQ(mean(values), 3);
  EXPECT_EQ(standard_deviation(values), std::sqrt(14.0 / 3));
  EXPECT_EQ(standard_deviation(std::vector<double>{5}), 0);
}

TEST(Quantile, IsLinearBetweenNeighbours) {
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0), 1);
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0.75), 3.25);
  EXPECT_EQ(quantile({4, 1, 3, 2}, 1), 4);
  EXPECT_EQ(refusal<ValueError>([] { quantile({}, 0.5); }),
            "quantile: values: expected at least one, got none");
}

TEST(RocAuc, CountsPairsInOrder) {
  EXPECT_EQ(roc_auc({1, 2, 3, 4}, {0, 0, 1, 1}), 1);
  EXPECT_EQ(roc_auc({1, 2, 3, 4}, {1, 1, 0, 0}), 0);
  EXPECT_EQ(roc_auc({1, 2, 3, 4}, {0, 1, 0, 1}), 0.75);  // 3 of 4 pairs
  EXPECT_EQ(roc_auc({1, 1, 1}, {0, 1, 0}), 0.5) << "ties count half";
  EXPECT_EQ(roc_auc({1, 2, 2}, {0, 1, 0}), 0.75);
}

TEST(RocAuc, CountsAnItemByItsWeight) {
  const RankedScores ranked({1, 2, 2, 3}, {0, 1, 0, 1});
  const RankedScores repeated({1, 2, 2, 2, 3, 3, 3}, {0, 1, 0, 0, 1, 1, 1});
  EXPECT_NEAR(ranked.auc(std::vector<double>{1, 1, 2, 3}), repeated.auc(), 1e-15);
  EXPECT_TRUE(std::isnan(ranked.auc(std::vector<double>{1, 0, 1, 0})));
}

TEST(RocCurve, HasAPointPerDistinctScoreAndTheAreaOfTheAuc) {
  const RankedScores ranked({1, 2, 2, 3, 5}, {0, 1, 0, 0, 1});
  const std::vector<RocPoint> curve = ranked.curve();
  ASSERT_EQ(curve.size(), 5u);
  EXPECT_EQ(curve[1].threshold, 5);
  EXPECT_EQ(curve[1].true_positive_rate, 0.5);
  EXPECT_EQ(curve[4].false_positive_rate, 1);
  EXPECT_EQ(curve[4].true_positive_rate, 1);
  double area = 0;  // trapezoids
  for (std::size_t i = 1; i < curve.size(); ++i)
    area += (curve[i].false_positive_rate - curve[i - 1].false_positive_rate) *
            (curve[i].true_positive_rate + curve[i - 1].true_positive_rate) / 2;
  EXPECT_NEAR(area, ranked.auc(), 1e-15);
}

TEST(RocAuc, RefusesLabelsAndScoresThatCannotBeRanked) {
  EXPECT_EQ(refusal<ValueError>([] {
              roc_auc({1, 2}, {1, 1});
            }),
            "roc: labels: expected both classes, got 2 positives in 2");
  EXPECT_EQ(refusal<ValueError>([] {
              roc_auc({1, 2}, {1});
            }),
            "roc: labels: expected one for each of 2 scores, got 1");
  EXPECT_EQ(refusal<ValueError>([] {
              roc_auc({1, std::nan("")}, {1, 0});
            }),
            "roc: score 1: expected a number, got NaN");
}

TEST(BootstrapInterval, HasTheWidthOfTheMeansStandardError) {
  // 100 groups, half 0 and half 1, in one stratum: the mean of a replicate has the standard error
  // 0.05, so the interval reaches 0.5 -+ 0.098; 4,000 replicates place its ends to about 0.002, and
  // means are multiples of 0.01.
  std::vector<double> values(100, 0.0);
  for (std::size_t i = 0; i < 50; ++i) values[i] = 1;
  const auto statistic = [&](std::span<const double> drawn) {
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += drawn[i] * values[i];
      count += drawn[i];
    }
    return sum / count;
  };
  const Generator generator(1, "bootstrap test");
  const Interval interval =
      bootstrap_interval(std::vector<int>(100, 0), 4000, generator, statistic);
  EXPECT_NEAR(interval.low, 0.402, 0.011);
  EXPECT_NEAR(interval.high, 0.598, 0.011);
}

TEST(BootstrapInterval, DrawsEveryStratumToItsOwnSize) {
  const auto statistic = [](std::span<const double> drawn) {
    EXPECT_EQ(drawn[0] + drawn[2], 2);
    EXPECT_EQ(drawn[1] + drawn[3] + drawn[4], 3);
    return drawn[0];
  };
  bootstrap_interval({0, 1, 0, 1, 1}, 50, Generator(1, "bootstrap test"), statistic);
}

TEST(PermutationPValue, CountsTheObservedAsOneOfThem) {
  EXPECT_EQ(permutation_p_value(3, std::vector<double>{1, 2, 3, 4}), 3.0 / 5);
  EXPECT_EQ(permutation_p_value(9, std::vector<double>{1, 2, 3, 4}), 1.0 / 5);
  EXPECT_EQ(permutation_p_value(0, {}), 1);
}

TEST(MaxStatistic, ComparesEachWithTheLargestOfItsRelabelling) {
  // Both rows have mean 0 and standard deviation 1 (of -1, 0, 1); the largest are 1, 0, 1.
  const std::vector<double> observed = {0.5, 2};
  const std::vector<double> p = max_statistic_p_values(observed, {{-1, 0, 1}, {1, 0, -1}});
  ASSERT_EQ(p.size(), 2u);
  EXPECT_EQ(p[0], 3.0 / 4);
  EXPECT_EQ(p[1], 1.0 / 4);
}

TEST(MaxStatistic, DoesNotLetAWideStatisticHideANarrowOne) {
  // 0.5 is far beyond (-0.1, 0, 0.1), although the other row reaches 10.
  const std::vector<double> p =
      max_statistic_p_values(std::vector<double>{0.5, 0}, {{-0.1, 0, 0.1}, {10, 0, -10}});
  EXPECT_EQ(p[0], 1.0 / 4);
  EXPECT_EQ(refusal<ShapeError>([] { max_statistic_p_values(std::vector<double>{1}, {}); }),
            "max_statistic_p_values: controls: expected a row for each of 1 statistics, got 0");
}

}  // namespace
}  // namespace chainline::experiments
