#include "experiments/memorization/skew_normal.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "experiments/memorization/nelder_mead.h"
#include "experiments/statistics/statistics.h"
#include "tensor/random.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

/// Within 1e-13 of the golden number, relatively: a few hundred roundings.
void expect_close(double value, double golden) {
  EXPECT_NEAR(value, golden, 1e-13 * std::abs(golden));
}

TEST(LogNormalCdf, KeepsItsDigitsFarBelow) {
  // mpmath with 40 digits: log(ncdf(x)).
  expect_close(log_normal_cdf(-1000), -500007.82669481218431);
  expect_close(log_normal_cdf(-37), -689.0305855768905936);
  expect_close(log_normal_cdf(-20), -203.91715537109726394);
  expect_close(log_normal_cdf(-19), -184.36612866916096735);
  expect_close(log_normal_cdf(-5), -15.064998393988725736);
  expect_close(log_normal_cdf(-0.3), -0.96210281816885065666);
  expect_close(log_normal_cdf(2), -0.023012909328963488465);
  expect_close(log_normal_cdf(9), -1.1285884059538406478e-19);
}

TEST(OwensT, IsThatOfItsIntegral) {
  // mpmath with 40 digits: quad of the integrand. Where |a| <= 1 the quadrature is right
  // relatively, beyond absolutely.
  expect_close(owens_t(0, 1), 0.125);
  expect_close(owens_t(0.5, 0.25), 0.034320217127094209633);
  expect_close(owens_t(1, 0.9), 0.063506924587180924639);
  expect_close(owens_t(-1.5, -0.7), -0.027091480464145781025);
  expect_close(owens_t(5, 0.5), 1.4192549621069271719e-7);
  EXPECT_NEAR(owens_t(2, 3), 0.011375065971545040613, 2e-16);
  EXPECT_NEAR(owens_t(0.1, 1000), 0.23008608136148550817, 2e-16);
  EXPECT_NEAR(owens_t(30, 2), 2.4532212137519250766e-198, 2e-16);
  EXPECT_NEAR(owens_t(0, std::numeric_limits<double>::infinity()), 0.25, 2e-16);
}

TEST(SkewNormal, HasTheLogCdfOfItsIntegral) {
  // mpmath with 40 digits: log(quad(2 npdf(t) ncdf(shape t))) in 240 pieces, the density divided by
  // that at z (which quad needs to be right far below); the last by its upper tail.
  const struct {
    double z, shape, golden;
  } cases[] = {{-1, 2, -6.36608239487557162},     {-5, 3, -132.777071363346575},
               {-10, -2, -52.5381379699525253},   {-40, 1.5, -2610.10727077083804},
               {-3, 50, -11269.5785566765597},    {0.2, 200, -1.84187817658760353},
               {0, 0, -0.693147180559945309},     {2.5, 4, -0.01249709506390489},
               {-200, 0.7, -29811.7835503625115}, {6, -3, -1.9620210475996970701e-82}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.z);
    const SkewNormal distribution{3, 2, c.shape};
    // 1e-13 where F is small. Where it is near 1, log F = -(1 - F) has the relative error of an
    // exponential of -187, which is known to 187 roundings.
    EXPECT_NEAR(distribution.log_cdf(3 + 2 * c.z), c.golden,
                (c.z > 1 ? 5e-13 : 1e-13) * std::abs(c.golden));
  }
}

TEST(SkewNormal, HasOneCdfByOwensTAndByIntegration) {
  for (const double shape : {-30.0, -2.0, 0.0, 0.5, 4.0, 1000.0})
    for (double z = -4; z <= 4; z += 0.37) {
      const SkewNormal distribution{0, 1, shape};
      // 1e-15: the absolute error of the one by Owen's T.
      EXPECT_NEAR(std::exp(distribution.log_cdf(z)), distribution.cdf(z), 1e-15)
          << z << ", " << shape;
    }
}

