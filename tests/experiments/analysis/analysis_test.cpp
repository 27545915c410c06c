#include "experiments/analysis/analysis.h"

#include <gtest/gtest.h>

#include <cmath>

#include "experiments/analysis/attacks.h"
#include "experiments/analysis/energy.h"
#include "tests/experiments/analysis/rows.h"
#include "tests/experiments/analysis/synthetic_study.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::row;
using test::study_in;
using test::World;

World null_world(std::uint64_t seed) {
  World world;
  world.seed = seed;
  world.exposure = world.preference = world.separation = world.energy = 0;
  world.grid = false;
  return world;
}

AnalysisOptions quick(std::uint64_t seed = 1) {
  AnalysisOptions options(seed);
  options.replicates = 200;
  options.relabellings = 400;
  options.draws = 2000;
  return options;
}

const Json& layer_of(const Json& analysis, const std::string& condition, const std::string& layer) {
  return row(row(analysis["separation"]["username"]["conditions"], {{"condition", condition}})
                 .at("layers"),
             {{"layer", layer}});
}

/// One analysis of the default world for all tests that only look at it.
const Json& planted() {
  static const Json analysis = analyse(study_in({}), quick());
  return analysis;
}

TEST(Analysis, FindsThePlantedEffects) {
  const Json& effects = planted()["effects"];
  const Json& exposure = row(effects, {{"condition", "T"}, {"measure", "exposure"}});
  // 10 runs of 32 + 32 users with standard deviation 1.44 have the standard error 0.114.
  EXPECT_NEAR(exposure["mean"], 4, 4 * 0.114);
  EXPECT_LT(exposure["low"], 4);
  EXPECT_GT(exposure["high"], 4);
  EXPECT_LT(exposure["p_corrected"], 0.05);
  EXPECT_EQ(exposure["runs"], 10);
  EXPECT_EQ(exposure["users"], 64);
  EXPECT_EQ(exposure["seeds"].size(), 10u);
  // The standard error of a difference of normal means is 0.079.
  EXPECT_NEAR(row(effects, {{"condition", "L-0.4"}, {"measure", "preference"}})["mean"], 3,
              4 * 0.079);
  EXPECT_NEAR(row(effects, {{"condition", "L-0.1"}, {"measure", "preference"}})["mean"], 0.75,
              4 * 0.079);
}

TEST(Analysis, ChoosesThePrimaryLayerByThePositiveControl) {
  EXPECT_EQ(planted()["primary"]["layer"], "decoder layer 2");
  EXPECT_EQ(planted()["primary"]["chosen_by"], "positive control T");
  EXPECT_EQ(planted()["primary"]["runs"], 10);
  StudyResults results = study_in({});
  std::erase_if(results.runs, [](const Json& run) { return run["condition"] == "T"; });
  const Json without = analyse(results, quick());
  EXPECT_EQ(without["primary"]["layer"], "decoder layer 3");
  EXPECT_EQ(without["primary"]["chosen_by"], "last decoder layer");
}

TEST(Analysis, SeesTheSeparationWhereItIs) {
  const Json& there = layer_of(planted(), "W100", "decoder layer 2");
  // Two normal distributions 1.2 apart: Phi(1.2 / sqrt 2) = 0.802; the standard error of ten AUCs
  // of 32 and 32 is some 0.055 / sqrt(10) = 0.017.
  EXPECT_NEAR(there["auc"]["mean"], 0.802, 4 * 0.017);
  EXPECT_LT(there["p_corrected"], 0.05);
  EXPECT_NEAR(there["control"], 0.5, 0.02);
  EXPECT_GT(layer_of(planted(), "W100", "vision layer 1")["p_corrected"], 0.05);
  EXPECT_GT(layer_of(planted(), "C0", "decoder layer 2")["p_corrected"], 0.05);
  const Json& differences = planted()["separation"]["username"]["differences"];
  for (const char* b : {"C0", "U3", "W50"}) {
    const Json& d = row(differences, {{"a", "W100"}, {"b", b}});
    EXPECT_LT(d["p"], 0.05) << b;
    EXPECT_GT(d["low"], 0) << b;
    EXPECT_EQ(d["runs"], 10) << b;
  }
}

