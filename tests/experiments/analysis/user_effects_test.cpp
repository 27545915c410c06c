#include <gtest/gtest.h>

#include "experiments/analysis/analysis.h"
#include "tests/experiments/analysis/rows.h"
#include "tests/experiments/analysis/synthetic_study.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::quick;
using test::row;
using test::study_in;
using test::World;

TEST(UserEffects, TestsDecisionsByRelabelledUsers) {
  const auto decision = [](const Json& analysis) -> const Json& {
    return row(analysis["effects"], {{"condition", "W100"}, {"measure", "decision"}});
  };
  World world;
  world.runs = 3;
  world.grid = false;
  StudyResults results = study_in(world);
  const Json with = analyse(results, quick());
  EXPECT_EQ(decision(with)["p_from"], "relabelled users");
  EXPECT_LT(decision(with)["p"], 0.01);
  for (Json& run : results.runs)
    if (run.contains("probes"))
      for (Json& layer : run["probes"]["username"]["layers"]) layer["auc_control"] = Json::array();
  const Json without = analyse(results, quick());
  EXPECT_TRUE(decision(without)["p"].is_null());
  EXPECT_TRUE(decision(without)["p_from"].is_null());
  EXPECT_TRUE(decision(without)["p_corrected"].is_null());
  EXPECT_EQ(row(without["effects"], {{"condition", "W100"}, {"measure", "phi"}})["p_from"],
            "dealing IN anew");
}

/// One run of C0 with these values of exposure.
StudyResults one_run(const std::vector<int>& in, const Json& exposure, const Json& partners) {
  Json run = {{"condition", "C0"},   {"run", 1},         {"tuning", "lora"},
              {"measures", "users"}, {"mix", "general"}, {"optimizer", "adamw"},
              {"batch", 8},          {"rate_factor", 1}, {"lora_rank", 8},
              {"private_noise", 0},  {"in", in},         {"users", {{"exposure", exposure}}}};
  if (!partners.is_null()) run["partners"] = partners;
  StudyResults results;
  results.runs = {run};
  return results;
}

TEST(UserEffects, DealsINAnewWithinPairsOfUsersWhoShareTheirPictures) {
  const auto p = [](const Json& exposure, const Json& partners) -> double {
    AnalysisOptions options = quick();
    options.relabellings = 8000;
    const StudyResults results = one_run({1, 0, 1, 0, 1, 0, 1, 0}, exposure, partners);
    return row(analyse(results, options)["effects"], {{"measure", "exposure"}}).at("p");
  };
  // Pictures make far more of a difference than being IN, whose 1 is above in each of four pairs: by
  // chance that is so once in 16 deals within them, of the 70 of all users in far more.
  const Json values = {11, 10, 21, 20, 31, 30, 41, 40}, pairs = {1, 0, 3, 2, 5, 4, 7, 6};
  EXPECT_NEAR(p(values, pairs), 1.0 / 16, 0.01);
  EXPECT_GT(p(values, nullptr), 0.25);
  EXPECT_GT(p(values, {-1, -1, -1, -1, -1, -1, -1, -1}), 0.25);  // nobody shares: as if not known
  // Without a value of one user the other cannot change places; three pairs are left.
  Json gap = values;
  gap[7] = nullptr;
  EXPECT_NEAR(p(gap, pairs), 1.0 / 8, 0.015);
}

TEST(UserEffects, DrawPairsForTheirInterval) {
  const auto width = [](const Json& partners) {
    const StudyResults results =
        one_run({1, 0, 1, 0, 1, 0}, {11.5, 10, 21, 20, 30.5, 30}, partners);
    const Json effect = row(analyse(results, quick())["effects"], {{"measure", "exposure"}});
    EXPECT_NEAR(effect["mean"], 1, 1e-12);
    return effect["high"].get<double>() - effect["low"].get<double>();
  };
  EXPECT_LE(width({1, 0, 3, 2, 5, 4}), 1);  // from 0.5 to 1.5 at most, as the pairs differ
  EXPECT_GT(width({1, 0, 3, 2, 5, 4}), 0.2);
  EXPECT_GT(width(nullptr), 10);
}

