// run_plan: it does each job once, in processes and without, beside others, and says what failed.

#include "experiments/plan/run_plan.h"

#include <pty.h>

#include <algorithm>
#include <list>
#include <thread>

#include "experiments/plan/folder_lock.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/plan/toy.h"

namespace chainline::experiments {
namespace {

using test::content_of;
using toy::job;

PlanOptions in_processes(int jobs) {
  PlanOptions options;
  options.title = "toys";
  options.jobs = jobs;
  return options;
}

/// How often the walking jobs of a plan were started, all together.
std::ptrdiff_t starts(const Plan& plan, const Store& store) {
  std::ptrdiff_t lines = 0;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const std::string text = content_of(store.folder_of(plan.key(i)) / "starts.txt");
    lines += std::count(text.begin(), text.end(), '\n');
  }
  return lines;
}

TEST(RunPlan, DoesEachJobOnceInProcessesAndWithoutWithTheSameResults) {
  const TemporaryFolder folder;
  const Plan plan = toy::layers(2, 0);
  const Store alone(folder / "alone"), beside(folder / "beside");
  for (const auto& [store, jobs] : {std::pair(&alone, 0), std::pair(&beside, 4)}) {
    const PlanOutcome first = run_plan(plan, *store, toy::kinds(), in_processes(jobs));
    EXPECT_EQ(first.done_here, 12u);
    EXPECT_EQ(first.found, 0u);
    const PlanOutcome second = run_plan(plan, *store, toy::kinds(), in_processes(jobs));
    EXPECT_EQ(second.done_here, 0u);
    EXPECT_EQ(second.found, 12u);
    EXPECT_EQ(starts(plan, *store), 12);
  }
  EXPECT_EQ(toy::results(plan, alone), toy::results(plan, beside));
}

TEST(RunPlan, DoesAChangedJobAndThoseThatNeedItAgain) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  const auto plan = [](int steps) {
    return Plan({job("base", "walk"), job("tune", "walk", {{"steps", steps}}, {"base"}),
                 job("probe", "walk", Json::object(), {"tune"}), job("twin", "walk")});
  };
  EXPECT_EQ(run_plan(plan(1), store, toy::kinds(), in_processes(0)).done_here, 4u);
  const PlanOutcome changed = run_plan(plan(2), store, toy::kinds(), in_processes(0));
  EXPECT_EQ(changed.done_here, 2u);
  EXPECT_EQ(changed.found, 2u);
  EXPECT_NE(store.read(plan(1), "probe").result, store.read(plan(2), "probe").result);
  EXPECT_EQ(run_plan(plan(1), store, toy::kinds(), in_processes(0)).done_here, 0u);
}

TEST(RunPlan, GivesAJobItsConfigItsFolderAndWhatItNeeds) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  const Plan plan({job("first", "walk"), job("second", "says", {{"x", 0.1}}),
                   job("third", "looks", {{"rate", 50}}, {"second", "first"})});
  JobContext seen;
  JobKinds kinds = toy::kinds();
  kinds["looks"] = [&](const JobContext& context) {
    seen = context;
    return Json("seen");
  };
  run_plan(plan, store, kinds, in_processes(0));
  EXPECT_EQ(seen.name, "third");
  EXPECT_EQ(seen.key, plan.key(2));
  EXPECT_EQ(seen.config, (Json{{"of", "third"}, {"rate", 50}}));
  EXPECT_EQ(seen.folder, store.folder_of(plan.key(2)));
  ASSERT_EQ(seen.needs.size(), 2u);
  EXPECT_EQ(seen.needs[0].name, "second");
  EXPECT_EQ(seen.needs[0].result, (Json{{"of", "second"}, {"x", 0.1}}));
  EXPECT_EQ(seen.needs[1].name, "first");
  EXPECT_EQ(seen.needs[1].folder, store.folder_of(plan.key(0)));
}