TEST(Analysis, FindsTheSwapByAnotherRunsProbeAlone) {
  // A probe of SW's own states tells IN from OUT as well as W100's, and with the same sign.
  EXPECT_LT(layer_of(planted(), "SW", "decoder layer 2")["p_corrected"], 0.05);
  const auto read = [](const char* condition, const char* layer) -> const Json& {
    return row(planted()["transfer"],
               {{"condition", condition}, {"question", "username"}, {"layer", layer}});
  };
  const Json& swapped = read("SW", "decoder layer 2");
  // Of 32 pairs the standard error of a share of 0.2 is 0.071, of ten such 0.022; of one half 0.028.
  EXPECT_NEAR(swapped["mean"], 1 - 0.802, 4 * 0.022);
  EXPECT_NEAR(swapped["pooled_auc"], 1 - 0.802, 4 * 0.017);
  EXPECT_LT(swapped["t_high"], 0.5);
  EXPECT_LT(swapped["p_less"], 0.001);
  EXPECT_GT(swapped["p_greater"], 0.999);
  EXPECT_EQ(swapped["runs"], 10);
  EXPECT_EQ(swapped["per_run"].size(), 10u);
  const Json& third = read("U3", "decoder layer 2");
  EXPECT_NEAR(third["mean"], 0.5, 4 * 0.028);
  EXPECT_GT(third["p_less"], 0.01);
  EXPECT_EQ(planted()["transfer"].size(), 12u);  // SW and U3, two questions, three layers
  // What the model says of a user turns its sign, what a refitted probe decides does not.
  const auto direction = [](const char* measure) {
    return row(planted()["effects"], {{"condition", "SW"}, {"measure", measure}})["direction"];
  };
  EXPECT_EQ(direction("exposure"), -1);
  EXPECT_EQ(direction("phi"), -1);
  EXPECT_EQ(direction("loss"), 1);
  EXPECT_EQ(direction("decision"), 1);
}

TEST(Analysis, ComparesTransferredDecisionsInsideAFoldAlone) {
  // The fits of another fold may have any scale and offset: partners are of one fold.
  World world;
  world.runs = 3;
  world.grid = false;
  StudyResults results = study_in(world);
  const Json before = analyse(results, quick())["transfer"];
  for (Json& run : results.runs) {
    if (run["condition"] != "SW") continue;
    for (const char* question : {"username", "user_id"})
      for (Json& read : run["probes"][question]["transfer"])
        for (std::size_t u = 0; u < run["in"].size(); ++u) {
          const std::size_t pair = std::min(u, run["partners"][u].get<std::size_t>());
          Json& decision = read["decisions"][u];
          if (pair % 2 == 0) decision = 1000 + 0.01 * decision.get<double>();
        }
  }
  const Json after = analyse(results, quick())["transfer"];
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(after[i]["per_run"], before[i]["per_run"]) << i;
}

TEST(Analysis, MeasuresClustersInLayersAndOnTheMap) {
  for (const char* place : {"decoder layer 2", "t-SNE plane"}) {
    const Json& w = row(planted()["silhouettes"],
                        {{"condition", "W100"}, {"tuning", "lora"}, {"place", place}});
    EXPECT_EQ(w["runs"], place[0] == 'd' ? 10 : 3) << place;
    EXPECT_NEAR(w["mean"], 0.4, 0.03) << place;
    EXPECT_NEAR(w["gain"]["mean"], 0.39, 0.04) << place;  // the larger of two near 0.01
    EXPECT_NEAR(w["over_users"]["mean"], 0.35, 0.04) << place;
    EXPECT_EQ(w["p"], 0.005) << place;
    EXPECT_TRUE(
        row(planted()["silhouettes"], {{"condition", "B"}, {"place", place}})["gain"].is_null());
  }
  World world;
  world.runs = 3;
  world.users = 8;
  world.grid = false;
  StudyResults results = study_in(world);
  for (Json& run : results.runs)
    if (run["condition"] == "W100" && run["run"] == 2 && run.contains("probes"))
      for (Json& test : run["probes"]["silhouettes"]) test["p_value"] = nullptr;
  const Json unknown = analyse(results, quick());
  EXPECT_TRUE(row(unknown["silhouettes"], {{"condition", "W100"}, {"place", "decoder layer 2"}})
                  .at("p")
                  .is_null());
}

