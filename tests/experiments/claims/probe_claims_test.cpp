#include <gtest/gtest.h>

#include "tests/experiments/claims/judged.h"

namespace chainline::experiments {
namespace {

TEST(ProbeClaims, AboutHiddenStatesNeedABaseThatReads) {
  Json analysis = in_true_world().analysis;
  const auto read = [&](double normal, double large) {
    analysis["legibility"][0]["normal"]["characters"] = normal;
    analysis["legibility"][0]["large"]["characters"] = large;
    return judge_analysis(analysis);
  };
  const Judged none = read(0.79, 0.95);  // runs show the normal size
  for (const char* id : {"K5", "K6", "K7", "K8", "K9"}) {
    EXPECT_EQ(none.verdict(id), kNotDecidable) << id;
    EXPECT_NE(none.why(id).find("reads 79 % of the characters"), std::string::npos) << none.why(id);
    EXPECT_NE(none.why(id).find("large cards 95 %"), std::string::npos) << none.why(id);
  }
  EXPECT_EQ(none.verdict("K2"), kSupported);
  EXPECT_EQ(read(0.8, 0.1).verdict("K5"), kSupported);
}

TEST(ProbeClaims, FindNoMemoryWhereW100sProbeReadsSwappedRunsTheSameWay) {
  World world = small_world();
  world.users = 128;
  world.swapped = 1;
  const Judged j = judge(study_in(world));
  EXPECT_EQ(j.verdict("K5"), kNotSupported) << j.why("K5");
  EXPECT_NE(j.why("K5").find("W100's probe tells on SW"), std::string::npos) << j.why("K5");
  EXPECT_NE(j.why("K5").find("on U3 "), std::string::npos) << j.why("K5");
}

TEST(ProbeClaims, AreNotRefutedByAProbeThatFindsNothingInAnotherRun) {
  // At one half, however precisely: W100's probe may just not fit another model's states.
  const auto told = [](double share) {
    Json analysis = in_true_world().analysis;
    for (Json& row : analysis["transfer"])
      if (row["condition"] == "SW" && row["question"] == "username") {
        row.update({{"mean", share}, {"t_low", share - 0.001}, {"t_high", share + 0.001}});
        row.update({{"p_less", 0.5}, {"per_run", {share - 0.001, share, share + 0.001}}});
      }
    return judge_analysis(analysis);
  };
  EXPECT_EQ(told(0.5).verdict("K5"), kNotDecidable) << told(0.5).why("K5");
  EXPECT_EQ(told(0.55).verdict("K5"), kNotSupported) << told(0.55).why("K5");
}

TEST(ProbeClaims, RestOnALinkThatIsMoreThanWhatThePicturesPrefer) {
  World world = small_world();
  world.runs = 3;
  world.preference = 0;
  world.liking = 3;
  const Judged j = judge(study_in(world));
  EXPECT_EQ(j.gate("L-0.4"), "failed");
  const std::string evidence = find_row(j.gates, {{"id", "L-0.4"}})->at("evidence");
  EXPECT_NE(evidence.find("L-0.4 alone +"), std::string::npos) << evidence;
}

TEST(ProbeClaims, OfASecondTuningAreRefutedOnlyWhereItsProbeSeesTheControl) {
  Json analysis = in_true_world().analysis;
  for (Json& d : analysis["separation"]["username"]["differences"])
    if (d["b"] == "C0" && d["a"] == "W100" && d["tuning"] == "full") {
      d.update({{"mean", -0.2}, {"t_low", -0.21}, {"t_high", -0.19}, {"p", 1}});
      d["per_run"] = {-0.2, -0.201, -0.199};
    }
  EXPECT_EQ(judge_analysis(analysis).verdict("K8"), kNotSupported);
  for (Json& c : analysis["separation"]["username"]["conditions"])
    if (c["condition"] == "T" && c["tuning"] == "full")
      for (Json& layer : c["layers"]) layer["p_corrected"] = 0.5;
  const Judged blind = judge_analysis(analysis);
  EXPECT_EQ(blind.verdict("K8"), kNotDecidable) << blind.why("K8");
  EXPECT_NE(blind.why("K8").find("does not see the positive control T there"), std::string::npos)
      << blind.why("K8");
}

TEST(ProbeClaims, AreNotRefutedWhereOnlyAFrozenEncoderTellsTheControl) {
  Json analysis = in_true_world().analysis;
  for (Json& d : analysis["separation"]["username"]["differences"])
    if (d["b"] == "C0" && d["a"] == "W100" && d["tuning"] == "full") {
      d.update({{"mean", -0.2}, {"t_low", -0.21}, {"t_high", -0.19}, {"p", 1}});
      d["per_run"] = {-0.2, -0.201, -0.199};
    }
  const auto verdict_where_seen_in = [&](const std::string& part) {
    Json copy = analysis;
    for (Json& c : copy["separation"]["username"]["conditions"])
      if (c["condition"] == "T" && c["tuning"] == "full")
        for (Json& layer : c["layers"])
          layer["p_corrected"] = layer["layer"].get<std::string>().starts_with(part) ? 0.001 : 0.5;
    return judge_analysis(copy).verdict("K8");
  };
  EXPECT_EQ(verdict_where_seen_in("vision"), kNotDecidable);
  EXPECT_EQ(verdict_where_seen_in("decoder layer 3"), kNotSupported);
}

TEST(ProbeClaims, AskForNinetyPercentLimitsOfEquivalence) {
  Json analysis = in_true_world().analysis;
  for (Json& e : analysis["effects"])
    if (e["condition"] == "W100" && e["measure"] == "forced" && e["tuning"] == "lora")
      e.update({{"mean", 0.05},
                {"t_low", -0.02},
                {"t_high", 0.12},
                {"low_90", 0.005},
                {"high_90", 0.095}});
  EXPECT_EQ(judge_analysis(analysis).verdict("K7"), kSupported);
  for (Json& e : analysis["effects"])
    if (e["condition"] == "W100" && e["measure"] == "forced") e["high_90"] = 0.105;
  EXPECT_EQ(judge_analysis(analysis).verdict("K7"), kNotDecidable);
  for (Json& e : analysis["effects"])
    if (e["condition"] == "W100" && e["measure"] == "forced") e["high_90"] = 0.09, e["runs"] = 2;
  EXPECT_EQ(judge_analysis(analysis).verdict("K7"), kNotDecidable);
}

TEST(ProbeClaims, CompareLayersOverRuns) {
  Json analysis = in_true_world().analysis;
  for (Json& c : analysis["separation"]["username"]["contrasts"])
    if (c["condition"] == "W100" && c["of"] == "other decoder layers") {
      EXPECT_EQ(c["p_from"], "p_t");
      EXPECT_EQ(c["p"], c["p_t"]);
      c["p"] = 0.3;
    }
  EXPECT_EQ(judge_analysis(analysis).verdict("K6"), kNotDecidable);
}

TEST(ProbeClaims, AboutClustersNeedTheControlsAndAllRunsP) {
  World world = small_world();
  world.runs = 5;
  world.users = 32;
  world.silhouette_control = 0.1;
  const Judged blind = judge(study_in(world));
  EXPECT_EQ(blind.verdict("K9"), kNotDecidable) << blind.why("K9");
  EXPECT_NE(blind.why("K9").find("the positive control T reaches 0.1"), std::string::npos)
      << blind.why("K9");
  world.silhouette = 0.05;  // nor is it refuted by what the control does not show
  EXPECT_EQ(judge(study_in(world)).verdict("K9"), kNotDecidable);

  const Json& analysis = in_true_world().analysis;
  EXPECT_EQ(judge_analysis(analysis).verdict("K9"), kSupported);
  const auto changed = [&](const char* place, const auto& change) {
    Json copy = analysis;
    for (Json& row : copy["silhouettes"])
      if (row["condition"] == "W100" && row["tuning"] == "lora" && row["place"] == place)
        change(row);
    return judge_analysis(copy).verdict("K9");
  };
  for (const char* place : {"decoder layer 2", "t-SNE plane"}) {
    EXPECT_EQ(changed(place, [](Json& row) { row["p"] = 0.3; }), kNotDecidable) << place;
    EXPECT_EQ(changed(place, [](Json& row) { row["p"] = nullptr; }), kNotDecidable) << place;
    EXPECT_EQ(changed(place, [](Json& row) { row["runs"] = 2; }), kNotDecidable) << place;
    const auto low = [](Json& row) {
      row.update({{"mean", 0.1}, {"t_low", 0.09}, {"t_high", 0.11}, {"p", nullptr}});
      row["per_run"] = {0.1, 0.101, 0.099};
    };
    EXPECT_EQ(changed(place, low), kNotSupported) << place;
  }
  EXPECT_EQ(changed("decoder layer 3", [](Json& row) { row["p"] = 0.3; }), kSupported);
}

}  // namespace
}  // namespace chainline::experiments
