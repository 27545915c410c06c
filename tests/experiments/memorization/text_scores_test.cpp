#include "experiments/memorization/text_scores.h"

#include <cmath>
#include <limits>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const std::vector<float> kLogits = {2.0F, -1.0F, 0.5F, 0.0F, 3.0F};

TEST(TokenScore, IsThatOfTheSoftmax) {
  // lp = scipy.special.log_softmax(z), p = exp(lp): lp[2], mu = (p lp).sum(),
  // sqrt((p (lp - mu)^2).sum())
  const TokenScore score = token_score(kLogits, 2);
  EXPECT_NEAR(score.log_p, -2.9174379118897065, 1e-14);
  EXPECT_NEAR(score.mean, -0.9416016156724965, 1e-14);
  EXPECT_NEAR(score.deviation, 0.8909240568613759, 1e-14);
}

TEST(RenyiEntropy, IsThatOfItsFormula) {
  // log((p**a).sum()) / (1 - a); scipy.stats.entropy(p); -log_softmax(z).max()
  EXPECT_NEAR(renyi_entropy(kLogits, 0), std::log(5.0), 1e-14);
  EXPECT_NEAR(renyi_entropy(kLogits, 0.5), 1.2057562090587066, 1e-14);
  EXPECT_NEAR(renyi_entropy(kLogits, 1), 0.9416016156724966, 1e-14);
  EXPECT_NEAR(renyi_entropy(kLogits, 2), 0.699569492879973, 1e-14);
  EXPECT_NEAR(renyi_entropy(kLogits, std::numeric_limits<double>::infinity()), 0.4174379118897065,
              1e-14);
  // Towards 1 it is Shannon's: the slope in a is below 1 here.
  EXPECT_NEAR(renyi_entropy(kLogits, 1 + 1e-6), renyi_entropy(kLogits, 1), 1e-6);
}

TEST(RenyiEntropy, CountsOnlyTokensThatCanCome) {
  const std::vector<float> two = {1.0F, -kInfinity, 1.0F};
  for (const double order : {0.0, 0.5, 1.0, 2.0})
    EXPECT_NEAR(renyi_entropy(two, order), std::log(2.0), 1e-15) << order;
}

TEST(MinK, IsTheMeanOfTheLeastLikelyTokens) {
  const std::vector<double> log_p = {-1, -5, -2, -9, -3};
  EXPECT_EQ(min_k(log_p, 0.4), -7);
  EXPECT_EQ(min_k(log_p, 1), -4);
  EXPECT_EQ(min_k(log_p, 0.1), -9) << "one at least";
  EXPECT_EQ(min_k(log_p, 0.59), -7) << "2.95 tokens are 2";
}

TEST(MinKPlusPlus, MeasuresATokenByItsVocabulary) {
  // The surprise of -4 is nothing in a vocabulary of mean -4.
  const std::vector<TokenScore> tokens = {{-4, -4, 1}, {-2, -1, 0.25}, {-1, -2, 2}};
  EXPECT_EQ(min_k_plus_plus(tokens, 0.34), -4);
  EXPECT_EQ(min_k_plus_plus(tokens, 1), (0 - 4 + 0.5) / 3);
}

TEST(MinKPlusPlus, ScoresATokenOfAFlatVocabularyZero) {
  const std::vector<TokenScore> flat = {token_score(std::vector<float>(3, 0.7F), 1)};
  EXPECT_EQ(flat[0].deviation, 0);
  EXPECT_EQ(min_k_plus_plus(flat, 1), 0);
  // A token that cannot come where all others are alike is as surprising as can be.
  const std::vector<TokenScore> never = {token_score(std::vector<float>{0, -kInfinity, 0}, 1)};
  EXPECT_EQ(min_k_plus_plus(never, 1), -std::numeric_limits<double>::infinity());
}

TEST(MaxRenyiK, IsTheMeanOfTheHighestEntropies) {
  const std::vector<double> entropies = {0.5, 2, 1, 3};
  EXPECT_EQ(max_renyi_k(entropies, 0.5), 2.5);
  EXPECT_EQ(max_renyi_k(entropies, 0), 3);
  EXPECT_EQ(max_renyi_k(entropies, 1), 6.5 / 4);
}

TEST(TextScores, RefuseWhatIsNoDistribution) {
  EXPECT_EQ(refusal<ValueError>([] { token_score(kLogits, 5); }),
            "token_score: token: expected 0 .. 4, got 5");
  EXPECT_EQ(refusal<ValueError>([] {
              token_score(std::vector<float>{0, kInfinity}, 0);
            }),
            "token_score: logit 1: expected a number below infinity, got inf");
  EXPECT_EQ(refusal<ValueError>([] { renyi_entropy(std::vector<float>(2, -kInfinity), 1); }),
            "renyi_entropy: logits: expected one above -infinity, got none of 2");
  EXPECT_EQ(refusal<ValueError>([] {
              renyi_entropy(std::vector<float>{0, NAN}, 1);
            }),
            "renyi_entropy: logit 1: expected a number below infinity, got nan");
  EXPECT_EQ(refusal<ValueError>([] { renyi_entropy(kLogits, -1); }),
            "renyi_entropy: order: expected at least 0, got -1");
  EXPECT_EQ(refusal<ValueError>([] { min_k({}, 0.5); }),
            "min_k: expected at least one token, got none");
  EXPECT_EQ(refusal<ValueError>([] { max_renyi_k(std::vector<double>{1}, 20); }),
            "max_renyi_k: share: expected 0 .. 1, got 20");
}

}  // namespace
}  // namespace chainline::experiments
