// Store: what it finds, adopts and refuses, and whom its locks keep out.

#include "experiments/plan/store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "experiments/plan/folder_lock.h"
#include "experiments/plan/run_plan.h"
#include "tensor/error.h"
#include "tests/experiments/data/folder.h"
#include "tests/tensor/folder.h"

namespace chainline::experiments {
namespace {

using test::content_of;

/// base <- tune <- probe, the base's files read by those that need it.
Plan small_plan(int rate = 50) {
  Job base, tune, probe;
  base.name = "base", tune.name = "tune", probe.name = "probe";
  base.kind = tune.kind = "train", probe.kind = "probe";
  base.files_needed = true;
  tune.config = {{"rate", rate}};
  tune.needs = {"base"};
  probe.needs = {"tune"};
  base.weight = 60, tune.weight = 30, probe.weight = 10;
  return Plan({base, tune, probe});
}

/// Writes a result as a job does.
void finish(const Store& store, const Plan& plan, std::size_t job, const Json& result) {
  store.make_folder(plan.key(job));
  store.write(plan.identity(job), result, 1.5);
}

using States = std::vector<JobState>;
constexpr JobState kFinished = JobState::finished, kAdopted = JobState::adopted,
                   kReady = JobState::ready, kWaiting = JobState::waiting;

TEST(Store, GivesBackWhatWasWrittenToTheLastBit) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  const Plan plan = small_plan();
  EXPECT_FALSE(store.is_finished(plan.key(1)));
  const Json result = {{"loss", 0.1 + 0.2}, {"ids", {1, 2}}};
  finish(store, plan, 1, result);
  EXPECT_TRUE(store.is_finished(plan.key(1)));
  const StoredResult stored = store.read(plan, "tune");
  EXPECT_EQ(stored.result, result);
  EXPECT_EQ(stored.seconds, 1.5);
  EXPECT_EQ(stored.folder, folder / "runs" / plan.key(1).substr(0, 16));
}

TEST(Store, SaysOfEachJobWhetherItIsDoneReadyOrWaits) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  const Plan plan = small_plan();
  EXPECT_EQ(job_states(plan, store), (States{kReady, kWaiting, kWaiting}));
  finish(store, plan, 0, 1);
  EXPECT_EQ(job_states(plan, store), (States{kFinished, kReady, kWaiting}));
  finish(store, plan, 1, 1);
  EXPECT_EQ(job_states(plan, store), (States{kFinished, kFinished, kReady}));
  // Another rate is another tuning, and another probe, of the same base.
  EXPECT_EQ(job_states(small_plan(100), store), (States{kFinished, kReady, kWaiting}));
}

TEST(Store, AdoptsResultsButNotWithoutTheFilesThatAreNeeded) {
  const TemporaryFolder folder;
  const Plan plan = small_plan();
  const Store elsewhere(folder / "elsewhere");
  for (std::size_t i = 0; i < 3; ++i) finish(elsewhere, plan, i, Json(i));
  const auto kept = [&](std::size_t jobs) {
    const Store some(folder / ("first" + std::to_string(jobs)));
    for (std::size_t i = 0; i < jobs; ++i) finish(some, plan, i, Json(i));
    write_results(plan, some, folder / "results.jsonl");
    return Store(folder / "runs", {folder / "results.jsonl"});
  };
  EXPECT_EQ(job_states(plan, kept(1)), (States{kReady, kWaiting, kWaiting}));
  // Nothing is left that would read the base's files.
  const Store store = kept(2);
  EXPECT_EQ(job_states(plan, store), (States{kAdopted, kAdopted, kReady}));
  EXPECT_EQ(store.read(plan, "tune").result, 1);
  EXPECT_EQ(store.read(plan, "tune").seconds, 1.5);
  EXPECT_EQ(store.read(plan, "tune").folder, "");
  // What was adopted is kept as well as what was done.
  write_results(plan, store, folder / "again.jsonl");
  const std::string again = content_of(folder / "again.jsonl");
  EXPECT_EQ(again, content_of(folder / "results.jsonl"));
  EXPECT_EQ(std::count(again.begin(), again.end(), '\n'), 2);
  folder.write("bad.jsonl", again + "{}\n");
  EXPECT_EQ(refusal<FileError>([&] { Store({}, {folder / "bad.jsonl"}); }),
            (folder / "bad.jsonl").string() + ": line 3: missing key \"format\"");
  // A whole store brings its folders along.
  const Store whole(folder / "runs", {folder / "elsewhere"});
  EXPECT_EQ(job_states(small_plan(100), whole), (States{kAdopted, kReady, kWaiting}));
  EXPECT_EQ(whole.read(plan, "base").folder, elsewhere.folder_of(plan.key(0)));
  EXPECT_FALSE(std::filesystem::exists(folder / "runs"));
  EXPECT_EQ(refusal<FileError>([&] { Store({}, {folder / "none"}); }),
            (folder / "none").string() + ": expected a folder or a file of results, got nothing");
}

TEST(Store, ReadsItsOwnResultBeforeAnAdoptedOne) {
  const TemporaryFolder folder;
  const Plan plan = small_plan();
  const Store elsewhere(folder / "elsewhere"), store(folder / "runs", {folder.path()});
  finish(elsewhere, plan, 0, "theirs");
  const Store both(folder / "runs", {folder / "elsewhere"});
  EXPECT_EQ(both.read(plan, "base").result, "theirs");
  finish(both, plan, 0, "ours");
  EXPECT_EQ(both.read(plan, "base").result, "ours");
}