TEST(Analysis, CallsNothingInANullWorldMoreOftenThanItSays) {
  // 12 worlds of 5 runs, one-sided p of 6 figures each: of the 72 some 3.6 are below 5 %, and more
  // than 10 in one of 500 such tests, if figures of a world were independent.
  int called = 0, covered = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    World world = null_world(seed);
    world.runs = 5;
    world.users = 32;
    const Json analysis = analyse(study_in(world), quick(seed));
    for (const auto& [condition, measure] : std::vector<std::pair<std::string, std::string>>{
             {"T", "exposure"}, {"L-0.4", "preference"}, {"W100", "phi"}, {"W100", "prompt"}}) {
      const Json& effect =
          row(analysis["effects"], {{"condition", condition}, {"measure", measure}});
      called += effect["p"] < 0.05;
      covered += effect["low"] <= 0 && effect["high"] >= 0;
    }
    called += layer_of(analysis, "W100", "decoder layer 2")["p"] < 0.05;
    called += row(analysis["separation"]["username"]["differences"],
                  {{"a", "W100"}, {"b", "C0"}})["p"] < 0.05;
  }
  EXPECT_LE(called, 10);
  EXPECT_GE(covered, 40);  // of 48; at 95 % fewer than 41 are as rare as one in 100
}

TEST(Analysis, MeasuresWhatWatermarksCostAndWhetherTheyCostNothing) {
  World world;
  world.drop = 0.05;
  world.grid = false;
  const Json dropped = analyse(study_in(world), quick());
  const auto difference = [](const Json& analysis, const char* condition) {
    return row(analysis["utility"]["rows"],
               {{"mix", "counting"}, {"condition", condition}, {"score", "accuracy"}})
        .at("difference");
  };
  // Paired, so that the runs' luck of 0.02 is gone: 0.002 sqrt(2 / 10) remain.
  EXPECT_NEAR(difference(dropped, "W100")["mean"], -0.05, 4 * 0.0009);
  EXPECT_EQ(difference(dropped, "W100")["within"], false);
  EXPECT_LT(
      row(dropped["utility"]["trends"], {{"mix", "general"}, {"score", "accuracy"}})["p_corrected"],
      0.05);
  EXPECT_EQ(difference(planted(), "W100")["within"], true);
  EXPECT_GT(
      row(planted()["utility"]["trends"], {{"mix", "general"}, {"score", "accuracy"}})["p_drop"],
      0.01);
  EXPECT_EQ(planted()["utility"]["choice_chance"], 0.25);
}

TEST(Analysis, FitsThePlateauAndComparesGradientChanges) {
  World world;
  world.plateau = 0.6;
  world.transform = 2;
  world.grid = false;
  const Json analysis = analyse(study_in(world), quick());
  const Json& gradients = analysis["gradients"];
  EXPECT_EQ(gradients["size"], 8);
  const Json& ratio = row(gradients["plateaus"], {{"comparison", "W100"}})["ratio"];
  EXPECT_NEAR(ratio["estimate"], 0.6, 0.1);
  EXPECT_LE(ratio["low"], ratio["estimate"]);
  EXPECT_LT(row(planted()["gradients"]["plateaus"], {{"comparison", "W100"}})["ratio"]["high"],
            0.2);
  // norm ratio and cosine belong to a change across the gradient, of which the amplitude is halved.
  const Json& change = row(gradients["ratios"], {{"to", "IMG"}, {"size", 8}});
  EXPECT_NEAR(change["amplitude"]["mean"], 0.5, 0.02);
  EXPECT_NEAR(change["matched"]["mean"], 0.5, 0.02);
  EXPECT_TRUE(row(gradients["ratios"], {{"to", "TXT"}, {"size", 8}})["matched"].is_null());
  EXPECT_EQ(gradients["rerun"]["exactly_one"], true);
  EXPECT_LT(row(gradients["differences"], {{"a", "W100"}, {"b", "W50"}})["high"], 0);
}

TEST(Analysis, NoiseHasNoEnergyOnAverage) {
  RandomSequence random = Generator(3, "noise").sequence(0, 0);
  double sum = 0, squares = 0;
  constexpr int kTrials = 4000;
  for (int i = 0; i < kTrials; ++i) {
    std::vector<double> d;
    std::vector<int> in;
    for (int u = 0; u < 12; ++u) d.push_back(3 + 2 * random.normal()), in.push_back(u < 6);
    const double energy = memorization_energy(d, in);
    sum += energy;
    squares += energy * energy;
  }
  const double error = std::sqrt(squares) / kTrials;
  EXPECT_LT(std::abs(sum / kTrials), 4 * error);
  EXPECT_NEAR(memorization_energy(std::vector<double>{5, 5, 1, 3}, std::vector<int>{1, 1, 0, 0}),
              9 - 2 * 1.5, 1e-12);  // by hand: m = 2, s^2 = 2
  // Weights count users: twice the first is the list with the first twice.
  EXPECT_NEAR(
      memorization_energy(std::vector<double>{5, 7, 1, 3, 3}, std::vector<int>{1, 1, 0, 0, 0}),
      memorization_energy(std::vector<double>{5, 7, 1, 3}, std::vector<int>{1, 1, 0, 0},
                          std::vector<double>{1, 1, 1, 2}),
      1e-12);
}

