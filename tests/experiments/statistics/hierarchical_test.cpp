#include "experiments/statistics/hierarchical.h"

#include <cmath>

#include "experiments/statistics/distributions.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

/// Runs of `users` users, the first half IN, with the effect `effect` + run_sd z in each run and
/// user_sd z for each user.
UserRuns simulated(std::size_t runs, std::size_t users, double effect, double run_sd,
                   double user_sd, RandomSequence random) {
  UserRuns result;
  for (std::size_t r = 0; r < runs; ++r) {
    const double shift = effect + run_sd * random.normal();
    std::vector<double> values;
    std::vector<int> in;
    for (std::size_t u = 0; u < users; ++u) {
      in.push_back(u < users / 2);
      values.push_back(in.back() * shift + user_sd * random.normal());
    }
    result.values.push_back(values);
    result.in.push_back(in);
  }
  return result;
}

bool holds(const Interval& interval, double value) {
  return interval.low <= value && value <= interval.high;
}

TEST(HierarchicalReplicates, DrawRunsAndThenUsersOfEachSideToTheirNumbers) {
  const std::vector<std::vector<int>> in = {{1, 0, 0}, {1, 1, 0}, {0, 1, 0}};
  bool left_out = false;
  hierarchical_replicates(in, 50, Generator(1, "test"), [&](const RunWeights& weights) {
    double copies = 0;
    for (std::size_t r = 0; r < in.size(); ++r) {
      double drawn[2] = {0, 0}, users[2] = {0, 0};
      for (std::size_t u = 0; u < in[r].size(); ++u) {
        drawn[in[r][u]] += weights[r][u];
        users[in[r][u]] += 1;
      }
      // A run that was drawn k times has k times its IN and k times its OUT users.
      EXPECT_EQ(drawn[0] / users[0], drawn[1] / users[1]);
      copies += drawn[0] / users[0];
      left_out = left_out || drawn[0] == 0;
    }
    EXPECT_EQ(copies, 3);
    return 0.0;
  });
  EXPECT_TRUE(left_out) << "runs are drawn with replacement";
}

TEST(HierarchicalReplicates, OfTheEffectAreThoseOfItsWeights) {
  const UserRuns runs = simulated(3, 8, 1, 1, 1, Generator(2, "test").sequence(0, 0));
  const Generator generator(3, "test");
  const std::vector<double> fast = hierarchical_replicates(runs, 100, generator);
  const std::vector<double> general =
      hierarchical_replicates(runs.in, 100, generator, [&](const RunWeights& weights) {
        double sum = 0;
        for (std::size_t r = 0; r < 3; ++r)
          for (std::size_t u = 0; u < 8; ++u)
            sum += weights[r][u] * runs.values[r][u] * (runs.in[r][u] == 1 ? 1 : -1) / 4 / 3;
        return sum;
      });
  ASSERT_EQ(fast.size(), general.size());
  // 24 values of some units in another order.
  for (std::size_t i = 0; i < fast.size(); ++i) EXPECT_NEAR(fast[i], general[i], 1e-13);
}

TEST(HierarchicalReplicates, HaveTheVarianceOfTheirFormula) {
  // Exactly known given the data: runs have the effects e_r and the users' variances
  // v_r = var(IN)/n_in + var(OUT)/n_out with 1/n in var; a replicate has the variance
  // (variance(e) with 1/n + mean(v)) / n. 20,000 replicates place a variance to 1 %: 5 times that.
  const UserRuns runs = simulated(4, 10, 1, 1, 2, Generator(4, "test").sequence(0, 0));
  const std::vector<double> effects = run_effects(runs);
  double expected = 0;
  for (std::size_t r = 0; r < 4; ++r) {
    for (const int side : {0, 1}) {
      std::vector<double> values;
      for (std::size_t u = 0; u < 10; ++u)
        if (runs.in[r][u] == side) values.push_back(runs.values[r][u]);
      const double sd = standard_deviation(values);
      expected += sd * sd * 4 / 5 / 5 / 4 / 4;
    }
  }
  const double between = standard_deviation(effects);
  expected += between * between * 3 / 4 / 4;
  const double sd = standard_deviation(hierarchical_replicates(runs, 20000, Generator(5, "test")));
  EXPECT_NEAR(sd * sd, expected, 0.05 * expected);
}

/// How many of `data_sets` intervals hold the effect.
int covered(std::uint32_t data_sets, std::size_t runs, std::size_t users, double run_sd,
            double user_sd) {
  int count = 0;
  for (std::uint32_t i = 0; i < data_sets; ++i) {
    const UserRuns data =
        simulated(runs, users, 1, run_sd, user_sd, Generator(6, "test data").sequence(0, i));
    const std::vector<double> replicates =
        hierarchical_replicates(data, 300, Generator(i, "test replicates"));
    count += holds(percentile_interval(replicates), 1);
  }
  return count;
}

