#include "experiments/statistics/user_runs.h"

#include <limits>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

TEST(UserRuns, HaveAnEffectPerRun) {
  // (1 + 3) / 2 - (4 + 6) / 2 = -3, and 5 - (0 + 1 + 2) / 3 = 4 in a run of other sizes.
  const UserRuns runs{{{1, 4, 3, 6}, {0, 5, 1, 2}}, {{1, 0, 1, 0}, {0, 1, 0, 0}}};
  EXPECT_EQ(run_effects(runs), (std::vector<double>{-3, 4}));
}

TEST(UserRuns, AreRefusedWhereTheyAreNotWhole) {
  const auto message = [](const UserRuns& runs) {
    return refusal<Error>([&] { check_user_runs("op", runs); });
  };
  EXPECT_EQ(message({}), "op: runs: expected at least one, got none");
  EXPECT_EQ(message({{{1, 2}}, {}}), "op: in: expected memberships of 1 runs, got 0");
  EXPECT_EQ(message({{{1}}, {{1, 0}}}), "op: run 0: expected 2 users, got 1");
  EXPECT_EQ(message({{{1, 2}}, {{1, 1}}}), "op: run 0: expected users IN and OUT, got 2 IN of 2");
  EXPECT_EQ(message({{{1, 2}}, {{1, 2}}}), "op: run 0: expected memberships of 0 and 1, got 2");
  EXPECT_EQ(message({{{1, std::numeric_limits<double>::infinity()}}, {{1, 0}}}),
            "op: run 0: expected finite values, got inf");
}

}  // namespace
}  // namespace chainline::experiments
