#include "experiments/bench/rank_test.h"

#include <cmath>

#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

TEST(RankTest, CountsTheOrdersOfThreeAndThreeTimes) {
  // Of the 20 orders of 3 + 3 times one has U = 0 and one U = 9: p = 2 / 20. One has U = 1.
  EXPECT_NEAR(compare_times({4, 5, 6}, {1, 2, 3}, 0.2).p, 0.1, 1e-15);
  EXPECT_NEAR(compare_times({1, 2, 3}, {4, 5, 6}, 0.2).p, 0.1, 1e-15);
  EXPECT_NEAR(compare_times({3, 5, 6}, {1, 2, 4}, 0.2).p, 0.2, 1e-15);
  EXPECT_EQ(smallest_p(3, 3), 0.1);
}

TEST(RankTest, HasTheCriticalValuesOfTheTables) {
  // U = 11 is the largest with p <= 0.01, two-sided, for 9 and 9 (tables of the U test), so the
  // interval at that level leaves out the 11 smallest and the 11 largest of the 81 ratios.
  std::vector<double> before(9, 1), after;
  for (int i = 1; i <= 9; ++i) after.push_back(1 + i * 0.01);
  const RankTest test = compare_times(before, after, 0.01);
  // Each ratio is there 9 times; the 12th smallest is the second, the 12th largest the eighth.
  EXPECT_DOUBLE_EQ(test.interval.low, 1.02);
  EXPECT_DOUBLE_EQ(test.interval.high, 1.08);
  EXPECT_DOUBLE_EQ(test.ratio, 1.05);
}

TEST(RankTest, RefusesAtALevelExactlyWhenTheIntervalDoesNotHoldOne) {
  const std::vector<double> before = {1.0, 1.1, 1.25, 1.3, 1.7};
  int different = 0;
  for (int shift = -30; shift <= 30; ++shift) {
    std::vector<double> after;
    for (const double t : {1.03, 1.14, 1.21, 1.36, 1.49, 1.58})
      after.push_back(t * (1 + shift * 0.013));
    const RankTest test = compare_times(before, after, 0.05);
    const bool holds_one = test.interval.low <= 1 && 1 <= test.interval.high;
    EXPECT_EQ(test.p <= 0.05, !holds_one) << shift;
    different += !holds_one;
  }
  EXPECT_GT(different, 10);
  EXPECT_LT(different, 50);
}

TEST(RankTest, FindsNothingBetweenEqualTimes) {
  const RankTest test = compare_times({1, 1, 1, 1}, {1, 1, 1, 1}, 0.01);
  EXPECT_EQ(test.p, 1);
  EXPECT_EQ(test.ratio, 1);
  EXPECT_EQ(test.interval.low, 0);  // four and four are too few for any interval
  EXPECT_TRUE(std::isinf(test.interval.high));
}

TEST(RankTest, TakesHundredsOfRepetitions) {
  std::vector<double> before, after;
  for (int i = 0; i < 300; ++i) {
    before.push_back(1 + i * 1e-3);
    after.push_back(1.0005 + i * 1e-3);
  }
  const RankTest test = compare_times(before, after, 0.01);
  EXPECT_GT(test.p, 0.9);
  EXPECT_LT(test.interval.low, 1);
  EXPECT_GT(test.interval.high, 1);
  EXPECT_NEAR(test.ratio, 1.0004, 3e-4);
}

TEST(RankTest, RefusesNoTimesAndTimesThatAreNotPositive) {
  EXPECT_EQ(test::message_of<ValueError>([] { compare_times({}, {1}, 0.01); }),
            "compare_times: expected times on both sides, got 0 and 1");
  EXPECT_EQ(test::message_of<ValueError>([] { compare_times({1}, {0}, 0.01); }),
            "compare_times: expected positive times, got 1 and 0");
}

}  // namespace
}  // namespace chainline::experiments
