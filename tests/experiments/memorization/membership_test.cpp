#include "experiments/memorization/membership.h"

#include <cmath>
#include <limits>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

UserBootstrap bootstrap() { return UserBootstrap(Generator(4, "membership test"), 300); }

TEST(OperatingPoint, CatchesAsManyAsTheFalseAlarmsAllow) {
  // From the top: member, member, other, member, other, other.
  const std::vector<double> scores = {9, 8, 7, 6, 5, 4};
  const std::vector<int> members = {1, 1, 0, 1, 0, 0};
  const OperatingPoint none = at_false_positive_rate(scores, members, 0.3);
  EXPECT_EQ(none.false_positives, 0) << "one of three would be 0.33";
  EXPECT_EQ(none.true_positives, 2);
  EXPECT_EQ(none.threshold, 8);
  const OperatingPoint one = at_false_positive_rate(scores, members, 0.4);
  EXPECT_EQ(one.false_positives, 1);
  EXPECT_EQ(one.true_positives, 3);
  EXPECT_EQ(one.threshold, 6);
  EXPECT_EQ(one.false_positive_rate, 1.0 / 3);
  EXPECT_EQ(one.true_positive_rate, 1);
}

TEST(OperatingPoint, CallsNobodyAMemberWhereTheBestIsNone) {
  const OperatingPoint point =
      at_false_positive_rate(std::vector<double>{3, 2, 1}, std::vector<int>{0, 1, 0}, 0.01);
  EXPECT_EQ(point.true_positives, 0);
  EXPECT_EQ(point.threshold, std::numeric_limits<double>::infinity());
  EXPECT_EQ(point.true_positive_interval.low, 0);
}

TEST(OperatingPoint, HasClopperAndPearsonsInterval) {
  // 3 of 10 members above all others. scipy.stats.beta.ppf(0.025, 3, 8), .ppf(0.975, 4, 7)
  std::vector<double> scores;
  std::vector<int> members;
  for (int i = 0; i < 10; ++i) {
    scores.push_back(i < 3 ? 2 : 0);
    members.push_back(1);
    scores.push_back(1);
    members.push_back(0);
  }
  const OperatingPoint point = at_false_positive_rate(scores, members, 0.001);
  EXPECT_EQ(point.true_positive_rate, 0.3);
  EXPECT_NEAR(point.true_positive_interval.low, 0.06673951117773447, 1e-12);
  EXPECT_NEAR(point.true_positive_interval.high, 0.6524528500599973, 1e-12);
}

TEST(Membership, ReportsTheAucAndThePointsThatWereAskedFor) {
  const std::vector<double> scores = {9, 8, 7, 6, 5, 4};
  const std::vector<int> members = {1, 1, 0, 1, 0, 0};
  const std::vector<std::int64_t> users = {0, 1, 2, 3, 4, 5};
  const MembershipReport report = evaluate_membership(scores, members, users, bootstrap());
  EXPECT_EQ(report.members, 3);
  EXPECT_EQ(report.others, 3);
  EXPECT_NEAR(report.auc, 8.0 / 9, 1e-15);
  EXPECT_NEAR(report.largest_advantage, 2.0 / 3, 1e-15);
  ASSERT_EQ(report.points.size(), 2u);
  EXPECT_EQ(report.points[0].allowed, 0.01);
  EXPECT_EQ(report.points[1].allowed, 0.001);
  EXPECT_NEAR(report.points[1].true_positive_rate, 2.0 / 3, 1e-15);
  EXPECT_LE(report.auc_by_user.low, report.auc);
  EXPECT_GE(report.auc_by_user.high, report.auc);
  EXPECT_EQ(refusal<ValueError>([&] { evaluate_membership(scores, members, {}, bootstrap()); }),
            "evaluate_membership: users: expected one for each of 6 scores, got 0");
  EXPECT_EQ(
      refusal<ValueError>([&] { evaluate_membership(scores, members, users, bootstrap(), {1.5}); }),
      "at_false_positive_rate: allowed: expected 0 .. 1, got 1.5");
}

TEST(LossAttack, CallsLowLossesMembers) {
  const std::vector<double> losses = {0.1, 0.2, 0.9, 0.3, 0.8, 0.7};
  const std::vector<int> members = {1, 1, 1, 0, 0, 0};
  const LossAttack attack = loss_attack(losses, members, 0.5);
  EXPECT_NEAR(attack.true_positive_rate, 2.0 / 3, 1e-15);
  EXPECT_NEAR(attack.false_positive_rate, 1.0 / 3, 1e-15);
  EXPECT_NEAR(attack.advantage, 1.0 / 3, 1e-15);
  EXPECT_EQ(loss_attack(losses, members, 0.1).true_positive_rate, 0) << "strictly below";
  EXPECT_EQ(refusal<ValueError>([&] {
              loss_attack(losses, std::vector<int>{1, 1, 1, 1, 1, 1}, 0.5);
            }),
            "loss_attack: members: expected both classes, got 6 members in 6");
}

TEST(ReferenceScores, TakeTheBaseModelsOpinionOut) {
  EXPECT_EQ(reference_scores(std::vector<double>{-1, -5}, std::vector<double>{-3, -4}),
            (std::vector<double>{2, -1}));
  EXPECT_EQ(refusal<ShapeError>([] { reference_scores(std::vector<double>{-1}, {}); }),
            "reference_scores: log_p_base: expected 1, got 0");
}

}  // namespace
}  // namespace chainline::experiments