TEST(RunPlan, TakesAdoptedResultsForDone) {
  const TemporaryFolder folder;
  const Plan plan({job("base", "walk"), job("tune", "walk", Json::object(), {"base"})});
  run_plan(Plan({job("base", "walk")}), Store(folder / "elsewhere"), toy::kinds(), in_processes(0));
  const Store here(folder / "here", {folder / "elsewhere"});
  for (const int jobs : {2, 0}) {
    const PlanOutcome outcome = run_plan(plan, here, toy::kinds(), in_processes(jobs));
    EXPECT_EQ(outcome.adopted, 1u);
    EXPECT_EQ(outcome.done_here, jobs > 0 ? 1u : 0u);
  }
  EXPECT_FALSE(std::filesystem::exists(here.folder_of(plan.key(0))));
  const Store whole(folder / "whole");
  run_plan(plan, whole, toy::kinds(), in_processes(0));
  EXPECT_EQ(toy::results(plan, here), toy::results(plan, whole));
}

TEST(RunPlan, DoesEachJobOnceWhenTwoSchedulersShareAFolder) {
  const TemporaryFolder folder;
  const Plan plan = toy::layers();
  const Store store(folder / "runs");
  std::list<toy::Scheduler> schedulers;
  for (const char* said : {"one.txt", "two.txt", "three.txt"}) {
    schedulers.emplace_back("layers", folder / "runs", 2, folder / said);
  }
  for (const toy::Scheduler& scheduler : schedulers) EXPECT_EQ(scheduler.wait(), 0);
  EXPECT_EQ(starts(plan, store), 12);
  const Store alone(folder / "alone");
  run_plan(plan, alone, toy::kinds(), in_processes(0));
  EXPECT_EQ(toy::results(plan, store), toy::results(plan, alone));
}

TEST(RunPlan, WaitsForAJobThatAnotherProcessDoes) {
  const TemporaryFolder folder;
  const Plan plan({job("a", "walk")});
  const Store store(folder / "runs");
  store.make_folder(plan.key(0));
  std::optional<FolderLock> lock(FolderLock::take(store.folder_of(plan.key(0))));
  std::thread other([&] {
    toy::sleep_ms(50);
    store.write(plan.identity(0), "theirs", 1);
    lock.reset();
  });
  const PlanOutcome outcome = run_plan(plan, store, toy::kinds(), in_processes(2));
  other.join();
  EXPECT_EQ(outcome.done_beside, 1u);
  EXPECT_EQ(outcome.done_here, 0u);
  EXPECT_EQ(store.read(plan, "a").result, "theirs");
}

/// What run_plan says of a plan with a job that ends badly.
JobFailed failure_of(const Plan& plan, const Store& store, int jobs) {
  try {
    run_plan(plan, store, toy::kinds(), in_processes(jobs));
  } catch (const JobFailed& e) {
    return e;
  }
  ADD_FAILURE() << "expected a failure";
  return JobFailed("", 0);
}

TEST(RunPlan, SaysHowAJobFailedAndPassesItsExitCodeOn) {
  const TemporaryFolder folder;
  const std::string segv = "ended by signal 11 (" + std::string(strsignal(SIGSEGV)) + ")";
  struct Case {
    std::string kind, sentence;
    int code;
  };
  for (const Case& c :
       {Case{"fails", "exit code 2: toy: x: expected 1, got 2", 2},
        Case{"is killed", "killed (signal 9), as a system does that runs out of memory", 137},
        Case{"crashes", segv, 139}, Case{"leaves", "no result", 1}}) {
    const Store store(folder / c.kind);
    const Plan plan({job("a", c.kind)});
    const JobFailed failed = failure_of(plan, store, 1);
    const std::string log = (store.folder_of(plan.key(0)) / "log.txt").string();
    EXPECT_EQ(failed.what(), "toys: a: " + c.sentence + " (" + log + ")");
    EXPECT_EQ(failed.exit_code(), c.code);
    EXPECT_FALSE(store.is_finished(plan.key(0)));
  }
}

TEST(RunPlan, ShowsTheLastLinesOfAFailedJobAndOnlyThoseOfItsLastStart) {
  const TemporaryFolder folder;
  const Plan plan({job("a", "fails")});
  const Store store(folder / "runs");
  failure_of(plan, store, 1);
  testing::internal::CaptureStderr();
  failure_of(plan, store, 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "toys: 1 job, 0 done; about 1 s to go\n"
            "a | about to fail\n"
            "a | chainline: toy: x: expected 1, got 2\n");
}

