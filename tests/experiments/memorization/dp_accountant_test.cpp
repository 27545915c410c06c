#include "experiments/memorization/dp_accountant.h"

#include <cmath>
#include <limits>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

TEST(SubsampledGaussian, HasTheRdpThatOthersCompute) {
  // dp_accounting 0.6.0: rdp_privacy_accountant._compute_rdp_poisson_subsampled_gaussian(q, sigma,
  // [a]). That one adds up terms near 1, so what it knows of a small rdp is 1e-16 absolutely.
  EXPECT_NEAR(subsampled_gaussian_rdp(0.01, 1, 8), 0.000893643907606041, 1e-15);
  EXPECT_NEAR(subsampled_gaussian_rdp(0.2, 0.7, 20), 18.714018094322864, 1e-12);
  EXPECT_NEAR(subsampled_gaussian_rdp(1e-4, 2, 3), 4.260513694211887e-09, 1e-15);
  EXPECT_NEAR(subsampled_gaussian_rdp(0.5, 4, 256), 7.304134715465523, 1e-12);
}

TEST(SubsampledGaussian, IsThatOfItsFormulaAtOrderTwo) {
  // log(1 + q^2 (e^(1 / sigma^2) - 1)), down to rates where 1 + q^2 is 1.
  for (const double q : {0.5, 1e-3, 1e-9})
    for (const double sigma : {0.3, 1.0, 5.0}) {
      const double rdp = std::log1p(q * q * std::expm1(1 / (sigma * sigma)));
      EXPECT_NEAR(subsampled_gaussian_rdp(q, sigma, 2), rdp, 1e-13 * rdp) << q << ", " << sigma;
    }
}

TEST(SubsampledGaussian, IsTheGaussianMechanismForAWholeBatch) {
  EXPECT_EQ(subsampled_gaussian_rdp(1, 2, 8), 1);  // a / 2 sigma^2
  // Continuously so: the terms below k = a vanish.
  EXPECT_NEAR(subsampled_gaussian_rdp(1 - 1e-12, 2, 8), 1, 1e-10);
  EXPECT_EQ(subsampled_gaussian_rdp(0, 2, 8), 0);
}

TEST(SubsampledGaussian, DoesNotOverflow) {
  // exp(4096^2 / 2 0.3^2) is no f64; the rdp is about a / 2 sigma^2 + a log(q) / (a - 1).
  const double rdp = subsampled_gaussian_rdp(0.01, 0.3, 4096);
  EXPECT_NEAR(rdp, 4096 / 0.18 + std::log(0.01), 0.01);
}

TEST(Accountant, MeetsThePublishedEpsilonOfMnist) {
  // TensorFlow Privacy's tutorial: 256 of 60,000, sigma 1.1, 60 epochs, delta 1e-5 -> 2.60.
  const AccountedPrivacy mnist = account_privacy(256.0 / 60000, 1.1, 60 * 60000 / 256, 1e-5);
  // dp_accounting 0.6.0: RdpAccountant(orders).compose(PoissonSampledDpEvent(q,
  // GaussianDpEvent(1.1)), 14062).get_epsilon_and_optimal_order(1e-5) with these orders.
  EXPECT_NEAR(mnist.loss.epsilon, 2.5969811785948815, 1e-9);
  EXPECT_EQ(mnist.order, 8);
  EXPECT_FALSE(mnist.at_last_order);
  EXPECT_EQ(mnist.loss.delta, 1e-5);
}

TEST(Accountant, MeetsTheTableOfTheProtocol) {
  // N = 8192, b = 64, delta 1e-5, one and five epochs of 128 steps; dp_accounting 0.6.0 as above.
  const struct {
    double sigma, one, five;
  } rows[] = {{0.5, 10.160954359792918, 12.216891691202044},
              {0.7, 3.2361218505325122, 3.9500912814703217},
              {1.0, 1.132110385550976, 1.4738336265634089},
              {2.0, 0.23352892567143319, 0.41666253406174314}};
  for (const auto& row : rows) {
    EXPECT_NEAR(account_privacy(64.0 / 8192, row.sigma, 128, 1e-5).loss.epsilon, row.one, 1e-9);
    EXPECT_NEAR(account_privacy(64.0 / 8192, row.sigma, 640, 1e-5).loss.epsilon, row.five, 1e-9);
  }
}

TEST(Accountant, GivesNothingAwayWithoutASample) {
  EXPECT_EQ(account_privacy(0.1, 1, 0, 1e-5).loss.epsilon, 0);
  EXPECT_EQ(account_privacy(0, 1, 1000, 1e-5).loss.epsilon, 0);
}

