// The process that does one job: what it is asked, what it reads, and what it refuses.

#include "experiments/plan/job.h"

#include <algorithm>

#include "experiments/plan/folder_lock.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/plan/toy.h"

namespace chainline::experiments {
namespace {

using toy::job;

/// A described job, not yet done.
struct Described {
  TemporaryFolder folder;
  Store store{folder / "runs"};
  Plan plan;
  std::filesystem::path place;

  explicit Described(const std::string& kind, const std::vector<std::string>& needs = {})
      : plan(needs.empty() ? Plan({job("a", kind)})
                           : Plan({job("a", kind, Json::object(), needs), job("b", "walk")})),
        place(store.folder_of(plan.key(0))) {
    store.make_folder(plan.key(0));
    store.describe(plan, 0);
  }
};

TEST(Job, IsDoneFromWhatItsFolderSaysAndNotTwice) {
  const Described d("walk");
  EXPECT_EQ(progress_in(d.place), 0);
  for (int call = 0; call < 2; ++call) answer_call({d.place / "", -1, {}}, toy::kinds());
  EXPECT_EQ(d.store.read(d.plan.key(0)).result.at("steps"), 1);
  EXPECT_EQ(test::content_of(d.place / "starts.txt"), "started\n");
  EXPECT_EQ(progress_in(d.place), 1);
}

TEST(Job, DoneAgainGivesWhatItGave) {
  const Described d("walk");
  const auto replayed = [&](const JobKinds& kinds) {
    TemporaryFolder scratch;
    return replay_job(d.store, d.place, scratch.path(), kinds, [](double) {});
  };
  EXPECT_EQ(
      refusal<FileError>([&] { replayed(toy::kinds()); }),
      (d.place / "result.json").string() + ": expected the result of a finished job, got nothing");
  answer_call({d.place, -1, {}}, toy::kinds());
  const std::string before = test::content_of(d.place / "result.json");
  const JobReplay same = replayed(toy::kinds());
  EXPECT_EQ(same.name, "a");
  EXPECT_TRUE(same.same_code);
  EXPECT_TRUE(same.differences.empty()) << same.differences;
  JobKinds other = toy::kinds();
  other["walk"] = [](const JobContext& job) {
    Json result = toy::walk(job);
    result["steps"] = 2;
    result["seconds"] = 7;  // how long it takes is no part of what it gives
    return result;
  };
  const Json differences = replayed(other).differences;
  ASSERT_EQ(differences.size(), 1u) << differences;
  EXPECT_EQ(differences[0]["path"], "/steps");
  EXPECT_EQ(differences[0]["value"], 2);
  EXPECT_EQ(test::content_of(d.place / "result.json"), before);
  EXPECT_EQ(test::content_of(d.place / "starts.txt"), "started\n") << "it has a folder of its own";
}

TEST(Job, IsGivenThePlaceOfWhatItsConfigNamesByContent) {
  const auto said = [](const std::string& place) {
    const TemporaryFolder folder;
    const Store store(folder.path());
    Job says = job("a", "says", {{"data", "files:sha256=12"}, {"in", {"files:sha256=12", "x", 1}}});
    says.places = {{"files:sha256=12", place}};
    const Plan plan({says});
    store.make_folder(plan.key(0));
    store.describe(plan, 0);
    answer_call({store.folder_of(plan.key(0)), -1, {}}, toy::kinds());
    return std::pair{plan.key(0), store.read(plan.key(0)).result};
  };
  const auto [key, here] = said("files:here");
  EXPECT_EQ(here, Json({{"data", "files:here"}, {"in", {"files:here", "x", 1}}, {"of", "a"}}));
  const auto [same, there] = said("files:there");
  EXPECT_EQ(there["data"], "files:there");
  EXPECT_EQ(same, key);
}

TEST(Job, ShowsHowFarItIs) {
  const Described d("shows");
  JobKinds kinds;
  kinds["shows"] = [&](const JobContext& context) {
    for (const double share : {0.0, 0.25, 1.0, 0.5}) {
      context.progress(share);
      EXPECT_EQ(progress_in(d.place), share);
    }
    context.progress(7);  // a share is at most 1
    return Json(progress_in(d.place));
  };
  answer_call({d.place, -1, {}}, kinds);
  EXPECT_EQ(d.store.read(d.plan.key(0)).result, 1);
  d.folder.write("runs/" + d.place.filename().string() + "/progress", "nonsense");
  EXPECT_EQ(progress_in(d.place), 0);
}

TEST(Job, IsLeftToTheProcessThatHasItsLock) {
  const Described d("walk");
  const auto lock = FolderLock::take(d.place);
  ASSERT_TRUE(lock.has_value());
  EXPECT_EQ(refusal<FileError>([&] {
              answer_call({d.place, -1, {}}, toy::kinds());
            }),
            d.place.string() + ": another process works here");
  // Its number stands for it.
  answer_call({d.place, ::dup(lock->file()), {}}, toy::kinds());
  EXPECT_TRUE(d.store.is_finished(d.plan.key(0)));
}

TEST(Job, IsAskedForInWordsThatItsCommandUnderstands) {
  EXPECT_EQ(
      to_arguments({"runs/0123", 7, {"x", "y z"}}),
      (std::vector<std::string>{"runs/0123", "--lock", "7", "--adopt", "x", "--adopt", "y z"}));
  const Described d("walk", {"b"});
  run_plan(Plan({job("b", "walk")}), Store(d.folder / "elsewhere"), toy::kinds(), {.jobs = 0});
  CLI::App program;
  add_job(program, toy::kinds());
  EXPECT_EQ(program.help().find("job"), std::string::npos) << program.help();
  std::vector<std::string> words =
      to_arguments({d.place, -1, {d.folder.path(), d.folder / "elsewhere"}});
  words.insert(words.begin(), "job");
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  program.parse(words);
  EXPECT_TRUE(d.store.is_finished(d.plan.key(0)));
}

TEST(Job, RefusesWhatIsNoJobsFolderAndWhatItCannotDo) {
  const Described d("fly"), hungry("walk", {"b"});
  const auto refused = [](const Described& x) {
    return refusal<Error>([&] { answer_call({x.place, -1, {}}, toy::kinds()); });
  };
  const std::string file = (d.place / "job.json").string();
  EXPECT_EQ(refused(d), file + ": kind: expected one that this program knows, got \"fly\"");
  EXPECT_EQ(refused(hungry), (hungry.store.folder_of(hungry.plan.key(1)) / "result.json").string() +
                                 ": expected the result of a finished job, got nothing");
  Json described = read_json(file);
  described["job"]["kind"] = "walk";
  d.folder.write("runs/" + d.place.filename().string() + "/job.json", described.dump());
  EXPECT_EQ(refused(d).rfind(file + ": key: expected that of the job, ", 0), 0u);
  EXPECT_EQ(refusal<FileError>([&] {
              answer_call({d.folder / "none", -1, {}}, toy::kinds());
            }),
            (d.folder / "none" / "lock").string() + ": cannot open: No such file or directory");
}

}  // namespace
}  // namespace chainline::experiments

int main(int argc, char** argv) { return chainline::experiments::toy::toy_main(argc, argv); }