TEST(RunPlan, StartsNothingMoreAfterAFailureAndWaitsForWhatRuns) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  const Plan plan({job("bad", "fails"), job("good", "walk", {{"steps", 20}, {"pause_ms", 5}}),
                   job("third", "walk"), job("fourth", "walk")});
  failure_of(plan, store, 2);
  EXPECT_TRUE(store.is_finished(plan.key(1)));
  for (const std::size_t i : {2, 3}) {
    EXPECT_FALSE(std::filesystem::exists(store.folder_of(plan.key(i))));
  }
}

TEST(RunPlan, PassesAnErrorOnAsItIsWhereThereAreNoProcesses) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  EXPECT_EQ(refusal<ValueError>(
                [&] { run_plan(Plan({job("a", "fails")}), store, toy::kinds(), in_processes(0)); }),
            "toy: x: expected 1, got 2");
}

TEST(RunPlan, RefusesAKindThatHasNoFunctionBeforeItStartsAnything) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  EXPECT_EQ(
      refusal<ValueError>([&] {
        run_plan(Plan({job("a", "walk"), job("b", "fly")}), store, toy::kinds(), in_processes(0));
      }),
      "plan: b: kind: expected one that this program knows, got \"fly\"");
  EXPECT_FALSE(std::filesystem::exists(folder / "runs"));
}

TEST(RunPlan, SaysWhenItsProgramCannotBeStarted) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  PlanOptions options = in_processes(1);
  options.command = {(folder / "none").string()};
  const Plan plan({job("a", "walk")});
  const std::string log = (store.folder_of(plan.key(0)) / "log.txt").string();
  EXPECT_EQ(refusal<JobFailed>([&] { run_plan(plan, store, toy::kinds(), options); }),
            "toys: a: exit code 127: cannot be executed (" + log + ")");
}

TEST(RunPlan, SaysALineForEachJobWhereThereIsNoTerminal) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  testing::internal::CaptureStderr();
  run_plan(Plan({job("a", "says"), job("b", "says", Json::object(), {"a"})}), store, toy::kinds(),
           in_processes(1));
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "toys: 2 jobs, 0 done; about 2 s to go\n"
            "toys:  50 %  1/2 jobs  0 s  1 s left  a took 0 s\n"
            "toys: 100 %  2/2 jobs  0 s  0 s left  b took 0 s\n");
}

TEST(RunPlan, DrawsOneLineOverItselfOnATerminal) {
  const TemporaryFolder folder;
  int terminal = -1;
  const pid_t process = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (process == 0) {
    ::setenv("TERM", "xterm", 1);
    ::setenv("COLUMNS", "70", 1);
    ::setenv("NO_COLOR", "1", 1);
    const std::string runs = (folder / "runs").string();
    ::execl("/proc/self/exe", "toys", "plan", "layers", runs.c_str(), "2", nullptr);
    ::_exit(127);
  }
  std::string shown;
  char piece[4096];
  for (ssize_t n; (n = ::read(terminal, piece, sizeof piece)) > 0;) {
    shown.append(piece, static_cast<std::size_t>(n));
  }
  int status = -1;
  ::waitpid(process, &status, 0);
  ::close(terminal);
  EXPECT_EQ(status, 0) << shown;
  const std::string again = "\r\033[K";
  EXPECT_EQ(shown.find("took"), std::string::npos) << shown;
  EXPECT_NE(shown.find(again + "toys [        ]   0 %  0/12 jobs  0 s  "), std::string::npos)
      << shown;
  EXPECT_NE(shown.find(" left  0-0, 0-1"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("\033[3"), std::string::npos) << "a colour: " << shown;
  for (std::size_t at = shown.find(again); at != std::string::npos;) {
    const std::size_t next = shown.find(again, at + 1);
    EXPECT_LT(std::min(next, shown.size()) - at - again.size(), 70u);
    at = next;
  }
}

}  // namespace
}  // namespace chainline::experiments

int main(int argc, char** argv) { return chainline::experiments::toy::toy_main(argc, argv); }
