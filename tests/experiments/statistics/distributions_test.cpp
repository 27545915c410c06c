#include "experiments/statistics/distributions.h"

#include <cmath>
#include <limits>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

// Golden values are SciPy 1.17's. Its functions and these lose some ulps each (up to about 20 in
// the parts of the fraction and of Newton's method), far below this.
constexpr double kRelative = 1e-12;

void expect_value(double value, double golden, double relative = kRelative) {
  EXPECT_NEAR(value, golden, relative * std::abs(golden));
}

TEST(NormalCdf, HasTheValuesOfSciPyInBothTails) {  // scipy.stats.norm.cdf(z)
  expect_value(normal_cdf(-8), 6.22096057427174e-16);
  expect_value(normal_cdf(-1.5), 0.06680720126885807);
  expect_value(normal_cdf(0.3), 0.6179114221889526);
  expect_value(normal_cdf(2), 0.9772498680518208);
}

TEST(NormalQuantile, HasTheValuesOfSciPyInBothTails) {  // scipy.stats.norm.ppf(p)
  expect_value(normal_quantile(1e-300), -37.0470962993612);
  expect_value(normal_quantile(1e-10), -6.361340902404056);
  expect_value(normal_quantile(0.025), -1.9599639845400545);
  expect_value(normal_quantile(0.3), -0.5244005127080409);
  expect_value(normal_quantile(0.7), 0.5244005127080407);
  expect_value(normal_quantile(0.975), kNormal975);
  expect_value(normal_quantile(1 - 1e-9), 5.997807019601637);
  EXPECT_EQ(normal_quantile(0.5), 0);
  EXPECT_EQ(normal_quantile(0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(normal_quantile(1), std::numeric_limits<double>::infinity());
}

TEST(IncompleteBeta, HasTheValuesOfSciPyForSmallAndLargeParameters) {
  // scipy.special.betainc(a, b, x)
  expect_value(incomplete_beta(0.5, 0.5, 0.1), 0.20483276469913345);
  expect_value(incomplete_beta(2, 3, 0.4), 0.5248);
  expect_value(incomplete_beta(50, 0.5, 0.99), 0.3173043978741973);
  expect_value(incomplete_beta(1e-3, 7, 0.2), 0.9998927327519053);
  expect_value(incomplete_beta(400, 900, 0.31), 0.574442816953442);
  expect_value(incomplete_beta(5, 5, 0.999), 0.9999999999998744);
  expect_value(incomplete_beta(3, 1e6, 1e-6), 0.08030167298125858);
  // x, rounded, moves the argument of the exponential by 3e5 * 1e-16.
  expect_value(incomplete_beta(1e5, 2e5, 0.333), 0.34940317176600605, 1e-10);
  EXPECT_EQ(incomplete_beta(2, 3, 0), 0);
  EXPECT_EQ(incomplete_beta(2, 3, 1), 1);
}

TEST(BetaQuantile, HasTheValuesOfSciPy) {  // scipy.special.betaincinv(a, b, p)
  expect_value(beta_quantile(0.5, 0.5, 0.1), 0.024471741852423214);
  expect_value(beta_quantile(2, 3, 0.975), 0.8058795503167565);
  expect_value(beta_quantile(1, 1e6, 0.025), 2.5317807663794178e-08);
  expect_value(beta_quantile(400, 900, 0.3), 0.3009078083684729);
  expect_value(beta_quantile(0.2, 7, 1e-4), 9.878052693955067e-22);
  expect_value(beta_quantile(9, 3, 0.5), 0.7642144733641716);
  EXPECT_EQ(beta_quantile(2, 3, 0), 0);
  EXPECT_EQ(beta_quantile(2, 3, 1), 1);
}

TEST(StudentTCdf, HasTheValuesOfSciPyForAnyDegreesOfFreedom) {  // scipy.stats.t.cdf(t, df)
  expect_value(student_t_cdf(-2, 3), 0.06966298427942152);
  expect_value(student_t_cdf(0.5, 1), 0.6475836176504333);
  expect_value(student_t_cdf(1e-9, 4), 0.500000000375);
  expect_value(student_t_cdf(2.5, 9.7), 0.983942791323133);
  expect_value(student_t_cdf(-40, 9), 9.491499224669911e-12);
  expect_value(student_t_cdf(3, 1e6), 0.9986500687292891);
  expect_value(student_t_cdf(-1e5, 2), 4.999999999250001e-11);
  EXPECT_EQ(student_t_cdf(0, 5), 0.5);
  EXPECT_EQ(student_t_cdf(-std::numeric_limits<double>::infinity(), 5), 0);
}

TEST(StudentTQuantile, HasTheValuesOfSciPyFromOneDegreeToAMillion) {  // scipy.stats.t.ppf(p, df)
  expect_value(student_t_quantile(0.975, 1), 12.706204736174694);
  expect_value(student_t_quantile(0.975, 9), 2.262157162798205);
  expect_value(student_t_quantile(0.95, 9), 1.833112932656237);
  expect_value(student_t_quantile(0.975, 127), 1.9788195347028539);
  expect_value(student_t_quantile(0.001, 2.5), -13.822193110865964);
  expect_value(student_t_quantile(1e-12, 4), -1316.0727465592565);
  expect_value(student_t_quantile(0.9, 1e6), 1.281552412129939);
  // p - 1/2 = 1e-4 has lost four digits by subtraction before any function sees it.
  expect_value(student_t_quantile(0.5001, 6), 0.0002612789093650651, 1e-11);
  EXPECT_EQ(student_t_quantile(0.5, 3), 0);
}

TEST(ClopperPearson, HasTheIntervalsOfSciPy) {
  // scipy.stats.beta.ppf(tail, k, n - k + 1) and beta.ppf(1 - tail, k + 1, n - k). The search
  // behind binomtest(k, n).proportion_ci(confidence, 'exact') gives the same to 2e-12 only.
  const auto expect = [](std::int64_t k, std::int64_t n, double confidence, double low,
                         double high) {
    const Interval interval = clopper_pearson_interval(k, n, confidence);
    expect_value(interval.low, low);
    expect_value(interval.high, high);
  };
  expect(0, 12, 0.95, 0, 0.2646484693970512);
  expect(12, 12, 0.95, 0.7353515306029488, 1);
  expect(3, 20, 0.95, 0.032070937185463715, 0.37892682654531396);
  expect(17, 40, 0.9, 0.29184657878614506, 0.5668609107163234);
  expect(1, 1000, 0.99, 5.01252926077751e-06, 0.007406286938352937);
  expect(6012, 10000, 0.95, 0.5915246688362686, 0.6108163549478827);
}

TEST(ClopperPearson, CoversAtLeastAsOftenAsItSaysAtEveryProbability) {
  // Exactly, by the binomial distribution, no draws: P(k) = n! / k! (n-k)! p^k q^(n-k).
  constexpr std::int64_t n = 15;
  std::vector<Interval> intervals;
  for (std::int64_t k = 0; k <= n; ++k) intervals.push_back(clopper_pearson_interval(k, n, 0.9));
  for (int step = 1; step < 200; ++step) {
    const double p = step / 200.0;
    double probability = std::pow(1 - p, n), covered = 0;
    for (std::int64_t k = 0; k <= n; ++k) {
      const Interval& interval = intervals[static_cast<std::size_t>(k)];
      if (interval.low <= p && p <= interval.high) covered += probability;
      probability *= static_cast<double>(n - k) / static_cast<double>(k + 1) * p / (1 - p);
    }
    EXPECT_GE(covered, 0.9) << p;
  }
}

TEST(Distributions, RefuseWhatIsNoProbabilityAndNoParameter) {
  EXPECT_EQ(refusal<ValueError>([] { normal_quantile(1.5); }),
            "normal_quantile: p: expected 0 .. 1, got 1.5");
  EXPECT_EQ(refusal<ValueError>([] { incomplete_beta(0, 1, 0.5); }),
            "incomplete_beta: a: expected (0, 1e9], got 0");
  EXPECT_EQ(refusal<ValueError>([] { incomplete_beta(1, 1, std::nan("")); }),
            "incomplete_beta: x: expected 0 .. 1, got nan");
  EXPECT_EQ(refusal<ValueError>([] { student_t_quantile(0.5, -1); }),
            "student_t_quantile: df: expected (0, 1e9], got -1");
  EXPECT_EQ(
      refusal<ValueError>([] { clopper_pearson_interval(3, 2); }),
      "clopper_pearson_interval: successes: expected 0 .. trials of at least one trial, got 3 "
      "of 2");
}

}  // namespace
}  // namespace chainline::experiments
