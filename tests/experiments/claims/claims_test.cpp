#include "experiments/claims/claims.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "experiments/claims/joint.h"
#include "experiments/claims/thresholds.h"
#include "experiments/claims/trial.h"
#include "tests/experiments/claims/judged.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

TEST(Claims, AreSupportedInAWorldWhereTheyHold) {
  const Judged& j = in_true_world();
  for (const char* gate : {"T", "L-0.4", "shuffled", "rerun", "twins"})
    EXPECT_EQ(j.gate(gate), "passed") << gate;
  for (const char* id : {"K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9"})
    EXPECT_EQ(j.verdict(id), kSupported) << j.why(id);
  // Exponents of a small grid have wide intervals: that they are not called wrong is all.
  EXPECT_NE(j.verdict("K10"), kNotSupported) << j.why("K10");
  EXPECT_EQ(j.claims.size(), 10u);
}

TEST(Claims, SayWhatTheyRestOnAndWhatMadeThem) {
  const Json& k5 = in_true_world().claim("K5");
  EXPECT_EQ(k5["command"], "chainline reproduce --scale cpu --out out/cpu");
  EXPECT_EQ(k5["rests_on"], (Json{"T", "L-0.4", "shuffled"}));
  EXPECT_GT(k5["effect"]["mean"], 0.1);
  EXPECT_LT(k5["effect"]["low"], k5["effect"]["mean"]);
  EXPECT_LT(k5["effect"]["p"], kLevel);
  EXPECT_EQ(k5["effect"]["runs"], 10);
  EXPECT_EQ(k5["effect"]["users"], 128);
  EXPECT_EQ(k5["tests"].size(), 5u);
  EXPECT_FALSE(k5["threshold"].get<std::string>().empty());
}

TEST(Claims, AreNotSupportedWhereTheModelOnlyReadsCards) {
  // What C0 and the base separate as well is no memory of training.
  World world = small_world();
  world.users = 128;
  world.separation = 0;
  world.reading = 1.2;
  const Judged j = judge(study_in(world));
  EXPECT_EQ(j.gate("T"), "passed");
  EXPECT_EQ(j.verdict("K5"), kNotSupported) << j.why("K5");
  EXPECT_NE(j.verdict("K8"), kSupported) << j.why("K8");
}

TEST(Claims, OfAProbeThatDoesNotSeeTheControlAreNotDecidable) {
  World world = small_world();
  world.users = 128;
  world.separation = 0;
  const Judged j = judge(study_in(world));
  EXPECT_EQ(j.gate("T"), "passed");  // by exposure
  for (const char* id : {"K5", "K6", "K7", "K8"})
    EXPECT_EQ(j.verdict(id), kNotDecidable) << j.why(id);
  EXPECT_NE(j.why("K5").find("does not see the positive control T"), std::string::npos)
      << j.why("K5");
}

TEST(Claims, AreWithheldWhereAGateFails) {
  World world = small_world();
  world.exposure = 0;
  const Judged j = judge(study_in(world));
  EXPECT_EQ(j.gate("T"), "failed");
  EXPECT_EQ(j.gate("L-0.4"), "passed");
  for (const char* id : {"K5", "K6", "K7", "K8", "K9", "K10"}) {
    EXPECT_FALSE(j.claim(id).contains("verdict")) << id;
    EXPECT_FALSE(j.claim(id).contains("tests")) << id;
    EXPECT_TRUE(j.claim(id)["withheld"].get<std::string>().starts_with("gate T failed")) << id;
  }
  EXPECT_EQ(j.verdict("K1"), kSupported);  // it rests on the twins alone
}

TEST(Claims, AboutGradientsAreWithheldIfIdenticalDataDiffer) {
  World world = small_world();
  world.rerun = 1 - 1e-15;  // however little
  const Judged rerun = judge(study_in(world));
  EXPECT_EQ(rerun.gate("rerun"), "failed");
  EXPECT_EQ(rerun.verdict("K2"), "withheld");
  EXPECT_EQ(rerun.verdict("K1"), kSupported);
  world.rerun = 1;
  world.rate_0 = 1e-30;
  const Judged twins = judge(study_in(world));
  EXPECT_EQ(twins.gate("twins"), "failed");
  for (const char* id : {"K1", "K2", "K3", "K4", "K10"})
    EXPECT_EQ(twins.verdict(id), "withheld") << id;
}

TEST(Claims, FailTheShuffledGateByMoreThanThePermittedBias) {
  Json analysis = in_true_world().analysis;
  Json& relabelled = analysis["relabelled"]["auc"];
  const auto status_at = [&](double mean) {
    relabelled["mean"] = mean;
    for (const char* low : {"low", "t_low"}) relabelled[low] = mean - 0.002;
    for (const char* high : {"high", "t_high"}) relabelled[high] = mean + 0.002;
    return judge_analysis(analysis).gate("shuffled");
  };
  EXPECT_EQ(status_at(0.508), "passed");
  EXPECT_EQ(status_at(0.53), "failed");
  EXPECT_EQ(status_at(0.47), "failed");
}