TEST(UserEffects, TakesWhatPicturesSayLessWhatTheBaseSaysOfThem) {
  const auto effect = [](const Json& analysis, const char* condition,
                         const char* measure) -> const Json& {
    return row(analysis["effects"], {{"condition", condition}, {"measure", measure}});
  };
  World world;
  world.grid = false;
  world.runs = 6;
  StudyResults results = study_in(world);
  const Json with = analyse(results, quick());
  for (const char* measure : {"loss", "phi", "prompt"}) {
    EXPECT_EQ(effect(with, "W100", measure)["reference"], "B") << measure;
    EXPECT_TRUE(effect(with, "B", measure)["reference"].is_null()) << measure;
  }
  for (const char* measure : {"exposure", "preference", "decision"})
    EXPECT_TRUE(effect(with, "W100", measure)["reference"].is_null()) << measure;
  const auto attack = [](const Json& analysis) -> const Json& {
    return row(analysis["attacks"], {{"condition", "W100"}, {"measure", "phi"}});
  };
  EXPECT_EQ(attack(with)["reference"], "B");
  std::vector<Json> base;
  for (const Json& run : results.runs)
    if (run["condition"] == "B") base.push_back(run);
  std::erase_if(results.runs, [](const Json& run) { return run["condition"] == "B"; });
  const Json without = analyse(results, quick());
  EXPECT_TRUE(effect(without, "W100", "phi")["reference"].is_null());
  EXPECT_TRUE(attack(without)["reference"].is_null());
  // The difference of the means is the mean of the differences.
  EXPECT_NEAR(effect(with, "W100", "phi")["mean"].get<double>(),
              effect(without, "W100", "phi")["mean"].get<double>() -
                  effect(with, "B", "phi")["mean"].get<double>(),
              1e-12);
  // Planted with 2 from the pictures and 1 or more of its own: sqrt(1 + 1 + 1 / 2) against
  // sqrt(4 + 1 + 1 / 2) a user.
  const auto width = [](const Json& e) { return e["high"].get<double>() - e["low"].get<double>(); };
  EXPECT_LT(width(effect(with, "W100", "phi")), 0.85 * width(effect(without, "W100", "phi")));
  // Where some runs have a base, the others are left out.
  results.runs.insert(results.runs.end(), base.begin(), base.begin() + 4);
  const Json some = analyse(results, quick());
  EXPECT_EQ(effect(some, "W100", "phi")["seeds"], (Json{1, 2, 3, 4}));
  EXPECT_EQ(effect(some, "W100", "exposure")["runs"], 6);
}

TEST(UserEffects, MeasuresTheLinkAboveThatOfUsersWithoutOne) {
  World world;
  world.grid = false;
  world.runs = 5;
  world.liking = 1;
  const Json analysis = analyse(study_in(world), quick());
  const Json& linked = row(analysis["linked"], {{"condition", "L-0.4"}});
  // Of two runs' normal users 2 (1 / 32 + 1 / 32) / 5 is the variance, half of it of one.
  EXPECT_NEAR(linked["mean"], 3, 4 * 0.158);
  EXPECT_EQ(linked["reference"], "L-0");
  EXPECT_LT(linked["p"], 0.01);
  EXPECT_NEAR(row(analysis["effects"], {{"condition", "L-0.4"}, {"measure", "preference"}})["mean"],
              4, 4 * 0.112);
  world.preference = 0;
  const Json none = analyse(study_in(world), quick());
  EXPECT_GT(row(none["linked"], {{"condition", "L-0.4"}})["p"], 0.01);
  EXPECT_LT(row(none["effects"], {{"condition", "L-0.4"}, {"measure", "preference"}})["p"], 0.01);
}

TEST(UserEffects, RefusePartnersWhoAreNoUsers) {
  const auto message = [](const Json& partners) {
    return test::message_of<FileError>([&] {
      analyse(one_run({1, 0}, {1, 2}, partners), quick());
    });
  };
  EXPECT_EQ(message({1, 2}), "runs[0]: partners: expected users' numbers or -1, got 2");
  EXPECT_EQ(message({1, 0, 1}), "runs[0]: partners: expected those of 2 users, got 3");
}

}  // namespace
}  // namespace chainline::experiments
