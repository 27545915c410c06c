#include "experiments/memorization/counterfactual.h"

#include <cmath>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

TEST(Counterfactual, IsTheMeanInLessTheMeanOut) {
  //                       user 0  1  2  3
  const RunValues value = {{5, 1, 7, 0}, {3, 2, 8, 0}, {1, 6, 9, 3}, {2, 4, 1, 1}};
  const RunMembership in = {{1, 0, 1, 0}, {1, 0, 1, 0}, {0, 1, 1, 1}, {0, 0, 1, 0}};
  const CounterfactualMemorization result = counterfactual_memorization(value, in);
  ASSERT_EQ(result.users.size(), 4u);
  EXPECT_EQ(result.users[0].runs_in, 2);
  EXPECT_EQ(result.users[0].runs_out, 2);
  EXPECT_EQ(result.users[0].mean_in, 4);
  EXPECT_EQ(result.users[0].mean_out, 1.5);
  EXPECT_EQ(result.users[0].memorization, 2.5);
  // sqrt(2 / 2 + 0.5 / 2)
  EXPECT_NEAR(result.users[0].standard_error, std::sqrt(1.25), 1e-15);
  EXPECT_NEAR(result.users[1].memorization, 6 - 7.0 / 3, 1e-15);
  EXPECT_TRUE(std::isnan(result.users[1].standard_error)) << "one run in has no spread";
}

TEST(Counterfactual, NamesTheUsersThatHaveNone) {
  const RunValues value = {{5, 1, 7}, {3, 2, 8}};
  const RunMembership in = {{1, 0, 1}, {0, 0, 1}};
  const CounterfactualMemorization result = counterfactual_memorization(value, in);
  ASSERT_EQ(result.users.size(), 3u);
  EXPECT_EQ(result.never_in, std::vector<std::int64_t>{1});
  EXPECT_EQ(result.never_out, std::vector<std::int64_t>{2});
  EXPECT_TRUE(std::isnan(result.users[1].memorization));
  EXPECT_TRUE(std::isnan(result.users[2].memorization));
  EXPECT_EQ(result.users[2].mean_in, 7.5) << "what is known is given";
  EXPECT_EQ(result.summary.users, 1);
  EXPECT_EQ(result.summary.mean, 2);
}

TEST(Counterfactual, SummarizesTheUsers) {
  const RunValues value = {{1, 2, -3, 6}, {0, 0, 0, 0}};
  const RunMembership in = {{1, 1, 1, 1}, {0, 0, 0, 0}};
  const MemorizationSummary summary = counterfactual_memorization(value, in).summary;
  EXPECT_EQ(summary.users, 4);
  EXPECT_EQ(summary.mean, 1.5);
  EXPECT_NEAR(summary.standard_deviation, std::sqrt(41.0 / 3), 1e-15);
  EXPECT_NEAR(summary.standard_error, std::sqrt(41.0 / 12), 1e-15);
  EXPECT_EQ(summary.low, -3);
  EXPECT_EQ(summary.quartile1, 0);
  EXPECT_EQ(summary.median, 1.5);
  EXPECT_EQ(summary.quartile3, 3);
  EXPECT_EQ(summary.high, 6);
  EXPECT_EQ(summary.positive_share, 0.75);
  EXPECT_TRUE(std::isnan(counterfactual_memorization({{1}}, {{1}}).summary.mean));
}

TEST(Counterfactual, FindsAnEffectThatPixelsCannotMake) {
  // Users differ by 100, being trained on adds 1, runs differ by 10: the mean over users and their
  // standard errors say 1, since both sides see the same users over balanced runs.
  constexpr int kRuns = 20, kUsers = 10;
  const Generator generator(6, "counterfactual test");
  RunValues value(kRuns, std::vector<double>(kUsers));
  RunMembership in(kRuns, std::vector<int>(kUsers));
  for (std::uint32_t r = 0; r < kRuns; ++r) {
    RandomSequence random = generator.sequence(0, r);
    std::vector<int> half(kUsers, 0);
    for (std::size_t u = 0; u < kUsers / 2; ++u) half[u] = 1;
    random.shuffle(half);
    for (std::size_t u = 0; u < kUsers; ++u) {
      in[r][u] = half[u];
      value[r][u] = 100 * static_cast<double>(u) + half[u] + 0.1 * random.normal();
    }
  }
  const CounterfactualMemorization result = counterfactual_memorization(value, in);
  for (const UserMemorization& user : result.users) {
    // Each side has some ten runs: the standard error is about 0.1 sqrt(2 / 10).
    EXPECT_NEAR(user.memorization, 1, 5 * user.standard_error);
    EXPECT_NEAR(user.standard_error, 0.045, 0.025);
  }
  EXPECT_NEAR(result.summary.mean, 1, 0.06);
}