TEST(Claims, OfAnUnfinishedStudySayWhatIsNotThereYet) {
  World world = small_world();
  StudyResults results = study_in(world);
  std::erase_if(results.runs, [](const Json& run) {
    return run["condition"] == "SW" || run["condition"] == "L-0.4";
  });
  const Judged j = judge(results);
  EXPECT_EQ(j.gate("L-0.4"), "missing");
  EXPECT_EQ(j.verdict("K5"), "withheld");
  EXPECT_NE(j.why("K5").find("gate L-0.4 cannot be judged: it needs runs of L-0.4"),
            std::string::npos)
      << j.why("K5");
  results = study_in(world);
  std::erase_if(results.runs, [](const Json& run) { return run["condition"] == "L-0"; });
  EXPECT_EQ(judge(results).gate("L-0.4"), "missing");
  const Judged nothing = judge({});
  for (const Json& gate : nothing.gates) EXPECT_EQ(gate["status"], "missing");
  for (const Json& claim : nothing.claims) EXPECT_TRUE(claim.contains("withheld"));
  // With its gates there, a claim says itself what it needs.
  results = study_in(world);
  std::erase_if(results.runs, [](const Json& run) { return run["condition"] == "SW"; });
  const Judged without = judge(results);
  EXPECT_EQ(without.verdict("K5"), kNotDecidable);
  EXPECT_NE(without.why("K5").find("it needs probed runs of SW"), std::string::npos)
      << without.why("K5");
  results = study_in(world);
  std::erase_if(results.runs, [](const Json& run) { return run["tuning"] == "full"; });
  const Judged one_way = judge(results);
  EXPECT_EQ(one_way.verdict("K8"), kNotDecidable);
  EXPECT_NE(one_way.why("K8").find("full tuning"), std::string::npos) << one_way.why("K8");
}

TEST(Claims, OfTwoRunsAreNotDecidable) {
  World world = small_world();
  world.runs = 2;
  world.separation = 3;
  const Judged j = judge(study_in(world));
  for (const char* id : {"K1", "K5", "K6", "K8"})
    EXPECT_EQ(j.verdict(id), kNotDecidable) << j.why(id);
  EXPECT_NE(j.why("K5").find("2 runs, where 3 are the fewest"), std::string::npos) << j.why("K5");
}

TEST(Claims, AreProvisionalWhileRunsThatWerePlannedAreMissing) {
  World world = small_world();
  world.runs = 3;
  world.users = 32;
  StudyResults results = study_in(world);
  EXPECT_EQ(judge(results).claim("K5")["provisional"], false);
  results.study["planned"] = {{"bases", 1}, {"runs", 100000}, {"gradients", 2}, {"twins", 1}};
  const Judged half = judge(results);
  EXPECT_EQ(half.claim("K5")["provisional"], true);
  EXPECT_TRUE(half.claim("K5")["reason"].get<std::string>().starts_with("provisional (unfinished"))
      << half.why("K5");
  results.study["planned"]["runs"] = 1;
  EXPECT_EQ(judge(results).claim("K5")["provisional"], false);
}

TEST(Claims, AreRefutedByWhatTheProtocolSaysRefutesThem) {
  World world = small_world();
  world.runs = 5;
  world.drop = 0.05;
  world.plateau = 0.9;
  world.placebo = 1;
  world.transform = 30;
  world.prompt = 1.2;
  world.silhouette = 0.05;
  const Judged j = judge(study_in(world));
  EXPECT_EQ(j.verdict("K1"), kNotSupported) << j.why("K1");
  EXPECT_EQ(j.verdict("K2"), kNotSupported) << j.why("K2");  // the change is the placebo's
  EXPECT_EQ(j.verdict("K3"), kNotSupported) << j.why("K3");
  EXPECT_EQ(j.verdict("K4"), kNotSupported) << j.why("K4");  // most of it stays
  EXPECT_EQ(j.verdict("K7"), kNotSupported) << j.why("K7");  // asking works, too
  EXPECT_EQ(j.verdict("K9"), kNotSupported) << j.why("K9");
  // The least level at which a test says no is below the level where one does: a study has the same
  // verdicts as the only one of several.
  for (const Json& joint : judge_jointly({j.claims}))
    EXPECT_EQ(joint["verdict"], j.verdict(joint["id"])) << joint;
}