TEST(Accountant, SaysWhenLargerOrdersMightHelp) {
  EXPECT_TRUE(account_privacy(1e-6, 100, 1, 1e-12).at_last_order);
}

TEST(NoiseSearch, FindsTheLeastNoiseThatKeepsThePromise) {
  const double sigma = noise_for_privacy(1.132110385550976, 64.0 / 8192, 128, 1e-5);
  EXPECT_NEAR(sigma, 1, 2e-6);
  for (const double epsilon : {0.1, 1.0, 8.0}) {
    const double noise = noise_for_privacy(epsilon, 0.01, 500, 1e-5);
    EXPECT_LE(account_privacy(0.01, noise, 500, 1e-5).loss.epsilon, epsilon);
    EXPECT_GT(account_privacy(0.01, noise * (1 - 2e-6), 500, 1e-5).loss.epsilon, epsilon);
  }
}

TEST(GroupPrivacy, FollowsItsFormula) {
  const PrivacyLoss two = group_privacy({0.5, 1e-6}, 2);
  EXPECT_EQ(two.epsilon, 1);
  EXPECT_NEAR(two.delta, 2 * std::exp(0.5) * 1e-6, 1e-20);
  EXPECT_EQ(group_privacy({0.5, 1e-6}, 1).epsilon, 0.5);
  EXPECT_EQ(group_privacy({0.5, 1e-6}, 1).delta, 1e-6);
}

TEST(GroupPrivacy, IsVoidForAUserOfHundredsOfItems) {
  const PrivacyLoss user = group_privacy({1.13, 1e-5}, 300);
  EXPECT_NEAR(user.epsilon, 339, 1e-9);
  EXPECT_EQ(user.delta, 1);
  EXPECT_EQ(group_privacy({1.13, 0}, 100000).delta, 0) << "pure privacy stays pure";
}

TEST(Audit, ProvesNoMoreThanTheLimitsOfItsRates) {
  // 90 of 100 members, 5 of 100 others: scipy.stats.beta.ppf(0.025, 90, 11) and
  // ppf(0.975, 6, 95); log of their ratio, and of (1 - FPR) / (1 - TPR).
  const double tpr = 0.8237774022599773, fpr = 0.11283491110546275;
  EXPECT_NEAR(audited_epsilon(90, 100, 5, 100, 0), std::log(tpr / fpr), 1e-10);
  EXPECT_NEAR(audited_epsilon(90, 100, 5, 100, 0.01), std::log((tpr - 0.01) / fpr), 1e-10);
  // Turned around (members are never missed) the other side proves as much.
  EXPECT_NEAR(audited_epsilon(95, 100, 10, 100, 0), std::log(tpr / fpr), 1e-10);
}

TEST(Audit, ProvesNothingByChance) {
  EXPECT_EQ(audited_epsilon(50, 100, 50, 100, 1e-5), 0);
  EXPECT_EQ(audited_epsilon(0, 100, 0, 100, 1e-5), 0);
  // All and none of 100 prove log((1 - x) / x) with x = 1 - 0.025^(1 / 100), and no infinity.
  const double x = 1 - std::pow(0.025, 0.01);
  EXPECT_NEAR(audited_epsilon(100, 100, 0, 100, 0), std::log((1 - x) / x), 1e-10);
}

TEST(Accountant, RefusesWhatIsNoMechanism) {
  EXPECT_EQ(refusal<ValueError>([] { subsampled_gaussian_rdp(1.5, 1, 2); }),
            "subsampled_gaussian_rdp: rate: expected 0 .. 1, got 1.5");
  EXPECT_EQ(refusal<ValueError>([] { subsampled_gaussian_rdp(0.5, 0, 2); }),
            "subsampled_gaussian_rdp: sigma: expected a positive number, got 0");
  EXPECT_EQ(refusal<ValueError>([] { subsampled_gaussian_rdp(0.5, 1, 1); }),
            "subsampled_gaussian_rdp: order: expected at least 2, got 1");
  EXPECT_EQ(refusal<ValueError>([] { account_privacy(0.5, 1, 1, 0); }),
            "account_privacy: delta: expected a number between 0 and 1, got 0");
  EXPECT_EQ(refusal<ValueError>([] { noise_for_privacy(0, 0.5, 1, 1e-5); }),
            "noise_for_privacy: epsilon: expected a positive number, got 0");
  EXPECT_EQ(refusal<ValueError>([] {
              group_privacy({1, 1e-5}, 0);
            }),
            "group_privacy: items: expected at least 1, got 0");
  EXPECT_EQ(refusal<ValueError>([] { audited_epsilon(1, 2, 1, 2, 1); }),
            "audited_epsilon: delta: expected 0 .. 1, got 1");
}

}  // namespace
}  // namespace chainline::experiments