TEST(Store, RefusesAResultThatIsMissingChangedOrOfAnotherJob) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  const Plan plan = small_plan(), other = small_plan(100);
  const std::filesystem::path path = store.folder_of(plan.key(1)) / "result.json";
  const auto refused = [&] { return refusal<FileError>([&] { store.read(plan.key(1)); }); };
  EXPECT_EQ(refused(), path.string() + ": expected the result of a finished job, got nothing");
  finish(store, plan, 1, 1);
  finish(store, other, 1, 1);
  std::filesystem::copy_file(store.folder_of(other.key(1)) / "result.json", path,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(refused(), path.string() + ": job: expected the one whose key is " + plan.key(1) +
                           ", got another, with " + other.key(1));
  const std::string start = R"({"format": "chainline result", "version": 1, )";
  for (const auto& [text, sentence] : std::map<std::string, std::string>{
           {R"({"format": "x"})", R"(: format: expected "chainline result", got "x")"},
           {R"({"format": "chainline result", "version": 2})", ": version: expected 1, got 2"},
           {start + R"("extra": 1})",
            ": unknown key \"extra\", known keys are format, version, job, seconds, result"},
           {start + "\"job\": " + plan.identity(1).dump() + R"(, "seconds": "1", "result": 1})",
            ": seconds: expected a number, got \"1\""},
           {start + "\"job\": " + plan.identity(1).dump() + R"(, "seconds": 1})",
            ": missing key \"result\""}}) {
    folder.write("runs/" + plan.key(1).substr(0, 16) + "/result.json", text);
    EXPECT_EQ(refused(), path.string() + sentence);
  }
}

TEST(Store, TakesAwayWhatKilledWritersLeftAndNothingElse) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  const Plan plan = small_plan();
  store.make_folder(plan.key(0));
  const std::string place = "runs/" + plan.key(0).substr(0, 16) + "/";
  folder.write(place + "result.json.tmp-1-0", "{");
  folder.write(place + "job.json.tmp-77-1", "{");
  folder.write(place + "checkpoint.tmp-1-0", "the job's own");
  store.describe(plan, 0);
  EXPECT_FALSE(std::filesystem::exists(folder / (place + "result.json.tmp-1-0")));
  EXPECT_FALSE(std::filesystem::exists(folder / (place + "job.json.tmp-77-1")));
  EXPECT_EQ(content_of(folder / (place + "checkpoint.tmp-1-0")), "the job's own");
  const Json described = read_json(folder / (place + "job.json"));
  EXPECT_EQ(described.at("name"), "base");
  EXPECT_EQ(described.at("key"), plan.key(0));
  EXPECT_EQ(described.at("job"), plan.identity(0));
}

TEST(Store, IsShownAsATableWithWhatThereIsToDo) {
  const TemporaryFolder folder;
  const Store store(folder / "runs");
  const Plan plan = small_plan();
  finish(store, plan, 0, 1);
  const auto key = [&](std::size_t i) { return plan.key(i).substr(0, 16); };
  const std::string table =
      "job    kind   key               time  state\n"
      "base   train  " +
      key(0) +
      "  1:00  finished\n"
      "tune   train  " +
      key(1) +
      "  30 s  ready\n"
      "probe  probe  " +
      key(2) +
      "  10 s  waiting\n\n"
      "3 jobs: 1 finished, 0 adopted, 1 ready, 1 waiting\n";
  EXPECT_EQ(plan_table(plan, store, 1), table + "left: about 40 s of work\n");
  // The probe has to wait for the tuning: a second processor is of no use.
  EXPECT_EQ(plan_table(plan, store, 2),
            table + "left: about 40 s of work, 40 s with 2 jobs at a time\n");
}

TEST(FolderLock, KeepsOthersOutUntilItIsGone) {
  const TemporaryFolder folder;
  {
    const auto lock = FolderLock::take(folder.path());
    ASSERT_TRUE(lock.has_value());
    EXPECT_FALSE(FolderLock::take(folder.path()).has_value());
  }
  EXPECT_TRUE(FolderLock::take(folder.path()).has_value());
  EXPECT_EQ(refusal<FileError>([&] { FolderLock::take(folder / "none"); }),
            (folder / "none" / "lock").string() + ": cannot open: No such file or directory");
}

TEST(FolderLock, StaysWithAChildWhenTheParentLetsGoAndDiesWithIt) {
  const TemporaryFolder folder;
  std::optional<FolderLock> lock(FolderLock::take(folder.path()));
  ASSERT_TRUE(lock.has_value());
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  lock.reset();
  EXPECT_FALSE(FolderLock::take(folder.path()).has_value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(FolderLock::take(folder.path()).has_value());
}

TEST(FolderLock, IsTakenOverByItsNumberOnly) {
  const TemporaryFolder folder;
  auto lock = FolderLock::take(folder.path());
  ASSERT_TRUE(lock.has_value());
  const int copy = ::dup(lock->file());
  { const FolderLock same = FolderLock::inherited(folder.path(), copy); }
  for (const int file : {0, 999}) {
    EXPECT_EQ(refusal<ValueError>([&] { FolderLock::inherited(folder.path(), file); }),
              "lock: expected the open lock of " + folder.path().string() + ", got file " +
                  std::to_string(file));
  }
}

}  // namespace
}  // namespace chainline::experiments