TEST(Claims, JudgeExponentsByTheirIntervals) {
  const auto verdict = [](double sgd_b, double half, std::int64_t left_out = 0) {
    Json analysis = in_true_world().analysis;
    const auto exponent = [&](double at, double theory) {
      const double spread = half / 2.484;  // of three runs, whose 95 % interval it makes
      return Json{{"estimate", at},
                  {"low", at - half},
                  {"high", at + half},
                  {"per_run", {at - spread, at, at + spread}},
                  {"theory", theory}};
    };
    const Json reference = {{"mean", 1.0}, {"low", 0.5}, {"high", 1.5},
                            {"p", 0.001},  {"runs", 3},  {"users", 128}};
    analysis["grid"]["fits"] = {{{"optimizer", "sgd"},
                                 {"cells", 9},
                                 {"planned", 9},
                                 {"runs", 3},
                                 {"reference", reference},
                                 {"left_out", left_out},
                                 {"eta", exponent(2, 2)},
                                 {"b", exponent(sgd_b, -2)}},
                                {{"optimizer", "adamw"},
                                 {"cells", 9},
                                 {"planned", 9},
                                 {"runs", 3},
                                 {"reference", reference},
                                 {"left_out", 0},
                                 {"eta", exponent(2.1, 2)},
                                 {"b", exponent(-0.9, -1)}}};
    return judge_analysis(analysis).verdict("K10");
  };
  EXPECT_EQ(verdict(-2, 0.2), kSupported);
  EXPECT_EQ(verdict(-1, 0.1), kNotSupported);
  EXPECT_EQ(verdict(-1, 0.4), kNotDecidable);  // at 95 % alone
  EXPECT_EQ(verdict(-2, 0.7), kNotDecidable);
  EXPECT_EQ(verdict(-2, 0.2, 4), kNotDecidable);  // 4 of 9 cells show no energy
}

TEST(Claims, AreTheSameFromFigureFilesAsFromFigures) {
  const Judged& j = in_true_world();
  const Judged read = judge_analysis(parse_json(j.analysis.dump(), "results"));
  EXPECT_TRUE(read.gates == j.gates);
  EXPECT_TRUE(read.claims == j.claims);
}

TEST(Claims, CallSeparationInANullWorldRarely) {
  // All five tests of K5 must agree, so that no null world of 12 may pass it at the 5 % level: even
  // if one test decided, two or more of 12 would be as rare as 12 %.
  int supported = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    World world = small_world();
    world.seed = seed;
    world.runs = 4;
    world.users = 32;
    world.separation = 0;
    supported += judge(study_in(world)).verdict("K5") == kSupported;
  }
  EXPECT_EQ(supported, 0);
}

TEST(Claims, RefuseAnAnalysisThatIsNone) {
  EXPECT_EQ(test::message_of<FileError>([] { judge_gates(Json::array()); }),
            "judge_gates: analysis: expected an object, got array");
}

TEST(Trials, AreCorrectedTogether) {
  const Json row = {{"mean", 0.1}, {"t_low", 0.05}, {"t_high", 0.15}, {"runs", 5}, {"users", 8}};
  std::vector<Trial> trials = {above_trial("a", row, 0.03, 0.02),
                               above_trial("b", row, 0.03, 0.04)};
  correct_trials(trials);
  EXPECT_EQ(trials[0].p_corrected, 0.04);
  EXPECT_EQ(trials[1].p_corrected, 0.04);
  EXPECT_EQ(trials[0].answer, Answer::yes);
  trials.push_back(above_trial("c", row, 0.03, 0.04));
  correct_trials(trials);
  EXPECT_EQ(trials[0].answer, Answer::open);  // 0.06 of three
}

TEST(Trials, SayNoByLimitsThatCountTheTrials) {
  // Of 5 runs with the standard error 0.01 the limits at 95 % reach 2.776 of them, at 1 - 5 % / 5
  // 4.604: below 0.03 lies the first alone.
  const double s = 0.01 * std::sqrt(5.0) / std::sqrt(2.5);
  const Json row = {{"mean", 0}, {"t_low", -0.02776}, {"t_high", 0.02776},
                    {"runs", 5}, {"users", 8},        {"per_run", {-2 * s, -s, 0, s, 2 * s}}};
  const auto answer = [&](std::size_t trials, double minimum) {
    std::vector<Trial> list(trials, above_trial("a", row, minimum, 0.9));
    correct_trials(list);
    return list.front();
  };
  EXPECT_EQ(answer(1, 0.03).answer, Answer::no);
  EXPECT_EQ(answer(5, 0.03).answer, Answer::open);
  EXPECT_NEAR(answer(5, 0.03).wide_high, 0.04604, 1e-5);
  EXPECT_NE(answer(5, 0.03).note.find("99 %"), std::string::npos) << answer(5, 0.03).note;
  EXPECT_EQ(answer(5, 0.0461).answer, Answer::no);
  // An equivalence is refuted the same way, and shown without.
  const auto between = [&](std::size_t trials, double from, double to) {
    Trial trial = between_trial("b", 0, -0.0213, 0.0213, from, to);
    trial.per_run = row["per_run"].get<std::vector<double>>();
    trial.runs = 5;
    std::vector<Trial> list(trials, trial);
    correct_trials(list);
    return list.front().answer;
  };
  EXPECT_EQ(between(1, 0.03, 0.06), Answer::no);
  EXPECT_EQ(between(5, 0.03, 0.06), Answer::open);
  EXPECT_EQ(between(5, -0.03, 0.03), Answer::yes);
}

}  // namespace
}  // namespace chainline::experiments
