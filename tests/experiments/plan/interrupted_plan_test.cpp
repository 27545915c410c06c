// A plan that is killed at any point, or asked to stop, goes on where it was and ends with the
// results of one that nobody disturbed.

#include <algorithm>

#include "tensor/random.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/plan/toy.h"

namespace chainline::experiments {
namespace {

using test::content_of;

TEST(InterruptedPlan, EndsWithTheSameResultsHoweverOftenItIsKilled) {
  const TemporaryFolder folder;
  const Plan plan = toy::layers();
  const Store killed(folder / "killed"), whole(folder / "whole");
  PlanOptions here;
  here.jobs = 0;
  run_plan(plan, whole, toy::kinds(), here);

  // The scheduler alone, whose jobs should then end by themselves, or all at once.
  RandomSequence random(Generator(1, "kills of plans"), 0, 0);
  int kills = 0;
  for (int round = 0; round < 10; ++round) {
    const toy::Scheduler scheduler("layers", folder / "killed", 3, folder / "said.txt");
    toy::sleep_ms(5 + static_cast<std::int64_t>(random.below(100)));
    if (random.below(2) == 0) {
      scheduler.signal(SIGKILL);
    } else {
      scheduler.signal_all(SIGKILL);
    }
    kills += scheduler.wait() == -SIGKILL;
  }
  EXPECT_GT(kills, 0);
  const toy::Scheduler last("layers", folder / "killed", 3, folder / "said.txt");
  EXPECT_EQ(last.wait(), 0) << last.said();

  EXPECT_EQ(toy::results(plan, killed), toy::results(plan, whole));
  int steps = 0;
  for (const auto& [name, result] : toy::results(plan, killed)) steps += result["steps"].get<int>();
  EXPECT_EQ(steps, 12 * 12);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const std::string starts = content_of(killed.folder_of(plan.key(i)) / "starts.txt");
    EXPECT_EQ(starts.find("though"), std::string::npos) << starts;
  }
}

TEST(InterruptedPlan, LetsItsJobsKeepWhatTheyHaveAndGoesOnFromThere) {
  for (const bool from_the_keyboard : {false, true}) {
    const TemporaryFolder folder;
    const Plan plan = toy::plan_called("interruptible");
    const Store store(folder / "runs");
    const toy::Scheduler first("interruptible", folder / "runs", 2, folder / "said.txt");
    for (const std::size_t i : {0, 1}) toy::wait_for(store.folder_of(plan.key(i)) / "begun.txt");
    if (from_the_keyboard) {
      first.signal_all(SIGINT);  // Ctrl-C reaches the jobs, too
    } else {
      first.signal(SIGTERM);
    }
    EXPECT_EQ(first.wait(), 130);
    EXPECT_EQ(first.said(),
              "toys: 3 jobs, 0 done; about 2 s to go\n"
              "toys: stopping; jobs that run keep what they have done\n"
              "chainline: toys: stopped with 0 of 3 jobs done; the same command goes on from "
              "there\n");
    for (const std::size_t i : {0, 1}) {
      EXPECT_TRUE(std::filesystem::exists(store.folder_of(plan.key(i)) / "kept.txt"));
    }
    const toy::Scheduler second("interruptible", folder / "runs", 2, folder / "said.txt");
    EXPECT_EQ(second.wait(), 0) << second.said();
    EXPECT_EQ(store.read(plan, "a").result, "went on");
  }
}

TEST(InterruptedPlan, HasJobsThatHearOfItsDeathAndKeepWhatTheyHave) {
  const TemporaryFolder folder;
  const Plan plan = toy::plan_called("interruptible");
  const Store store(folder / "runs");
  const toy::Scheduler first("interruptible", folder / "runs", 2, folder / "said.txt");
  for (const std::size_t i : {0, 1}) toy::wait_for(store.folder_of(plan.key(i)) / "begun.txt");
  first.signal(SIGKILL);
  EXPECT_EQ(first.wait(), -SIGKILL);
  for (const std::size_t i : {0, 1}) toy::wait_for(store.folder_of(plan.key(i)) / "kept.txt");
}

TEST(InterruptedPlan, StopsWithoutProcessesToo) {
  const TemporaryFolder folder;
  const Plan plan = toy::plan_called("interruptible");
  const Store store(folder / "runs");
  const toy::Scheduler first("interruptible", folder / "runs", 0, folder / "said.txt");
  toy::wait_for(store.folder_of(plan.key(0)) / "begun.txt");
  first.signal(SIGINT);
  EXPECT_EQ(first.wait(), 130);
  EXPECT_TRUE(std::filesystem::exists(store.folder_of(plan.key(0)) / "kept.txt"));
  EXPECT_FALSE(std::filesystem::exists(store.folder_of(plan.key(1))));
}

}  // namespace
}  // namespace chainline::experiments

int main(int argc, char** argv) { return chainline::experiments::toy::toy_main(argc, argv); }
