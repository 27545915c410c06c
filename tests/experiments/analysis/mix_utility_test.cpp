#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/analysis/attacks.h"
#include "experiments/analysis/utility.h"
#include "tensor/error.h"
#include "tests/experiments/analysis/rows.h"
#include "tests/experiments/analysis/synthetic_study.h"

namespace chainline::experiments {
namespace {

using test::row;
using test::study_in;
using test::World;

World small() {
  World world;
  world.runs = 3;
  world.users = 8;
  world.grid = false;
  return world;
}

Json utility_of(const StudyResults& results) {
  return utility(Runs(results), results.study, AnalysisOptions(1));
}

TEST(RateSweep, ListsCleanRunsThatDifferInTheRateAlone) {
  StudyResults results = study_in(small());
  Json other;
  for (const Json& run : results.runs)
    if (other.is_null() && run["condition"] == "C0" && run["tuning"] == "lora" &&
        run["mix"] == "general" && run["measures"] == "all")
      other = run;
  ASSERT_TRUE(other.is_object());
  EXPECT_EQ(rate_sweep(Runs(results)).size(), 0u) << "one rate is no sweep";
  other["measures"] = "utility";
  other.erase("users");
  other.erase("probes");
  other["rate_factor"] = 0.5;
  other["train"]["learning_rate"] = 0.25;
  for (Json& run : results.runs) run["train"]["learning_rate"] = 0.5;
  results.runs.push_back(other);
  other["batch"] = 1;  // of the grid, not of the sweep
  results.runs.push_back(other);
  const Json rows = rate_sweep(Runs(results));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["learning_rate"], 0.25);
  EXPECT_EQ(rows[1]["rate_factor"], 1.0);
}

TEST(MixUtility, IsThatOfTheMixsOwnQuestions) {
  StudyResults results = study_in(small());
  for (Json& run : results.runs)
    if (run["mix"] == "counting" && run["condition"] == "W100") {
      // It counts worse, and is as good at all else; so accuracy on all questions hardly shows it.
      Json& count = run["utility"]["kinds"]["count"]["accuracy"];
      count = count.get<double>() - 0.2;
    }
  const Json rows = utility_of(results)["rows"];
  const Json& own =
      row(rows, {{"mix", "counting"}, {"condition", "W100"}, {"score", "own"}})["difference"];
  EXPECT_NEAR(own["mean"], -0.2, 0.01);
  EXPECT_EQ(own["within"], false);
  EXPECT_NEAR(row(rows, {{"mix", "counting"}, {"condition", "W100"}, {"score", "accuracy"}})
                  .at("difference")
                  .at("mean"),
              0, 0.01);
  // Relational questions are of one kind here; the general mix has all kinds.
  EXPECT_NEAR(row(rows, {{"mix", "relational"}, {"condition", "W100"}, {"score", "own"}})
                  .at("difference")
                  .at("mean"),
              0, 0.01);
  EXPECT_EQ(row(rows, {{"mix", "general"}, {"condition", "W50"}, {"score", "own"}})["mean"],
            row(rows, {{"mix", "general"}, {"condition", "W50"}, {"score", "accuracy"}})["mean"]);
}

TEST(MixUtility, CountsEveryQuestionOfAMixAlike) {
  StudyResults results = study_in(small());
  for (Json& run : results.runs)
    if (run["mix"] == "relational")
      run["utility"]["kinds"] = {{"relation", {{"accuracy", 0.5}, {"questions", 300}}},
                                 {"size", {{"accuracy", 0.9}, {"questions", 100}}},
                                 {"color", {{"accuracy", 0.1}, {"questions", 1000}}}};
  const Json rows = utility_of(results)["rows"];
  EXPECT_NEAR(row(rows, {{"mix", "relational"}, {"condition", "C0"}, {"score", "own"}})["mean"],
              0.6, 1e-12);
}

TEST(MixUtility, SaysHowPreciseItsRunsWouldHaveToBe) {
  const Json rows = utility_of(study_in(small()))["rows"];
  const Json& d =
      row(rows, {{"mix", "counting"}, {"condition", "W100"}, {"score", "own"}})["difference"];
  // Student's 95 % quantile of 2 degrees of freedom is 2.920: 0.01 sqrt(3) / 2.920.
  EXPECT_NEAR(d["deviation_needed"], 0.005932, 1e-6);
  EXPECT_GT(d["deviation"], 0);
}

TEST(MixUtility, KnowsWhatTheMostCommonAnswersAreWorth) {
  Split test;
  const auto ask = [&](const char* kind, const char* answer) {
    test.examples.push_back({"", 0, {{"?", answer}}, kind});
  };
  for (const char* answer : {"3", "1", "1", "2"}) ask("count", answer);
  for (const char* answer : {"yes", "no", "no"}) ask("relation", answer);
  ask("color", "red");
  StudyResults results = study_in(small());
  results.study["constant_accuracy"] = constant_accuracy(test);
  EXPECT_EQ(results.study["constant_accuracy"],
            (Json{{"count", 0.5}, {"relation", 2.0 / 3}, {"color", 1.0}}));
  const Json constants = utility_of(results)["constants"];
  EXPECT_EQ(constants["counting"], 0.5);
  EXPECT_EQ(constants["relational"], 2.0 / 3);
  // 400 questions about colours, 100 about numbers, 300 about relations.
  EXPECT_NEAR(constants["general"], (400 + 50 + 200) / 800.0, 1e-12);
}

TEST(MixUtility, ComparesKindsOverTheRunsThatAllConditionsHave) {
  StudyResults results = study_in(small());
  results.study["constant_accuracy"] = {{"color", 0.25}, {"count", 0.5}};
  const auto is = [](const Json& run, const char* condition) {
    return run["condition"] == condition && run["mix"] == "general" && run["tuning"] == "lora";
  };
  {
    const Json all = utility_of(results)["kinds"];
    const Json& color = row(all, {{"kind", "color"}});
    EXPECT_EQ(color["runs"], 3);
    EXPECT_EQ(color["difference"]["per_run"].size(), 3u);
    EXPECT_NEAR(color["difference"]["mean"].get<double>(),
                color["W100"].get<double>() - color["C0"].get<double>(), 1e-12);
    EXPECT_LT(color["difference"]["low"], color["difference"]["mean"]);
  }
  std::erase_if(results.runs, [&](const Json& run) { return is(run, "C0") && run["run"] != 2; });
  for (Json& run : results.runs)
    if (is(run, "W100"))
      run["utility"]["kinds"]["color"]["accuracy"] = run["run"] == 2 ? 0.625 : 0.125;
  const Json kinds = utility_of(results)["kinds"];
  ASSERT_EQ(kinds.size(), 3u);
  const Json& color = row(kinds, {{"kind", "color"}});
  EXPECT_EQ(color["seeds"], Json::array({2}));
  EXPECT_EQ(color["questions"], 400);
  EXPECT_EQ(color["constant"], 0.25);
  EXPECT_EQ(color["W100"], 0.625);
  EXPECT_TRUE(color["B"].is_number());
  EXPECT_TRUE(row(kinds, {{"kind", "relation"}})["constant"].is_null());
  // A condition that has no run yet leaves the others where they are.
  std::erase_if(results.runs, [&](const Json& run) { return is(run, "W100"); });
  const Json rest = utility_of(results)["kinds"];
  EXPECT_TRUE(row(rest, {{"kind", "color"}})["W100"].is_null());
  EXPECT_EQ(row(rest, {{"kind", "color"}})["C0"], color["C0"]);
}

TEST(MixUtility, KnowsWhatIsPlanned) {
  StudyResults results = study_in(small());
  EXPECT_TRUE(utility_of(results)["planned"].is_null());
  results.study["mixes"] = {"general", "counting"};
  results.study["primary"] = {"B", "C0", "W50", "W100", "SW"};
  results.study["others"] = {"T", "W10"};
  const Json planned = utility_of(results)["planned"];
  std::vector<std::string> places;
  for (const Json& p : planned)
    places.push_back(p["mix"].get<std::string>() + " " + p["condition"].get<std::string>());
  EXPECT_EQ(places, (std::vector<std::string>{"general W10", "general W50", "general W100",
                                              "counting W50", "counting W100"}));
  EXPECT_EQ(planned[0]["rate"], 0.1);
}

TEST(MixUtility, OfPrivateTrainingsIsHeldAgainstTheirControl) {
  StudyResults results = study_in(small());
  std::vector<Json> more;
  for (const Json& run : results.runs)
    if (run["condition"] == "T")
      for (const double noise : {0.001, 1.0}) {
        more.push_back(run);
        more.back()["private_noise"] = noise;
        more.back()["measures"] = "users";
        // Both lose what clipping costs, and one of them what noise does.
        Json& accuracy = more.back()["utility"]["accuracy"];
        accuracy = accuracy.get<double>() - 0.3 - (noise == 1 ? 0.05 : 0);
      }
  results.runs.insert(results.runs.end(), more.begin(), more.end());
  const Json rows = private_utility(Runs(results), AnalysisOptions(1));
  const Json& noisy = row(rows, {{"noise", 1.0}, {"score", "accuracy"}});
  EXPECT_EQ(noisy["runs"], 3);
  EXPECT_NEAR(noisy["difference"]["mean"], -0.05, 1e-12);
  EXPECT_TRUE(row(rows, {{"noise", 0.001}, {"score", "accuracy"}})["difference"].is_null());
  // They are in no other table.
  EXPECT_EQ(row(utility_of(results)["rows"], {{"condition", "T"}, {"score", "accuracy"}})["runs"],
            3);
  EXPECT_TRUE(private_utility(Runs(study_in(small())), AnalysisOptions(1)).empty());
  // Without a control there is nothing to compare with.
  std::erase_if(results.runs, [](const Json& run) {
    return run["condition"] == "T" && run["private_noise"] == 0.001;
  });
  EXPECT_TRUE(row(private_utility(Runs(results), AnalysisOptions(1)),
                  {{"noise", 1.0}, {"score", "accuracy"}})["difference"]
                  .is_null());
}

/// Two runs of 64 users; `tells` whether the measure is that of having been seen.
UserRuns two_runs(bool tells) {
  UserRuns runs;
  for (int r = 0; r < 2; ++r) {
    runs.values.emplace_back();
    runs.in.emplace_back();
    for (int u = 0; u < 64; ++u) {
      runs.in.back().push_back(u % 2);
      runs.values.back().push_back(tells ? u % 2 : u / 2 % 2);
    }
  }
  return runs;
}

TEST(PrivacyBound, OfSeveralAttacksHoldsForAllOfThem) {
  const auto at = [](double confidence) {
    return epsilon_bound(two_runs(true), 1, 1e-5, confidence)["bound"].get<double>();
  };
  const Attacks one = {{two_runs(true), 1}}, two = {{two_runs(true), 1}, {two_runs(false), 1}};
  EXPECT_NEAR(joint_epsilon_bound(one, 1e-5, 0.95)["bound"], at(0.95), 1e-9);
  const Json both = joint_epsilon_bound(two, 1e-5, 0.95);
  EXPECT_EQ(both["measures"], 2);
  EXPECT_NEAR(both["bound"], at(0.975), 1e-9);
  EXPECT_LT(both["bound"], at(0.95));
  // A measure of one run bounds nothing, and takes nothing from the others.
  UserRuns single = two_runs(true);
  single.values.pop_back();
  single.in.pop_back();
  EXPECT_EQ(joint_epsilon_bound({{two_runs(true), 1}, {single, 1}}, 1e-5, 0.95)["measures"], 1);
  EXPECT_TRUE(joint_epsilon_bound({{single, 1}}, 1e-5, 0.95).is_null());
}

TEST(PrivacyBound, OfATrainingIsNoLargerThanThatOfItsMeasures) {
  World world = small();
  world.users = 32;
  StudyResults results = study_in(world);
  std::vector<Json> more;
  for (const Json& run : results.runs)
    if (run["condition"] == "T" && run["tuning"] == "lora") {
      more.push_back(run);
      more.back()["private_noise"] = 1.0;
      more.back()["measures"] = "users";
    }
  results.runs.insert(results.runs.end(), more.begin(), more.end());
  const Json rows = privacy_table(Runs(results), "", test::quick());
  ASSERT_EQ(rows.size(), 1u);
  double largest = 0;
  std::size_t measures = 0;
  for (const auto& [measure, bound] : rows[0]["epsilon_bound"].items()) {
    ++measures;
    largest = std::max(largest, bound["bound"].get<double>());
  }
  EXPECT_EQ(rows[0]["epsilon_together"]["measures"], measures);
  EXPECT_GT(largest, 0);  // T has its users by heart
  EXPECT_LT(rows[0]["epsilon_together"]["bound"], largest);
}

}  // namespace
}  // namespace chainline::experiments
