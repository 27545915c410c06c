#include "experiments/memorization/lira.h"

#include <cmath>
#include <limits>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

const RunValues kPhi = {{1.35, 0.82, 1.33}, {-1.3, 1.91, 1.45},  {0.46, 1.58, 0.36},
                        {0.29, 0.03, 0.55}, {0.26, -0.16, 0.52}, {0.6, 1.04, -0.29}};
const RunMembership kIn = {{1, 0, 1}, {0, 1, 1}, {1, 1, 0}, {0, 0, 0}, {1, 0, 1}, {0, 1, 0}};

UserBootstrap bootstrap() { return UserBootstrap(Generator(4, "lira test"), 300); }

/// The scores of one run; 1e-12 is a few hundred roundings of numbers near 20.
void expect_scores(const LiraScores& scores, std::size_t run, const std::vector<double>& golden) {
  EXPECT_EQ(scores.undefined, 0);
  for (std::size_t u = 0; u < golden.size(); ++u)
    EXPECT_NEAR(scores.score[run][u], golden[u], 1e-12 * (1 + std::abs(golden[u])))
        << run << ", " << u;
}

TEST(Lira, ComparesEachRunWithTheOthers) {
  // NumPy and SciPy over the runs but this one: norm.logpdf(x, in.mean(), in.std(ddof=1)) -
  // norm.logpdf(x, out.mean(), out.std(ddof=1)); -norm.logsf(x, out.mean(), out.std(ddof=1)).
  const LiraScores online = lira_online(kPhi, kIn, LiraSpread::per_user);
  expect_scores(online, 0, {-21.463769051891553, 19.27741116395676, 2.71336816277298});
  expect_scores(online, 3, {0.7154241385778547, -5.127826800633077, -0.059171951046113946});
  const LiraScores offline = lira_offline(kPhi, kIn, LiraSpread::per_user);
  expect_scores(offline, 0, {2.6261722597072152, 24.521907356369983, 5.224435413656958});
  expect_scores(offline, 3, {1.1491482284994292, 0.4042691182707221, 2.0306359915817818});
  // sklearn.metrics.roc_auc_score
  EXPECT_NEAR(evaluate_lira(online, kIn, bootstrap()).auc, 0.41975308641975306, 1e-15);
  EXPECT_NEAR(evaluate_lira(offline, kIn, bootstrap()).auc, 0.8024691358024691, 1e-15);
}

TEST(Lira, SharesTheSpreadOfTheUsersWhereRunsAreFew) {
  // The same with sqrt(sum (x - mean of its user)^2 / sum (n_u - 1)) in place of std.
  const LiraScores online = lira_online(kPhi, kIn, LiraSpread::shared);
  expect_scores(online, 0, {0.3174263347309023, 0.0838934417030679, 1.4175472514355274});
  expect_scores(online, 3, {0.5187238734921037, -3.550584433546412, 0.15985602207243244});
  const LiraScores offline = lira_offline(kPhi, kIn, LiraSpread::shared);
  expect_scores(offline, 0, {4.047501366675227, 2.2572455819908166, 2.8913078720058936});
  expect_scores(offline, 3, {1.4210118024309912, 0.463827646221895, 1.2511057525833802});
  EXPECT_NEAR(evaluate_lira(online, kIn, bootstrap()).auc, 0.7160493827160495, 1e-15);
  EXPECT_NEAR(evaluate_lira(offline, kIn, bootstrap()).auc, 0.8395061728395061, 1e-15);
}

TEST(Lira, DoesNotLetARunJudgeItself) {
  RunValues changed = kPhi;
  changed[0][0] = 50;  // moves its own score, and what the other runs know
  const LiraScores before = lira_online(kPhi, kIn, LiraSpread::per_user);
  const LiraScores after = lira_online(changed, kIn, LiraSpread::per_user);
  EXPECT_EQ(after.score[0][1], before.score[0][1]);
  EXPECT_NE(after.score[0][0], before.score[0][0]);
  EXPECT_NE(after.score[1][0], before.score[1][0]);
  EXPECT_EQ(after.score[1][1], before.score[1][1]) << "other users' runs are their own";
}