// In the three tests the coverage c is derived for an interval of normal quantiles, the count of n
// data sets lies within 4.5 sqrt(n c (1 - c)) of n c, and two points are allowed for the quantiles
// of 300 replicates and for replicates that are not quite normal.

TEST(HierarchicalInterval, OfASingleRunCoversByItsUsers) {
  // Each side's sd with 1/n: P(|T| < 1.96 sqrt(31/32)) with 62 degrees of freedom, 0.942.
  const double c = 2 * student_t_cdf(kNormal975 * std::sqrt(31.0 / 32), 62) - 1;
  EXPECT_NEAR(covered(400, 1, 64, 0, 1), 400 * c, 4.5 * std::sqrt(400 * c * (1 - c)) + 8);
}

TEST(HierarchicalInterval, IsShortForFewRunsThatDifferByThemselves) {
  // P(|T| < 1.96 sqrt(9/10)) with 9 degrees of freedom, 0.904.
  const double c = 2 * student_t_cdf(kNormal975 * std::sqrt(0.9), 9) - 1;
  EXPECT_NEAR(covered(400, 10, 4, 1, 0), 400 * c, 4.5 * std::sqrt(400 * c * (1 - c)) + 8);
}

TEST(HierarchicalInterval, IsWideWhereRunsDifferByTheirUsersOnly) {
  // The users' part is in twice: the sd is sqrt(0.9 + 0.9) times that of the effect, as 10 users a
  // side have 0.9 of their variance in a replicate; P(|Z| < 1.96 * 1.34) = 0.991.
  const double c = 2 * normal_cdf(kNormal975 * std::sqrt(1.8)) - 1;
  EXPECT_NEAR(covered(200, 10, 20, 0, 1), 200 * c, 4.5 * std::sqrt(200 * c * (1 - c)) + 4);
}

TEST(RunMeanT, HasTheIntervalOfSciPy) {
  // scipy.stats.t.interval(0.95, 9, d.mean(), scipy.stats.sem(d))
  const std::vector<double> d = {0.3, -0.1, 0.25, 0.6, -0.4, 0.15, 0.05, 0.35, -0.2, 0.1};
  const RunMean result = run_mean_t(d);
  EXPECT_NEAR(result.mean, 0.11, 1e-15);
  EXPECT_NEAR(result.standard_error, 0.0918331820930394, 1e-15);
  EXPECT_NEAR(result.interval.low, -0.0977410906543209, 1e-13);
  EXPECT_NEAR(result.interval.high, 0.31774109065432093, 1e-13);
  EXPECT_EQ(result.runs, 10);
  EXPECT_EQ(result.df, 9);
}

TEST(RunMeanT, CoversAsItSaysFromThreeRunsOn) {
  // 4,000 intervals: 3,800 -+ 4.5 sqrt(4000 * 0.05 * 0.95) = 62.
  int count = 0;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    RandomSequence random = Generator(7, "test").sequence(0, i);
    const std::vector<double> values = {random.normal(), random.normal(), random.normal()};
    count += holds(run_mean_t(values).interval, 0);
  }
  EXPECT_NEAR(count, 3800, 62);
}

TEST(RunMeanBootstrap, IsThatOfOneStratum) {
  const std::vector<double> values = {3, 1, 4, 1, 5, 9, 2, 6};
  const Generator generator(8, "test");
  const RunMean result = run_mean_bootstrap(values, 500, generator, 0.9);
  const Interval other = bootstrap_interval(
      std::vector<int>(8, 0), 500, generator,
      [&](std::span<const double> drawn) {
        double sum = 0;
        for (std::size_t i = 0; i < 8; ++i) sum += drawn[i] * values[i];
        return sum / 8;
      },
      0.9);
  EXPECT_EQ(result.interval.low, other.low);  // whole numbers: the sums are exact
  EXPECT_EQ(result.interval.high, other.high);
  EXPECT_EQ(result.mean, 31.0 / 8);
  EXPECT_EQ(result.df, 7);
}

TEST(Hierarchical, RefusesWhatHasNoInterval) {
  EXPECT_EQ(refusal<ValueError>([] { run_mean_t(std::vector<double>{1}); }),
            "run_mean_t: per_run: expected at least 2 runs, got 1");
  EXPECT_EQ(refusal<ValueError>([] {
              run_mean_t(std::vector<double>{1, std::nan("")});
            }),
            "run_mean_t: per_run: expected finite values, got nan");
  EXPECT_EQ(refusal<ValueError>([] {
              percentile_interval({1, 2}, 1);
            }),
            "percentile_interval: confidence: expected a share of (0, 1), got 1");
  EXPECT_EQ(refusal<ValueError>([] {
              hierarchical_replicates({{{1, 2}}, {{1, 0}}}, 1, Generator(1, "test"));
            }),
            "hierarchical_replicates: replicates: expected 2 .. 2^32 - 1, got 1");
}

}  // namespace
}  // namespace chainline::experiments
