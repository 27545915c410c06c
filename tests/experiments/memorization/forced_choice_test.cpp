#include "experiments/memorization/forced_choice.h"

#include <cmath>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

UserBootstrap bootstrap() { return UserBootstrap(Generator(4, "forced choice test"), 500); }

TEST(ForcedChoice, CountsTiesHalf) {
  const std::vector<double> truth = {2, 2, 2, 5}, decoy = {1, 2, 3, 4};
  const std::vector<std::int64_t> users = {0, 1, 2, 3};
  const ForcedChoice choice = forced_choice(truth, decoy, users, bootstrap());
  EXPECT_EQ(choice.correct, 2.5);
  EXPECT_EQ(choice.accuracy, 0.625);
  EXPECT_EQ(choice.items, 4);
  EXPECT_EQ(choice.users, 4);
  EXPECT_EQ(choice.wilson.low, wilson_interval(2, 4).low);
  EXPECT_EQ(choice.wilson.high, wilson_interval(3, 4).high);
}

TEST(ForcedChoice, HasAnIntervalOfUsersAndNotOfItems) {
  // 16 users, each right with all of 25 items or with none: 400 items, but 16 draws. The standard
  // error of 16 draws of a half is 0.125, so the interval spans some 0.49; Wilson's spans 0.098.
  std::vector<double> truth, decoy;
  std::vector<std::int64_t> users;
  for (int i = 0; i < 400; ++i) {
    users.push_back(1000 + i / 25);
    truth.push_back(users.back() % 2 == 0 ? 1 : -1);
    decoy.push_back(0);
  }
  const ForcedChoice choice = forced_choice(truth, decoy, users, bootstrap());
  EXPECT_EQ(choice.users, 16);
  EXPECT_EQ(choice.accuracy, 0.5);
  EXPECT_NEAR(choice.wilson.high - choice.wilson.low, 0.098, 0.001);
  // Means are multiples of 1/16; each end is known to about one of them.
  EXPECT_NEAR(choice.by_user.high - choice.by_user.low, 0.49, 0.13);
}

TEST(ForcedChoice, IsTheSameEveryTime) {
  const std::vector<double> truth = {2, 1, 2, 5, 0}, decoy = {1, 2, 3, 4, 0};
  const std::vector<std::int64_t> users = {7, 7, 2, 3, 3};
  const ForcedChoice a = forced_choice(truth, decoy, users, bootstrap());
  const ForcedChoice b = forced_choice(truth, decoy, users, bootstrap());
  EXPECT_EQ(a.by_user.low, b.by_user.low);
  EXPECT_EQ(a.by_user.high, b.by_user.high);
}

TEST(ForcedChoice, RefusesItemsThatAreIncomplete) {
  const std::vector<double> one = {1}, two = {1, 2}, broken = {std::nan("")};
  const std::vector<std::int64_t> user = {0};
  EXPECT_EQ(refusal<ValueError>([&] { forced_choice(one, two, user, bootstrap()); }),
            "forced_choice: expected a decoy and a user for each of 1 items, got 2 and 1");
  EXPECT_EQ(refusal<ValueError>([&] { forced_choice(broken, one, user, bootstrap()); }),
            "forced_choice: item 0: expected numbers, got nan and 1");
  EXPECT_EQ(refusal<ValueError>([&] { forced_choice({}, {}, {}, bootstrap()); }),
            "forced_choice: true_scores: expected at least one, got none");
}

TEST(YesNo, IsTheAucOfTheLogRatios) {
  // All ratios below 0: the model says no to everyone, and still knows three of four pairs.
  const std::vector<double> ratios = {-1, -2, -3, -4};
  const std::vector<int> seen = {1, 0, 1, 0};
  const std::vector<std::int64_t> users = {0, 1, 2, 3};
  const YesNo result = yes_no(ratios, seen, users, bootstrap());
  EXPECT_EQ(result.auc, 0.75);
  EXPECT_EQ(result.seen, 2);
  EXPECT_EQ(result.unseen, 2);
  EXPECT_LE(result.by_user.low, 0.75);
  EXPECT_GE(result.by_user.high, 0.75);
  EXPECT_EQ(refusal<ValueError>([&] { yes_no(ratios, seen, {}, bootstrap()); }),
            "yes_no: users: expected one for each of 4 items, got 0");
}

}  // namespace
}  // namespace chainline::experiments
