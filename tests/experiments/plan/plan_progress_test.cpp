// The arithmetic of a plan's progress bar, and its line.

#include "experiments/plan/plan_progress.h"

#include <gtest/gtest.h>

namespace chainline::experiments {
namespace {

Job job(const std::string& name, double weight, const std::vector<std::string>& needs = {}) {
  Job j;
  j.name = name;
  j.kind = "train";
  j.config = {{"of", name}};
  j.weight = weight;
  j.needs = needs;
  return j;
}

/// Two chains, base <- tune and twin <- probe, of 40 + 20 and 10 + 30 seconds.
Plan two_chains() {
  return Plan(
      {job("base", 40), job("tune", 20, {"base"}), job("twin", 10), job("probe", 30, {"twin"})});
}

TEST(PlanProgress, CountsRunningJobsByTheirShare) {
  const Plan plan = two_chains();
  const std::vector<bool> done = {true, false, false, false};
  // The tuning is at three quarters, and was at one half when it went on in this sitting.
  const PlanProgress p = progress_of(plan, done, {{1, 0.5, 0.75}}, {});
  EXPECT_EQ(p.jobs, 4u);
  EXPECT_EQ(p.done, 1u);
  EXPECT_EQ(p.weight, 100);
  EXPECT_EQ(p.weight_done, 55);
  EXPECT_EQ(p.weight_here, 5);
  EXPECT_EQ(p.longest, 40);  // twin and probe
  EXPECT_EQ(share_done(p), 0.55);
  // Finished in this sitting, having been at a quarter before.
  EXPECT_EQ(progress_of(plan, done, {}, {{0, 0.25, 1}}).weight_here, 30);
}

TEST(PlanProgress, TrustsTheWeightsUntilThereIsSomethingToGoBy) {
  PlanProgress p;
  p.jobs = 10;
  p.weight = 600;
  p.parallel = 2;
  EXPECT_EQ(seconds_left(p), 300);
  // Nothing to show for after a second of a minute's job: no reason to panic.
  p.seconds = 1;
  EXPECT_NEAR(seconds_left(p), 300, 6);
}

TEST(PlanProgress, BelievesTheClockOnceJobsAreDone) {
  // Jobs that take three times as long as expected, two at a time: speed 2 / 3. The round that is
  // thought to have been on time is one of 41: in 20 x 180 s, 40 jobs of 60 s each.
  PlanProgress p;
  p.jobs = 100;
  p.done = 40;
  p.weight = 6000;
  p.weight_done = p.weight_here = 2400;
  p.seconds = 3600;
  p.parallel = 2;
  const double truth = 3600 / (2.0 / 3);
  EXPECT_NEAR(seconds_left(p), truth, 0.04 * truth);
  // Results that were there before say nothing about the speed.
  p.weight_here = 1200;
  EXPECT_GT(seconds_left(p), 1.8 * truth);
}

TEST(PlanProgress, WaitsForTheLongestChainHoweverManyProcessorsThereAre) {
  PlanProgress p = progress_of(two_chains(), {false, false, false, false}, {}, {});
  EXPECT_EQ(p.longest, 60);
  p.parallel = 1;
  EXPECT_EQ(seconds_left(p), 100);
  p.parallel = 16;
  EXPECT_EQ(seconds_left(p), 60);
}

TEST(PlanProgress, IsAtItsEndWhenAllIsDoneAndNotBefore) {
  const PlanProgress p = progress_of(two_chains(), {true, true, true, true}, {}, {});
  EXPECT_EQ(share_done(p), 1);
  EXPECT_EQ(seconds_left(p), 0);
  const PlanProgress none = progress_of(Plan({}), {}, {}, {});
  EXPECT_EQ(share_done(none), 1);
  EXPECT_EQ(seconds_left(none), 0);
}

TEST(PlanProgress, IsALineThatFitsTheTerminal) {
  PlanProgress p;
  p.jobs = 300;
  p.done = 112;
  p.weight = 18000;
  p.weight_done = p.weight_here = 6660;
  p.seconds = 3330;
  p.parallel = 2;
  const auto line = [&](std::int64_t columns) {
    return plan_line("reproduce", p, {"train/W50/s3", "probe/W100/s1"}, columns);
  };
  EXPECT_EQ(line(0),
            "reproduce:  37 %  112/300 jobs  55:30  1:34:30 left  train/W50/s3, probe/W100/s1");
  EXPECT_EQ(line(120),
            "reproduce [=====          ]  37 %  112/300 jobs  55:30  1:34:30 left  train/W50/s3, "
            "probe/W100/s1");
  EXPECT_EQ(line(79),
            "reproduce [===      ]  37 %  112/300 jobs  55:30  1:34:30 left  train/W50/s3...");
  EXPECT_EQ(line(79).size(), 79u);
  EXPECT_EQ(line(66), "reproduce [==      ]  37 %  112/300 jobs  55:30  1:34:30 left");
  EXPECT_EQ(line(20), "reproduce  37 %  112");
}

}  // namespace
}  // namespace chainline::experiments