TEST(SkewNormal, IsTheNormalDistributionAtShapeZero) {
  const SkewNormal normal{1, 2, 0};
  expect_close(normal.log_cdf(-9), log_normal_cdf(-5));
  expect_close(normal.log_density(1), -std::log(2 * std::sqrt(2 * std::numbers::pi)));
}

/// Quantiles of the Rayleigh distribution: skewed, and no skew-normal distribution.
std::vector<double> rayleigh(int n) {
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(std::sqrt(-std::log1p(-(i + 0.5) / n)));
  return values;
}

TEST(SkewNormalFit, FindsTheLikeliestParameters) {
  // scipy.optimize.minimize(-skewnorm.logpdf(x, a, loc, exp(s)).sum(), method="Nelder-Mead",
  // xatol=1e-10, fatol=1e-13), twice; skewnorm.fit(x) agrees to its 1e-5. At the maximum an error
  // of h in a parameter changes the likelihood by h^2 only, so it is known to all digits and the
  // parameters to 1e-6.
  const SkewNormalFit fit = fit_skew_normal(rayleigh(200));
  EXPECT_TRUE(fit.converged);
  EXPECT_NEAR(fit.log_likelihood, -120.63728726611804, 1e-9);
  EXPECT_NEAR(fit.distribution.location, 0.307579205084687, 1e-6);
  EXPECT_NEAR(fit.distribution.scale, 0.7401928203324222, 1e-6);
  EXPECT_NEAR(fit.distribution.shape, 3.9243576149416866, 2e-5);
  // scipy.stats.kstest(x, skewnorm(a, loc, scale).cdf).statistic
  EXPECT_NEAR(fit.ks, 0.024461579567057634, 1e-6);
  // skewnorm.logcdf(0.01, ...) / log(2)
  EXPECT_NEAR(fit.distribution.log_cdf(0.01) / std::numbers::ln2, -7.833384828326602, 1e-5);
  EXPECT_FALSE(fit.shape_at_bound);
}

TEST(SkewNormalFit, FollowsShiftScaleAndMirror) {
  std::vector<double> moved;
  for (const double value : rayleigh(200)) moved.push_back(1000 - 50 * value);
  const SkewNormalFit fit = fit_skew_normal(moved);
  EXPECT_NEAR(fit.distribution.location, 1000 - 50 * 0.307579205084687, 1e-4);
  EXPECT_NEAR(fit.distribution.scale, 50 * 0.7401928203324222, 1e-4);
  EXPECT_NEAR(fit.distribution.shape, -3.9243576149416866, 2e-5);
  EXPECT_NEAR(fit.log_likelihood, -120.63728726611804 - 200 * std::log(50.0), 1e-8);
}

/// delta |u| + sqrt(1 - delta^2) v of normal u and v is skew-normal.
std::vector<double> skew_normal_sample(double shape, int n, std::uint32_t number) {
  RandomSequence random = Generator(5, "skew normal test").sequence(0, number);
  const double delta = shape / std::sqrt(1 + shape * shape);
  std::vector<double> values;
  for (int i = 0; i < n; ++i) {
    const double u = random.normal();
    values.push_back(delta * std::abs(u) + std::sqrt(1 - delta * delta) * random.normal());
  }
  return values;
}

TEST(SkewNormalFit, CallsTrueSamplesGoodAndOthersNot) {
  int good = 0;
  for (std::uint32_t number = 0; number < 40; ++number)
    good += fit_skew_normal(skew_normal_sample(number % 2 == 0 ? 2 : -0.5, 400, number)).good();
  // 99 % each: fewer than 37 of 40 has the probability 6e-4.
  EXPECT_GE(good, 37);

  // Two separate heaps are no skew-normal distribution.
  std::vector<double> heaps = skew_normal_sample(0, 400, 100);
  for (std::size_t i = 0; i < heaps.size(); i += 2) heaps[i] += 6;
  const SkewNormalFit fit = fit_skew_normal(heaps);
  EXPECT_GT(fit.ks, fit.ks_limit);
  EXPECT_FALSE(fit.good());
}

