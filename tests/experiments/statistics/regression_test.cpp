#include "experiments/statistics/regression.h"

#include <cmath>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

struct Grid {
  std::vector<std::vector<double>> predictors;  // log eta, log batch
  std::vector<double> response;                 // log memorization
};

Grid grid() {
  Grid g;
  g.predictors.resize(2);
  for (const double eta : {1e-3, 1e-3, 1e-3, 3e-3, 3e-3, 3e-3, 1e-2, 1e-2, 1e-2, 3e-2})
    g.predictors[0].push_back(std::log(eta));
  for (const double batch : {2, 8, 32, 2, 8, 32, 2, 8, 32, 8})
    g.predictors[1].push_back(std::log(batch));
  g.response = {-9.1, -12.2, -14.8, -7.2, -9.7, -12.9, -4.6, -7.6, -10.1, -5.4};
  return g;
}

TEST(LeastSquares, HasTheValuesOfStatsmodels) {
  // r = statsmodels.api.OLS(y, add_constant([log eta, log batch])).fit(): r.params, r.bse,
  // r.tvalues, r.pvalues, r.conf_int(0.05), sqrt(r.mse_resid), r.rsquared. It uses a pseudoinverse;
  // the columns' condition number is some 40, so both keep 1e-12.
  const Grid g = grid();
  const LinearFit fit = least_squares(g.predictors, g.response);
  const double golden[3][6] = {{5.834711386701224, 0.29335386340389846, 19.889669489942314,
                                2.0308559400000488e-07, 5.1410397269979295, 6.528383046404519},
                               {1.977495033852729, 0.0483905343486718, 40.865327495748275,
                                1.3697407430990986e-09, 1.863069602784326, 2.091920464921132},
                               {-2.0317955159186245, 0.05055536471823341, -40.189513560878986,
                                1.538660260281508e-09, -2.1513399573794776, -1.9122510744577716}};
  ASSERT_EQ(fit.coefficients.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const Coefficient& c = fit.coefficients[i];
    const double values[6] = {c.estimate, c.standard_error, c.t,
                              c.p,        c.interval.low,   c.interval.high};
    // p moves by t^2 times as much as t.
    for (int k = 0; k < 6; ++k)
      EXPECT_NEAR(values[k], golden[i][k], (k == 3 ? 1e-9 : 1e-12) * std::abs(golden[i][k]))
          << i << " " << k;
  }
  EXPECT_NEAR(fit.residual_deviation, 0.17167155054982433, 1e-13);
  EXPECT_NEAR(fit.r_squared, 0.9978737441367366, 1e-13);
  EXPECT_EQ(fit.df, 7);
}

TEST(LeastSquares, FindsAnExactLawExactly) {
  Grid g = grid();
  for (std::size_t i = 0; i < g.response.size(); ++i)
    g.response[i] = 3 + 2 * g.predictors[0][i] - g.predictors[1][i];
  const LinearFit fit = least_squares(g.predictors, g.response);
  EXPECT_NEAR(fit.coefficients[0].estimate, 3, 1e-12);
  EXPECT_NEAR(fit.coefficients[1].estimate, 2, 1e-12);
  EXPECT_NEAR(fit.coefficients[2].estimate, -1, 1e-12);
  EXPECT_NEAR(fit.r_squared, 1, 1e-12);
}

TEST(LeastSquares, WithoutPredictorsIsTheMean) {
  const LinearFit fit = least_squares({}, std::vector<double>{1, 2, 6});
  EXPECT_NEAR(fit.coefficients[0].estimate, 3, 1e-15);
  EXPECT_NEAR(fit.coefficients[0].standard_error, std::sqrt(7.0 / 3), 1e-14);
  EXPECT_NEAR(fit.r_squared, 0, 1e-15);
}