TEST(Analysis, FindsTheExponentsOfTheGrid) {
  World world;
  world.users = 256;
  world.energy = 16;
  const Json analysis = analyse(study_in(world), quick());
  for (const char* optimizer : {"sgd", "adamw"}) {
    const Json& fit = row(analysis["grid"]["fits"], {{"optimizer", optimizer}});
    for (const char* exponent : {"eta", "b"}) {
      EXPECT_NEAR(fit[exponent]["estimate"], fit[exponent]["theory"].get<double>(), 0.5)
          << optimizer << ' ' << exponent;
      EXPECT_LT(fit[exponent]["low"], fit[exponent]["high"]);
    }
  }
  EXPECT_EQ(row(analysis["grid"]["fits"], {{"optimizer", "sgd"}})["b"]["theory"], -2);
  const Json& rules = analysis["grid"]["rules"];
  EXPECT_NEAR(row(rules, {{"optimizer", "sgd"}, {"rule", "linear"}})["slope"]["estimate"], 0, 0.3);
  EXPECT_NEAR(row(rules, {{"optimizer", "adamw"}, {"rule", "square root"}})["slope"]["estimate"], 0,
              0.3);
  EXPECT_GT(analysis["grid"]["rates"]["t_low"], 0);
}

TEST(Analysis, BoundsWhatLeaksAndByNothingWhereNothingDoes) {
  const Json& attacks = planted()["attacks"];
  const Json& told = row(attacks, {{"condition", "T"}, {"measure", "exposure"}});
  EXPECT_GT(told["epsilon"]["bound"], 1);
  EXPECT_GT(told["lira"]["low"], 0.9);
  const Json& clean = row(attacks, {{"condition", "C0"}, {"measure", "exposure"}});
  EXPECT_LT(clean["epsilon"]["bound"], 0.3);
  EXPECT_NEAR(clean["lira"]["auc"], 0.5, 0.1);
  EXPECT_TRUE(epsilon_bound({{{1, 2}}, {{0, 1}}}, 1, 1e-5, 0.95).is_null());
}

TEST(Analysis, IsAFunctionOfTheResultsAndTheSeed) {
  World world;
  world.runs = 2;
  world.users = 8;
  world.grid = false;
  StudyResults results = study_in(world);
  const std::string once = analyse(results, quick()).dump();
  EXPECT_TRUE(analyse(results, quick()).dump() == once);
  std::reverse(results.runs.begin(), results.runs.end());
  EXPECT_TRUE(analyse(results, quick()).dump() == once);
  EXPECT_FALSE(analyse(results, quick(2)).dump() == once);
}

TEST(Analysis, SaysWhatAnUnfinishedStudyLacks) {
  World world;
  world.runs = 2;
  world.users = 8;
  world.grid = false;
  StudyResults results = study_in(world);
  results.study["planned"] = {{"bases", 1}, {"runs", 100}, {"gradients", 2}, {"twins", 1}};
  std::erase_if(results.runs, [](const Json& run) { return run["condition"] == "SW"; });
  const Json coverage = analyse(results, quick())["coverage"];
  EXPECT_EQ(coverage["complete"], false);
  const auto sentence = coverage["sentence"].get<std::string>();
  EXPECT_TRUE(sentence.starts_with("unfinished: ")) << sentence;
  EXPECT_NE(sentence.find("of 100 runs"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("SW"), std::string::npos) << sentence;
  // Nothing at all is the start of every study.
  const Json nothing = analyse({}, quick());
  EXPECT_TRUE(nothing["primary"].is_null());
  EXPECT_TRUE(nothing["gradients"].is_null());
  EXPECT_TRUE(nothing["effects"].empty());
}

TEST(Analysis, RefusesRunsThatLackTheirCoordinates) {
  StudyResults results;
  results.runs.push_back({{"condition", "C0"}, {"run", 1}, {"tuning", "lora"}});
  EXPECT_EQ(test::message_of<FileError>([&] { analyse(results, quick()); }),
            "runs[0]: missing key \"measures\"");
  AnalysisOptions none = quick();
  none.confidence = 1;
  EXPECT_EQ(test::message_of<ValueError>([&] { analyse({}, none); }),
            "analyse: confidence: expected a share of (0, 1), got 1");
}

}  // namespace
}  // namespace chainline::experiments