TEST(SkewNormalFit, SaysWhenTheShapeHasNoMaximum) {
  // Half a normal distribution: the likelihood grows with the shape for ever.
  std::vector<double> half;
  for (const double value : skew_normal_sample(0, 300, 7)) half.push_back(std::abs(value));
  const SkewNormalFit fit = fit_skew_normal(half);
  EXPECT_TRUE(fit.shape_at_bound);
  EXPECT_EQ(fit.distribution.shape, kLargestShape);
}

TEST(SkewNormalFit, KnowsHowFarTheLowestPercentLies) {
  // The tail of a true sample is that of the fit; the log2 of the 20th order statistic of 2,000
  // has the standard deviation 1 / (ln 2 sqrt(20)) = 0.32 bits.
  EXPECT_NEAR(fit_skew_normal(skew_normal_sample(1, 2000, 3)).tail_gap, 0, 1);
  // One outlier in a hundred, far below: the fit calls it rarer than it is.
  std::vector<double> outliers = skew_normal_sample(1, 2000, 3);
  for (std::size_t i = 0; i < 30; ++i) outliers[i] = -4;
  EXPECT_LT(fit_skew_normal(outliers).tail_gap, -3);
}

TEST(SkewNormalFit, RefusesValuesThatFitNothing) {
  EXPECT_EQ(refusal<ValueError>([] {
              fit_skew_normal(std::vector<double>{1, 2});
            }),
            "fit_skew_normal: values: expected at least 20, got 2");
  EXPECT_EQ(refusal<ValueError>([] { fit_skew_normal(std::vector<double>(20, 3)); }),
            "fit_skew_normal: values: expected some that differ, got 20 times 3");
  std::vector<double> values = rayleigh(30);
  values[4] = std::nan("");
  EXPECT_EQ(refusal<ValueError>([&] { fit_skew_normal(values); }),
            "fit_skew_normal: value 4: expected a finite number, got nan");
}

TEST(NelderMead, FindsTheMinimumOfACurvedValley) {
  // Rosenbrock's; the minimum is 0 at (1, 1).
  const auto valley = [](std::span<const double> x) {
    return 100 * std::pow(x[1] - x[0] * x[0], 2) + std::pow(1 - x[0], 2);
  };
  const Minimum minimum = nelder_mead(valley, {-1.2, 1});
  EXPECT_TRUE(minimum.converged);
  EXPECT_NEAR(minimum.at[0], 1, 1e-6);
  EXPECT_NEAR(minimum.at[1], 1, 1e-6);
  const Minimum again = nelder_mead(valley, {-1.2, 1});
  EXPECT_EQ(again.at, minimum.at);
  EXPECT_EQ(again.evaluations, minimum.evaluations);
}

TEST(NelderMead, StaysWhereTheFunctionIsANumber) {
  // NaN below 1: the lowest place is the edge.
  const auto edge = [](std::span<const double> x) { return std::sqrt(x[0] - 1); };
  const Minimum minimum = nelder_mead(edge, {3});
  EXPECT_GE(minimum.at[0], 1);
  EXPECT_LT(minimum.at[0], 1.0001);
}

TEST(NelderMead, SaysWhenItStoppedEarly) {
  NelderMeadOptions few;
  few.max_evaluations = 30;
  const Minimum minimum = nelder_mead(
      [](std::span<const double> x) { return x[0] * x[0] + x[1] * x[1]; }, {50, 50}, few);
  EXPECT_FALSE(minimum.converged);
  EXPECT_EQ(refusal<ValueError>(
                [] { nelder_mead([](std::span<const double>) { return std::nan(""); }, {1}); }),
            "nelder_mead: f(start): expected a number, got inf");
}

}  // namespace
}  // namespace chainline::experiments