TEST(LeastSquares, RefusesWhatHasNoSingleAnswer) {
  const std::vector<double> y = {1, 2, 3, 5};
  EXPECT_EQ(refusal<ValueError>([&] {
              least_squares({{1, 2, 3, 4}, {3, 5, 7, 9}}, y);
            }),
            "least_squares: predictors: expected independent columns that vary, got some that "
            "depend on each other");
  EXPECT_EQ(refusal<ValueError>([&] {
              least_squares({{2, 2, 2, 2}}, y);
            }),
            "least_squares: predictors: expected independent columns that vary, got some that "
            "depend on each other");
  EXPECT_EQ(refusal<ValueError>([&] {
              least_squares({{1, 2}}, std::vector<double>{1, 2});
            }),
            "least_squares: response: expected more than 2 observations, got 2");
  EXPECT_EQ(refusal<ShapeError>([&] {
              least_squares({{1, 2}}, y);
            }),
            "least_squares: predictors: expected 4 observations, got 2");
}

TEST(ClusterBootstrap, OfSingleObservationsIsTheBootstrapOfTheMean) {
  const std::vector<double> values = {3, 1, 4, 1, 5, 9, 2, 6};
  const Generator generator(1, "test");
  const Interval mean_interval = bootstrap_interval(std::vector<int>(8, 0), 500, generator,
                                                    [&](std::span<const double> drawn) {
                                                      double sum = 0;
                                                      for (std::size_t i = 0; i < 8; ++i)
                                                        sum += drawn[i] * values[i];
                                                      return sum / 8;
                                                    });
  const Interval interval =
      cluster_bootstrap({}, values, {0, 1, 2, 3, 4, 5, 6, 7}, 500, generator)[0];
  EXPECT_NEAR(interval.low, mean_interval.low, 1e-13);
  EXPECT_NEAR(interval.high, mean_interval.high, 1e-13);
}

TEST(ClusterBootstrap, IsAsWideAsWholeRunsVary) {
  // 16 runs of 6 observations; a run has a level of its own (sd 1) and hardly any noise. The
  // intercept, the mean over runs, has the standard error 1/4, and its interval the width 0.98,
  // less sqrt(15/16), though an sd of 16 runs is off by 18 %, three times of which are allowed.
  // Errors of independent observations would be sqrt(6) times smaller. The slope varies not at all.
  std::vector<std::vector<double>> predictors(1);
  std::vector<double> response;
  std::vector<int> clusters;
  RandomSequence random = Generator(2, "test data").sequence(0, 0);
  for (int run = 0; run < 16; ++run) {
    const double level = random.normal();
    for (int i = 0; i < 6; ++i) {
      const double x = i - 2.5;
      predictors[0].push_back(x);
      response.push_back(level + 2 * x + 1e-3 * random.normal());
      clusters.push_back(run);
    }
  }
  const std::vector<Interval> intervals =
      cluster_bootstrap(predictors, response, clusters, 1000, Generator(2, "test"));
  EXPECT_NEAR(intervals[0].high - intervals[0].low, 0.98 * std::sqrt(15.0 / 16), 0.5);
  const LinearFit naive = least_squares(predictors, response);
  EXPECT_GT(intervals[0].high - intervals[0].low,
            1.8 * (naive.coefficients[0].interval.high - naive.coefficients[0].interval.low));
  EXPECT_NEAR(intervals[1].low, 2, 1e-3);
  EXPECT_NEAR(intervals[1].high, 2, 1e-3);
}

TEST(ClusterBootstrap, LeavesOutDrawsThatCannotBeFitted) {
  // Each cluster has one x: a draw of the same cluster twice has no slope.
  const std::vector<Interval> intervals = cluster_bootstrap(
      {{0, 0, 1, 1}}, std::vector<double>{1, 1, 3, 3}, {0, 0, 1, 1}, 100, Generator(3, "test"));
  EXPECT_NEAR(intervals[1].low, 2, 1e-13);
  EXPECT_NEAR(intervals[1].high, 2, 1e-13);
  EXPECT_EQ(refusal<ValueError>([] {
              cluster_bootstrap({}, std::vector<double>{1, 2}, {5, 5}, 10, Generator(1, "test"));
            }),
            "cluster_bootstrap: clusters: expected at least 2, got 1");
}

}  // namespace
}  // namespace chainline::experiments