TEST(Lira, CountsTheCellsItCannotScore) {
  // User 1 is never out; user 2 is in twice: judging one of these runs leaves a single one.
  const RunValues phi = {{1, 1, 5}, {2, 2, 3}, {4, 3, 4}, {3, 5, 8}, {9, 8, 7}, {1, 4, 2}};
  const RunMembership in = {{1, 1, 1}, {1, 1, 1}, {1, 1, 0}, {0, 1, 0}, {0, 1, 0}, {0, 1, 0}};
  const LiraScores scores = lira_online(phi, in, LiraSpread::per_user);
  EXPECT_EQ(scores.undefined, 6 + 2);
  EXPECT_TRUE(std::isnan(scores.score[0][1]));
  EXPECT_TRUE(std::isnan(scores.score[0][2]));
  EXPECT_FALSE(std::isnan(scores.score[0][0]));
  const MembershipReport report = evaluate_lira(scores, in, bootstrap());
  EXPECT_EQ(report.members + report.others, 10);
  // A shared spread needs one run on a side only.
  EXPECT_EQ(lira_online(phi, in, LiraSpread::shared).undefined, 6);
  // Without any spread there is no distribution.
  const RunValues flat(6, {1, 1, 1});
  EXPECT_EQ(lira_offline(flat, in, LiraSpread::shared).undefined, 18);
}

TEST(Lira, StillOrdersWhereTheProbabilityIsOne) {
  // 20 and 30 standard deviations above: 1 - Pr rounds to 1 for both.
  const RunMembership in = {{0, 0}, {0, 0}, {0, 0}, {1, 1}};
  const RunValues phi = {{-1, -1}, {0, 0}, {1, 1}, {20, 30}};
  const LiraScores scores = lira_offline(phi, in, LiraSpread::per_user);
  EXPECT_LT(scores.score[3][0], scores.score[3][1]);
}

TEST(Lira, KnowsMembersWhenTrainingRaisesTheScore) {
  constexpr std::size_t kRuns = 16, kUsers = 40;
  RunValues phi(kRuns, std::vector<double>(kUsers)), null = phi;
  RunMembership in(kRuns, std::vector<int>(kUsers));
  for (std::size_t r = 0; r < kRuns; ++r) {
    RandomSequence random = Generator(9, "lira test").sequence(0, static_cast<std::uint32_t>(r));
    for (std::size_t u = 0; u < kUsers; ++u) {
      in[r][u] = static_cast<int>(random.below(2));
      null[r][u] = 10 * static_cast<double>(u) + random.normal();
      phi[r][u] = null[r][u] + 2 * in[r][u];
    }
  }
  // Two standard deviations apart the best AUC is Phi(2 / sqrt 2) = 0.921, and means and spreads
  // from some seven runs cost a little; 640 cells have a standard error of 0.011.
  const MembershipReport known =
      evaluate_lira(lira_online(phi, in, LiraSpread::shared), in, bootstrap());
  EXPECT_GT(known.auc, 0.85);
  EXPECT_LT(known.auc, 0.96);
  EXPECT_GT(known.auc_by_user.low, 0.8);
  // Users differ by far more than that: raw scores know nothing.
  const LiraScores raw{phi, 0};
  EXPECT_LT(evaluate_lira(raw, in, bootstrap()).auc, 0.6);
  // And without an effect nobody is found: 0.5 within four standard errors of 0.023.
  EXPECT_NEAR(evaluate_lira(lira_online(null, in, LiraSpread::shared), in, bootstrap()).auc, 0.5,
              0.092);
}

TEST(LogOdds, KeepsTheDigitsOfBothEnds) {
  EXPECT_NEAR(log_odds(std::log(0.25)), -std::log(3.0), 1e-15);
  EXPECT_NEAR(log_odds(-1e-20), std::log(1e20), 1e-13);  // p rounds to 1
  EXPECT_NEAR(log_odds(-800), -800, 1e-12);              // p rounds to 0
  EXPECT_EQ(log_odds(0), std::numeric_limits<double>::infinity());
  EXPECT_EQ(refusal<ValueError>([] { log_odds(0.5); }),
            "log_odds: log_p: expected at most 0, got 0.5");
  const std::vector<double> items = {std::log(0.5), std::log(0.25)};
  EXPECT_NEAR(user_log_odds(items), -std::log(3.0) / 2, 1e-15);
  EXPECT_EQ(refusal<ValueError>([] { user_log_odds({}); }),
            "user_log_odds: log_p: expected at least one, got none");
}

TEST(Lira, RefusesMembershipsOfAnotherShape) {
  EXPECT_EQ(refusal<ShapeError>([] {
              evaluate_lira({{{1, 2}}, 0}, {{1}}, bootstrap());
            }),
            "evaluate_lira: in: run 0: expected 2 users, got 1");
  EXPECT_EQ(refusal<ShapeError>([] { lira_online({{1}}, {}, LiraSpread::shared); }),
            "lira_online: in: expected 1 runs as value has, got 0");
}

}  // namespace
}  // namespace chainline::experiments
