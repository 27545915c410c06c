#include "experiments/memorization/exposure.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "experiments/statistics/statistics.h"
#include "tensor/random.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

TEST(SampledExposure, IsTheRankAmongTheCandidatesAndTheSecret) {
  const std::vector<double> candidates = {5, 7, 9, 11, 13, 15, 17};  // with the secret 8
  const SampledExposure first = sampled_exposure(1, candidates);
  EXPECT_EQ(first.rank, 1);
  EXPECT_EQ(first.ceiling, 3);
  EXPECT_EQ(first.bits, 3) << "the likeliest reaches the ceiling";
  EXPECT_EQ(sampled_exposure(6, candidates).rank, 2);
  EXPECT_EQ(sampled_exposure(6, candidates).bits, 2);
  EXPECT_EQ(sampled_exposure(99, candidates).rank, 8);
  EXPECT_EQ(sampled_exposure(99, candidates).bits, 0);
}

TEST(SampledExposure, PutsASecretInTheMiddleOfItsTies) {
  EXPECT_EQ(sampled_exposure(2, std::vector<double>{1, 2, 2, 3}).rank, 3);
  // Where all are alike the secret is the median: 1 bit, not the ceiling and not 0.
  const std::vector<double> alike(1001, 4);
  EXPECT_NEAR(sampled_exposure(4, alike).bits, 1, 2e-3);  // rank 501.5 of 1,002
}

TEST(SampledExposure, HasItsNullMeanExactly) {
  // Every rank once: the mean over the ranks is null_exposure.
  constexpr int kCandidates = 999;
  std::vector<double> candidates;
  for (int i = 0; i < kCandidates; ++i) candidates.push_back(i);
  std::vector<double> bits;
  for (int i = 0; i <= kCandidates; ++i) bits.push_back(sampled_exposure(i - 0.5, candidates).bits);
  EXPECT_NEAR(mean(bits), null_exposure(kCandidates), 1e-12);
  // (math.log(1000) - math.lgamma(1001) / 1000) / math.log(2)
  EXPECT_NEAR(null_exposure(kCandidates), 1.4363861, 1e-6);
  EXPECT_NEAR(null_exposure(1), 0.5, 1e-15) << "1 bit or 0";
  // It tends to 1 / ln 2 from below, as log2(2 pi n) / 2n.
  EXPECT_NEAR(null_exposure(1000000), 1 / std::numbers::ln2, 2e-5);
}

TEST(SampledExposure, IsExponentialWithoutMemorization) {
  // 4,000 secrets among 500 candidates each, all drawn alike: one pool of candidates for all
  // would share its luck among them, so each has candidates of its own.
  constexpr int kSecrets = 4000, kCandidates = 500;
  const Generator generator(11, "exposure test");
  std::vector<double> bits;
  for (std::uint32_t s = 0; s < kSecrets; ++s) {
    RandomSequence random = generator.sequence(0, s);
    std::vector<double> candidates;
    for (int i = 0; i < kCandidates; ++i) candidates.push_back(random.uniform());
    bits.push_back(sampled_exposure(random.uniform(), candidates).bits);
  }
  // Mean and standard deviation 1 / ln 2 = 1.4427. The standard error of the mean is
  // 1.4427 / sqrt(4000) = 0.0228, that of the deviation 1.4427 sqrt(8 / 4 / 4000) = 0.032; the
  // finite sample takes 0.013 and 0.03 off. Four standard errors.
  EXPECT_NEAR(mean(bits), null_exposure(kCandidates), 0.092);
  EXPECT_NEAR(mean(bits), 1 / std::numbers::ln2, 0.105);
  EXPECT_NEAR(standard_deviation(bits), 1 / std::numbers::ln2, 0.16);
  // Pr[bits >= x] = 2^-x, each within 4 standard errors.
  for (int x = 1; x <= 5; ++x) {
    const double p = std::exp2(-x);
    double share = 0;
    for (const double b : bits) share += b >= x;
    share /= kSecrets;
    EXPECT_NEAR(share, p, 4 * std::sqrt(p * (1 - p) / kSecrets) + 1.0 / kCandidates) << x;
  }
}

TEST(SampledExposure, RefusesWhatHasNoRank) {
  EXPECT_EQ(refusal<ValueError>([] { sampled_exposure(1, {}); }),
            "sampled_exposure: candidates: expected at least one, got none");
  EXPECT_EQ(refusal<ValueError>([] { sampled_exposure(std::nan(""), std::vector<double>{1}); }),
            "sampled_exposure: secret: expected a finite perplexity, got nan");
  EXPECT_EQ(refusal<ValueError>([] {
              sampled_exposure(1, std::vector<double>{2, std::nan("")});
            }),
            "sampled_exposure: candidate 1: expected a finite perplexity, got nan");
}

/// 1,000 candidates around 33 bits, as ten random digits have under a model that knows nothing.
std::vector<double> candidates() {
  RandomSequence random = Generator(12, "exposure test").sequence(0, 0);
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i)
    values.push_back(33 + 0.8 * std::abs(random.normal()) + 0.5 * random.normal());
  return values;
}

TEST(ExtrapolatedExposure, AgreesWithTheSampleWhereThatCanSee) {
  const std::vector<double> sample = candidates();
  const SkewNormalFit fit = fit_skew_normal(sample);
  ASSERT_TRUE(fit.good());
  // At 1 in 2 and 1 in 16 the sample's own error is 0.05 and 0.18 bits.
  for (const double secret : {33.6, 32.8}) {
    const ExtrapolatedExposure far = extrapolated_exposure(secret, fit);
    EXPECT_TRUE(far.trusted);
    EXPECT_NEAR(far.bits, sampled_exposure(secret, sample).bits, 0.4) << secret;
  }
}

TEST(ExtrapolatedExposure, GoesBeyondTheSampleAsFarAsThereAreIds) {
  const SkewNormalFit fit = fit_skew_normal(candidates());
  const ExtrapolatedExposure some = extrapolated_exposure(30.5, fit);
  EXPECT_GT(some.bits, sampled_exposure(30.5, candidates()).ceiling);
  EXPECT_FALSE(some.at_ceiling);
  EXPECT_EQ(some.bits, some.uncapped);
  EXPECT_EQ(some.bits, -fit.distribution.log_cdf(30.5) / std::numbers::ln2);
  const ExtrapolatedExposure all = extrapolated_exposure(2, fit);
  EXPECT_TRUE(all.at_ceiling);
  EXPECT_EQ(all.bits, std::log2(1e10));
  EXPECT_EQ(all.ceiling, kTenDigitBits);
  EXPECT_GT(all.uncapped, 1000);
  EXPECT_TRUE(std::isfinite(all.uncapped));
}

TEST(ExtrapolatedExposure, DoesNotTrustABadFit) {
  std::vector<double> heaps = candidates();
  for (std::size_t i = 0; i < heaps.size(); i += 2) heaps[i] += 12;
  EXPECT_FALSE(extrapolated_exposure(20, fit_skew_normal(heaps)).trusted);
  EXPECT_EQ(refusal<ValueError>([] { extrapolated_exposure(1, SkewNormalFit{}, 0); }),
            "extrapolated_exposure: ceiling: expected bits above 0, got 0");
}

}  // namespace
}  // namespace chainline::experiments
