// The whole study at the scale of minutes, by the program, as a reader of the README would call it:
// every condition, every claim's code path, the gates, the report, a kill and what comes after.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "experiments/data/json.h"
#include "tests/experiments/program/process.h"
#include "tests/experiments/report/browser.h"

namespace chainline::test {
namespace {

namespace fs = std::filesystem;
using experiments::Json;

/// How many jobs have a result.
std::size_t finished_in(const fs::path& out) {
  std::size_t count = 0;
  if (!fs::exists(out / "runs")) return 0;
  for (const fs::directory_entry& job : fs::directory_iterator(out / "runs"))
    count += fs::exists(job.path() / "result.json");
  return count;
}

Json json_of(const fs::path& path) {
  return experiments::read_json(path, experiments::kMaxJsonDataBytes);
}

void wait_for_jobs(const fs::path& out, std::size_t jobs) {
  for (int i = 0; i < 3000 && finished_in(out) < jobs; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

/// One study for all tests of this file: killed once on its way and interrupted once, then finished.
class Reproduce : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new Folder;
    out_ = new fs::path(folder_->path() / "out");
    {
      const Process first(folder_->path(), arguments());
      // Some of it, then no chance to say goodbye.
      wait_for_jobs(*out_, 8);
      first.signal(SIGKILL);
      EXPECT_EQ(first.wait().code, -SIGKILL);
    }
    killed_at_ = finished_in(*out_);
    for (const fs::directory_entry& job : fs::directory_iterator(*out_ / "runs"))
      if (fs::exists(job.path() / "result.json"))
        written_.insert(
            {job.path().filename().string(), fs::last_write_time(job.path() / "result.json")});
    {
      std::vector<std::string> keeping = arguments();
      keeping.insert(keeping.end(), {"--keep", kept_on_the_way().string()});
      const Process second(folder_->path(), keeping);
      wait_for_jobs(*out_, 16);
      second.signal(SIGINT);
      EXPECT_EQ(second.wait().code, 130);
    }
    finished_on_the_way_ = finished_in(*out_);
    last_ = new Outcome(Process(folder_->path(), arguments()).wait());
  }
  static void TearDownTestSuite() {
    delete last_;
    delete out_;
    delete folder_;
  }
  static std::vector<std::string> arguments() {
    return {"reproduce", "--scale", "smoke", "--out", out_->string()};
  }

  static fs::path kept_on_the_way() { return folder_->path() / "on_the_way.jsonl"; }

  static Folder* folder_;
  static fs::path* out_;
  static Outcome* last_;
  static std::size_t killed_at_, finished_on_the_way_;
  static std::set<std::pair<std::string, fs::file_time_type>> written_;
};
Folder* Reproduce::folder_ = nullptr;
fs::path* Reproduce::out_ = nullptr;
Outcome* Reproduce::last_ = nullptr;
std::size_t Reproduce::killed_at_ = 0, Reproduce::finished_on_the_way_ = 0;
std::set<std::pair<std::string, fs::file_time_type>> Reproduce::written_;

TEST_F(Reproduce, GoesOnWhereItWasKilledAndRepeatsNothing) {
  ASSERT_EQ(last_->code, 0) << last_->err;
  EXPECT_GE(killed_at_, 8u);
  for (const auto& [job, time] : written_)
    EXPECT_EQ(fs::last_write_time(*out_ / "runs" / job / "result.json"), time) << job;
  const Json results = json_of(*out_ / "results.json");
  EXPECT_EQ(results["jobs"]["missing"], 0);
  EXPECT_EQ(results["jobs"]["all"], finished_in(*out_));
}

TEST_F(Reproduce, KeepsWhatIsDoneWhenItIsInterrupted) {
  const std::string kept = content_of(kept_on_the_way());
  EXPECT_GE(finished_on_the_way_, 16u);
  EXPECT_LT(finished_on_the_way_, finished_in(*out_)) << "it was over before it was interrupted";
  EXPECT_EQ(static_cast<std::size_t>(std::count(kept.begin(), kept.end(), '\n')),
            finished_on_the_way_);
}

TEST_F(Reproduce, RunsEveryConditionOfTheProtocol) {
  std::set<std::string> codes, tunings, mixes, optimizers;
  const Json all = json_of(*out_ / "runs.json");
  for (const Json& run : all["runs"]) {
    codes.insert(run["condition"]);
    tunings.insert(run["tuning"]);
    mixes.insert(run["mix"]);
    optimizers.insert(run["optimizer"]);
  }
  EXPECT_EQ(codes, (std::set<std::string>{"B",      "C0",    "IMG",   "L-0",     "L-0.05",
                                          "L-0.1",  "L-0.2", "L-0.4", "P-const", "P-noise",
                                          "P-uniq", "SW",    "T",     "TXT",     "U3",
                                          "W10",    "W100",  "W25",   "W50",     "W75"}));
  EXPECT_EQ(tunings, (std::set<std::string>{"full", "lora"}));
  EXPECT_EQ(optimizers, (std::set<std::string>{"adamw", "sgd"}));
  EXPECT_GT(mixes.size(), 1u);
}

TEST_F(Reproduce, JudgesEveryGateAndEveryClaim) {
  const Json results = json_of(*out_ / "results.json");
  std::set<std::string> gates, claims;
  for (const Json& gate : results["gates"]) {
    gates.insert(gate["id"]);
    EXPECT_NE(gate["status"], "missing") << gate;
    // What has to hold however little was learned.
    if (gate["id"] == "rerun" || gate["id"] == "twins") {
      EXPECT_EQ(gate["status"], "passed");
    }
  }
  for (const Json& claim : results["claims"]) {
    claims.insert(claim["id"]);
    EXPECT_TRUE(claim.contains("withheld") != claim.contains("verdict")) << claim;
  }
  EXPECT_EQ(gates, (std::set<std::string>{"L-0.4", "T", "rerun", "shuffled", "twins"}));
  EXPECT_EQ(claims,
            (std::set<std::string>{"K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9", "K10"}));
}

TEST_F(Reproduce, TwinsAtRateZeroDifferByExactlyZero) {
  const Json runs = json_of(*out_ / "runs.json");
  ASSERT_FALSE(runs["twins"].empty());
  for (const Json& twin : runs["twins"]) {
    EXPECT_EQ(twin["identical_rerun"], true);
    EXPECT_EQ(twin["max_difference_at_rate_0"], 0.0);
    // And with a watermark they do differ.
    EXPECT_GT(twin["weights"][0].back().get<double>(), 0);
  }
}

TEST_F(Reproduce, TheSameResultsGiveTheSameReport) {
  const std::string before = content_of(*out_ / "results.json");
  const Outcome again = Process(folder_->path(), arguments()).wait();
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(content_of(*out_ / "results.json"), before);
}

TEST_F(Reproduce, ResultsInOneFileAreEnoughForTheSameFindings) {
  const std::string kept = (folder_->path() / "kept.jsonl").string();
  std::vector<std::string> keep = arguments();
  keep.insert(keep.end(), {"--report-only", "--keep", kept});
  EXPECT_EQ(Process(folder_->path(), keep).wait().code, 0);
  const fs::path elsewhere = folder_->path() / "elsewhere";
  const Outcome adopted = Process(folder_->path(), {"reproduce", "--scale", "smoke", "--out",
                                                    elsewhere.string(), "--adopt", kept})
                              .wait();
  EXPECT_EQ(adopted.code, 0) << adopted.err;
  EXPECT_EQ(finished_in(elsewhere), 0u) << "nothing is computed again";
  EXPECT_EQ(json_of(elsewhere / "results.json")["analysis"],
            json_of(*out_ / "results.json")["analysis"]);
}

TEST_F(Reproduce, AJobOfTheStudyIsReplayedToTheBit) {
  for (const fs::directory_entry& job : fs::directory_iterator(*out_ / "runs")) {
    if (json_of(job.path() / "job.json")["name"] != "W100/0") continue;
    const Outcome same = Process(folder_->path(), {"replay", job.path().string()}).wait();
    EXPECT_EQ(same.code, 0) << same.err;
    EXPECT_EQ(same.out, "replayed W100/0: identical\n");
    // A copy whose weights are said to be others.
    const fs::path copy = folder_->path() / "copy";
    fs::create_directories(copy);
    fs::copy(job.path(), copy / job.path().filename());
    Json result = json_of(copy / job.path().filename() / "result.json");
    result["result"]["train"]["weights_sha256"] = "0";
    std::ofstream(copy / job.path().filename() / "result.json") << result.dump();
    // And whose trace is that of the clean run, which parts from it at once.
    for (const fs::directory_entry& clean : fs::directory_iterator(*out_ / "runs"))
      if (json_of(clean.path() / "job.json")["name"] == "C0/0")
        fs::copy_file(clean.path() / "trace.jsonl", copy / job.path().filename() / "trace.jsonl",
                      fs::copy_options::overwrite_existing);
    const Outcome other =
        Process(folder_->path(), {"replay", (copy / job.path().filename()).string(), "--adopt",
                                  (*out_ / "runs").string()})
            .wait();
    EXPECT_EQ(other.code, 1) << other.err;
    EXPECT_NE(other.out.find("/train/weights_sha256"), std::string::npos) << other.out;
    EXPECT_NE(other.out.find("step 1 is the first that differs"), std::string::npos) << other.out;
    EXPECT_EQ(Process(folder_->path(), {"replay", job.path().string(), "--steps", "2"}).wait().code,
              2);
    return;
  }
  FAIL() << "no job W100/0";
}

TEST_F(Reproduce, ClaimsJudgesTheFolderAgain) {
  const Outcome claims = Process(folder_->path(), {"claims", out_->string()}).wait();
  // Nothing is learned at this scale, so the positive controls are not seen: a gate fails.
  EXPECT_EQ(claims.code, 1) << claims.err;
  EXPECT_NE(claims.out.find("K10"), std::string::npos);
}

TEST_F(Reproduce, TheReportHoldsInABrowser) { expect_readable_report(*out_ / "report.html"); }

TEST_F(Reproduce, RefusesWhatItDoesNotKnow) {
  const Outcome scale =
      Process(folder_->path(), {"reproduce", "--scale", "huge", "--out", "x"}).wait();
  EXPECT_EQ(scale.code, 2);
  const Outcome data = Process(folder_->path(), {"reproduce", "--scale", "smoke", "--data",
                                                 "easy-vqa:nowhere", "--dry-run", "--out", "x"})
                           .wait();
  EXPECT_EQ(data.code, 3);  // jobs are known by what their data hold, so a plan reads them
  EXPECT_NE(data.err.find("nowhere: expected easy-VQA's folder"), std::string::npos) << data.err;
}

}  // namespace
}  // namespace chainline::test
