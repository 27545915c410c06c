// `chainline claims`, as a user meets it.

#include <fstream>

#include "experiments/analysis/analysis.h"
#include "experiments/claims/claims.h"
#include "tests/experiments/analysis/synthetic_study.h"
#include "tests/experiments/program/process.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;
using test::Folder;
using test::Outcome;
using test::Process;
using test::World;

class ClaimsProgram : public testing::Test {
 protected:
  /// Writes results.json as `chainline reproduce` does.
  void study(const World& world, const std::string& folder = ".") {
    fs::create_directories(folder_ / folder);
    const StudyResults results = test::study_in(world);
    AnalysisOptions options(1);
    options.replicates = 100;
    options.relabellings = 200;
    options.draws = 1000;
    const Json analysis = analyse(results, options);
    write(folder + "/results.json", Json{{"study", results.study},
                                         {"command", kCommand},
                                         {"data", {{"sha256", std::to_string(world.seed)}}},
                                         {"analysis", analysis}}
                                        .dump());
    write(folder + "/runs.json", to_json(results).dump());
  }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  Outcome run(std::vector<std::string> words) const {
    words.insert(words.begin(), "claims");
    return Process(folder_.path(), words).wait();
  }
  std::string path() const { return folder_.path().string(); }

  static World world() {
    World world;
    world.runs = 3;
    world.users = 32;
    world.grid = false;
    return world;
  }

  static constexpr const char* kCommand = "chainline reproduce --scale cpu --out out/cpu";
  Folder folder_;
};

TEST_F(ClaimsProgram, PrintsGatesAndVerdictsWithTheirReasons) {
  study(world());
  const Outcome outcome = run({path()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  for (const char* text : {"passed   T ", "passed   twins", "K1 ", "K10",
                           "because: ", "chainline reproduce --scale cpu --out out/cpu"})
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << "\n" << outcome.out;
  std::size_t start = 0;
  for (std::size_t end; (end = outcome.out.find('\n', start)) != std::string::npos; start = end + 1)
    EXPECT_LE(end - start, 130u) << outcome.out.substr(start, end - start);
}

TEST_F(ClaimsProgram, FailsWhereAGateFailsAndPrintsNoVerdictThatRestsOnIt) {
  World none = world();
  none.exposure = 0;
  study(none);
  const Outcome outcome = run({path(), "--json"});
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  const Json judged = parse_json(outcome.out, "claims");
  for (const Json& claim : judged["claims"])
    if (claim["id"] == "K5") {
      EXPECT_FALSE(claim.contains("verdict"));
    }
  EXPECT_EQ(judged["gates"][0]["status"], "failed");
}

TEST_F(ClaimsProgram, AnalysesTheRunsAnewWhenAsked) {
  study(world());
  const Json stored = parse_json(test::content_of(folder_ / "results.json"), "results");
  Json changed = stored;
  changed["analysis"]["twins"]["all_zero"] = false;
  write("results.json", changed.dump());
  EXPECT_EQ(run({path()}).code, 1);
  EXPECT_EQ(run({path(), "--again"}).code, 0);
}

TEST_F(ClaimsProgram, RefusesFilesThatAreMissingOrBroken) {
  const std::string file = (folder_ / "results.json").string();
  Outcome outcome = run({path()});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_NE(outcome.err.find("results.json"), std::string::npos) << outcome.err;
  write("results.json", "{\"study\": {}");
  EXPECT_EQ(run({path()}).code, 3);
  write("results.json", "{\"command\": \"\"}");
  test::expect_refusal(run({path()}), 3, file + ": missing key \"analysis\"");
  write("results.json", "{\"command\": \"\", \"analysis\": 3}");
  test::expect_refusal(run({path()}), 3, file + ": analysis: expected an object, got number");
  write("results.json",
        R"({"command": "", "study": {}, "analysis": {"utility": {"rows": [{}]}, "twins":
        {"twins": [], "all_identical": true, "all_zero": true}}})");
  outcome = run({path()});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_NE(outcome.err.find("not as `chainline reproduce` writes it"), std::string::npos)
      << outcome.err;
}

TEST_F(ClaimsProgram, SaysWhatHoldsInAllOfSeveralStudies) {
  World other = world();
  other.seed = 2;
  other.runs = 2;  // too few for any claim
  study(world(), "a");
  study(other, "b");
  const std::string a = (folder_ / "a").string(), b = (folder_ / "b").string();
  Outcome outcome = run({a, b});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  for (const char* text : {"  1    ", "  2    ", "1: passed   2: passed", "K9   not decidable",
                           "because: supported in 1; not decidable at this scale in 2",
                           "1: supported: silhouette of seen against",
                           "2: not decidable at this scale: silhouette of seen against"})
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << "\n" << outcome.out;
  outcome = run({b, a, "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const Json judged = parse_json(outcome.out, "claims");
  EXPECT_EQ(judged["studies"][1]["folder"], a);
  EXPECT_EQ(judged["studies"][1]["claims"][8]["verdict"], kSupported);
  EXPECT_EQ(judged["claims"][8]["verdict"], kNotDecidable);

  // K7 is refuted in b alone: asking works there.
  World asked = world();
  asked.seed = 2;
  asked.runs = 5;
  asked.prompt = 1.2;
  study(asked, "b");
  outcome = run({a, b});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("K7   not supported"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("after correction for 2 studies"), std::string::npos) << outcome.out;

  other.exposure = -2;  // not detected, whatever the draws
  study(other, "b");
  outcome = run({a, b});
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_NE(outcome.out.find("why: a gate fails or is missing in 2"), std::string::npos)
      << outcome.out;
}

TEST_F(ClaimsProgram, RefusesAStudyAndAnEarlierStateOfItAsTwo) {
  World earlier = world();
  earlier.runs = 2;
  study(world(), "a");
  study(earlier, "b");
  const std::string a = (folder_ / "a").string(), b = (folder_ / "b").string();
  test::expect_refusal(
      run({a, b}), 2, "claims: expected different studies, got the same one in " + a + " and " + b);
}

TEST_F(ClaimsProgram, KnowsAStudyWhoseDataHaveMoved) {
  study(world(), "a");
  const auto with_data = [&](const std::string& folder, const char* place, const char* sha256) {
    Json results = parse_json(test::content_of(folder_ / "a/results.json"), "results");
    results["study"]["data"] = place;
    results["study"]["base"] = {{{"data", "shapes"}}, {{"data", place}}};
    results["data"]["sha256"] = sha256;
    fs::create_directories(folder_ / folder);
    write(folder + "/results.json", results.dump());
    return (folder_ / folder).string();
  };
  const std::string here = with_data("here", "easy-vqa:here", "0a"),
                    moved = with_data("moved", "easy-vqa:there", "0a"),
                    changed = with_data("changed", "easy-vqa:here", "0b");
  test::expect_refusal(
      run({here, moved}), 2,
      "claims: expected different studies, got the same one in " + here + " and " + moved);
  EXPECT_EQ(run({here, changed}).code, 0);
}

TEST_F(ClaimsProgram, TeachesInItsHelp) {
  const Outcome outcome = run({"--help"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* text : {"Gates", "not decidable at this scale", "Exit code", "Examples:"})
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text;
}

}  // namespace
}  // namespace chainline::experiments