TEST(Influence, IsWhatTrainingOnOneDidToAnother) {
  // User 0 in adds 3 to user 1 when that one is left out, and 10 when it is trained on.
  const RunValues value = {{0, 1}, {0, 4}, {0, 20}, {0, 30}};
  const RunMembership in = {{0, 0}, {1, 0}, {0, 1}, {1, 1}};
  EXPECT_EQ(counterfactual_influence(value, in, InfluenceOn::left_out)[0][1], 3);
  EXPECT_EQ(counterfactual_influence(value, in, InfluenceOn::trained_on)[0][1], 10);
  EXPECT_EQ(counterfactual_influence(value, in, InfluenceOn::anyone)[0][1], 17 - 10.5);
  EXPECT_TRUE(std::isnan(counterfactual_influence(value, in)[1][1]));
  // Without runs on one side there is no number.
  EXPECT_TRUE(std::isnan(counterfactual_influence({{1, 2}}, {{1, 0}})[0][1]));
}

TEST(Influence, IsComparedBetweenRelatedUsersAndTheOthers) {
  // 12 users in 4 groups of 3; in a group training on one adds 1 to the others.
  constexpr std::size_t kUsers = 12;
  std::vector<std::int64_t> groups;
  for (std::size_t u = 0; u < kUsers; ++u) groups.push_back(static_cast<std::int64_t>(u % 4));
  std::vector<std::vector<double>> influence(kUsers, std::vector<double>(kUsers));
  for (std::size_t x = 0; x < kUsers; ++x)
    for (std::size_t y = 0; y < kUsers; ++y) influence[x][y] = groups[x] == groups[y] ? 1 : 0.25;
  influence[0][1] = std::nan("");
  const Generator generator(7, "influence test");
  const RelatedInfluence found = related_influence(influence, groups, generator, 199);
  EXPECT_EQ(found.related, 1);
  EXPECT_EQ(found.other, 0.25);
  EXPECT_EQ(found.difference, 0.75);
  EXPECT_EQ(found.related_pairs, 24);
  EXPECT_EQ(found.other_pairs, 107);
  EXPECT_EQ(found.undefined_pairs, 1);
  // 12! / (3!^4 4!) = 15,400 ways to group: a shuffle seldom meets this one.
  EXPECT_EQ(found.p, 1.0 / 200);
  // No relation, no difference: all shuffles reach it.
  for (auto& row : influence) row.assign(kUsers, 2);
  EXPECT_EQ(related_influence(influence, groups, generator, 19).p, 1);
}

TEST(Counterfactual, RefusesRunsThatDoNotFit) {
  EXPECT_EQ(refusal<ShapeError>([] { counterfactual_memorization({}, {}); }),
            "counterfactual_memorization: value: expected at least one run of one user, got none");
  EXPECT_EQ(refusal<ShapeError>([] {
              counterfactual_memorization({{1, 2}}, {{1}});
            }),
            "counterfactual_memorization: run 0: expected values and memberships of 2 users, got 2 "
            "and 1");
  EXPECT_EQ(refusal<ValueError>([] {
              counterfactual_memorization({{1, 2}}, {{1, 2}});
            }),
            "counterfactual_memorization: in: run 0, user 1: expected 0 or 1, got 2");
  EXPECT_EQ(refusal<ValueError>([] {
              counterfactual_influence({{1, std::nan("")}}, {{1, 0}});
            }),
            "counterfactual_influence: value: run 0, user 1: expected a finite number, got nan");
  EXPECT_EQ(refusal<ValueError>([] {
              const std::vector<std::int64_t> one_group = {0, 0};
              related_influence({{0, 1}, {1, 0}}, one_group, Generator(1, "influence test"));
            }),
            "related_influence: groups: expected related and unrelated pairs, got 2 and 0");
}

}  // namespace
}  // namespace chainline::experiments
