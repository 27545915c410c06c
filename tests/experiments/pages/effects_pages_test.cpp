#include <gtest/gtest.h>

#include <algorithm>

#include "tests/experiments/pages/small_page.h"

// What the sections of utility, training, memorization and defence say of their numbers.

namespace chainline::experiments {
namespace {

const Table& table_of(const Part& part, const std::string& id) {
  return std::get<Table>(figure_of(part, id).body);
}

bool any_says(const std::vector<std::string>& texts, const std::string& words) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return says(text, words); });
}

Json& analysis_of(SyntheticStudy& synthetic) { return synthetic.results["analysis"]; }

/// Low-rank effects of a measure after a condition.
Json& effect(SyntheticStudy& synthetic, const std::string& code, const std::string& measure) {
  for (Json& e : analysis_of(synthetic)["effects"])
    if (e["condition"] == code && e["measure"] == measure && e["tuning"] == "lora") return e;
  throw std::runtime_error("no effect of " + code);
}

std::vector<std::string> row_of(const Table& table, const std::string& first) {
  for (const std::vector<std::string>& row : table.rows)
    if (row.front() == first) return row;
  throw std::runtime_error("no row " + first);
}

Value with_runs(std::vector<std::int64_t> numbers) {
  return value_of({{"mean", 1.0}, {"seeds", std::move(numbers)}});
}

TEST(EffectPages, NameTheRunsOfAllRows) {
  EXPECT_EQ(seeds_text({with_runs({0}), with_runs({0, 1, 2}), with_runs({})}), "0 to 2");
  EXPECT_EQ(seeds_text({with_runs({7}), with_runs({2})}), "2, 7");
  EXPECT_EQ(seeds_text(std::vector<Value>()), "");
  SyntheticStudy synthetic;
  effect(synthetic, "B", "exposure")["seeds"] = Json::array({1});  // the first row of the figure
  EXPECT_EQ(figure_of(part_of(synthetic, memorization_part), "exposure").seeds, "1 to 3");
}

TEST(EffectPages, ShowEveryCellOfTheGridAndWhichTrainingsDiverged) {
  SyntheticStudy synthetic;
  Json& grid = analysis_of(synthetic)["grid"];
  const auto table = [&] { return table_of(part_of(synthetic, training_part), "grid-cells"); };
  EXPECT_EQ(table().rows.size(), grid["cells"].size());
  grid.erase("base_accuracy");
  EXPECT_TRUE(any_says(table().notes, "missing")) << "of the base nothing is known";
  grid["base_accuracy"] = 0.5;
  for (Json& cell : grid["cells"]) {
    cell["counts"] = false;
    cell["accuracy"] = cell["clean_accuracy"] = 0.625;
  }
  EXPECT_TRUE(any_says(table().notes, "Of 26 clean trainings whose skill was measured, none"));
  Json& cell = grid["cells"].front();  // SGD at 4
  cell["clean_accuracy"] = 0.0, cell["accuracy"] = 0.177;
  cell["mean"] = -0.0149, cell["low"] = -0.0245, cell["high"] = -0.0069;
  const std::vector<std::string> row = table().rows.front();
  EXPECT_EQ(row, (std::vector<std::string>{"SGD", "4", "1", "−0.0149 (−0.0245 to −0.0069)", "no",
                                           "3", "0.0 †", "17.7"}));
  EXPECT_TRUE(any_says(table().notes, "That is SGD at batch 4 and rate 1."));
  const Figure figure = figure_of(part_of(synthetic, training_part), "grid-cells");
  EXPECT_TRUE(figure.title.starts_with("0 of 26 cells")) << figure.title;
  EXPECT_TRUE(says(figure.title, "in 1 the clean training ends below its base")) << figure.title;
}

/// Three kinds of the general mix, of which the second has no skill to lose.
Json three_kinds() {
  const auto kind = [](const char* name, double questions, double constant, double clean) {
    return Json{{"kind", name},
                {"questions", questions},
                {"constant", constant},
                {"B", 0.25},
                {"C0", clean},
                {"W100", nullptr},
                {"runs", 2},
                {"seeds", {1, 2}}};
  };
  return {kind("color", 300, 0.25, 0.75), kind("count", 100, 0.5, 0.5),
          kind("relation", 100, 0.2, 0.6)};
}

TEST(EffectPages, ShowKindsOfQuestionsWithoutSkillToLose) {
  SyntheticStudy synthetic;
  analysis_of(synthetic)["utility"].erase("kinds");
  EXPECT_TRUE(any_says(part_of(synthetic, utility_part).absent, "kind of question"));
  analysis_of(synthetic)["utility"]["kinds"] = three_kinds();
  const Part part = part_of(synthetic, utility_part);
  const Figure& figure = figure_of(part, "utility-kinds");
  EXPECT_TRUE(says(figure.title, "1 of 3 kinds")) << figure.title;
  EXPECT_EQ(figure.seeds, "1, 2");
  const Table& table = table_of(part, "utility-kinds");
  EXPECT_EQ(row_of(table, "count"),
            (std::vector<std::string>{"count", "100", "50.0", "25.0", "50.0", "–",
                                      "general and counting"}));
  EXPECT_TRUE(any_says(table.notes, "count: after clean training")) << table.notes.front();
  EXPECT_TRUE(any_says(table.notes, "20.0 % of all")) << table.notes.front();
  EXPECT_TRUE(any_says(table.notes, "general and counting")) << table.notes.front();
}

TEST(EffectPages, DrawWhatMarksChangeInPairsOfRuns) {
  SyntheticStudy synthetic;
  for (Json& row : analysis_of(synthetic)["utility"]["rows"])
    if (row["condition"] == "W100" && row["score"] == "own" && row["mix"] == "general") {
      // Its ten runs are worse than the one of C0, but for that of the same number.
      row["mean"] = 0.3;
      row["seeds"] = {1, 2, 3, 4};
      row["difference"].update({{"mean", 0.02}, {"low", 0.01}, {"high", 0.03}});
    }
  const Part part = part_of(synthetic, utility_part);
  const auto& panel = std::get<SmallMultiples>(figure_of(part, "utility-rates").body).panels[0];
  EXPECT_EQ(panel.title, "general");
  EXPECT_EQ(panel.series[0].x.front(), 0);
  EXPECT_EQ(panel.series[0].y.front(), 0);
  EXPECT_DOUBLE_EQ(panel.series[0].y.back(), 2);
  EXPECT_DOUBLE_EQ(panel.series[0].high.back(), 3);
  EXPECT_TRUE(says(figure_of(part, "utility-rates").title, "A line fitted"));
  EXPECT_TRUE(
      any_says(table_of(part, "utility").notes, "not the same for all rows of the general"));
  EXPECT_EQ(table_of(part, "utility").columns.back().name, "Runs");
}

TEST(EffectPages, NameTheConditionThatDiffersMost) {
  SyntheticStudy synthetic;
  for (Json& row : analysis_of(synthetic)["utility"]["rows"])
    if (row["condition"] == "P-noise" && row["score"] == "own" && row["mix"] == "counting")
      row["difference"] = {
          {"mean", -0.1415}, {"low_90", nullptr}, {"high_90", nullptr}, {"runs", 1}};
  EXPECT_EQ(figure_of(part_of(synthetic, utility_part), "utility-differences").title,
            "The largest difference of any condition to clean training is −14.15 points, of "
            "P-noise on counting questions (1 run)");
}

TEST(EffectPages, SayWhichLearningRateWasNotSwept) {
  const Table table = table_of(part_of(SyntheticStudy(), utility_part), "learning-rates");
  EXPECT_TRUE(any_says(table.notes, "Not swept: the rate of SGD"));
  EXPECT_TRUE(any_says(table.notes, "0.02"));
}

TEST(EffectPages, CountThePositiveControlApart) {
  SyntheticStudy synthetic;  // of which T alone stands out
  const Figure figure = figure_of(part_of(synthetic, memorization_part), "measures");
  EXPECT_EQ(figure.title,
            "0 of 171 effects stand out at the corrected 5 % level; of the positive control T, 9 "
            "of 9");
  EXPECT_TRUE(any_says(std::get<Table>(figure.body).notes, "9 families"));
  for (Json& e : analysis_of(synthetic)["effects"])
    if (e["condition"] == "T") e["p_corrected"] = nullptr;
  EXPECT_EQ(figure_of(part_of(synthetic, memorization_part), "measures").title,
            "0 of 171 effects stand out at the corrected 5 % level");
}

TEST(EffectPages, GiveEveryEffectItsInterval) {
  SyntheticStudy synthetic;
  effect(synthetic, "C0", "exact").update({{"mean", 0.0}, {"low", 0.0}, {"high", 0.0}});
  effect(synthetic, "C0", "edit").update({{"low", nullptr}, {"high", nullptr}});
  effect(synthetic, "W50", "phi").update({{"mean", 0.5}, {"low", -0.25}, {"high", 1.25}});
  const Part part = part_of(synthetic, memorization_part);
  const Table& ids = table_of(part, "intervals-ids");
  EXPECT_EQ(ids.rows.size(), 20u);
  EXPECT_EQ(row_of(ids, "C0")[2], "0.000 to 0.000");
  EXPECT_EQ(row_of(ids, "C0")[3], "–");
  EXPECT_TRUE(says(figure_of(part, "intervals-ids").caption, "Without width"));
  EXPECT_TRUE(says(figure_of(part, "intervals-ids").title, "of 75 intervals"))
      << figure_of(part, "intervals-ids").title;
  EXPECT_EQ(row_of(table_of(part, "intervals-answers"), "W50")[2], "−0.250 to 1.250");
  EXPECT_FALSE(says(figure_of(part, "intervals-answers").caption, "Without width"));
}

TEST(EffectPages, ShadeWhatCountsAsChanceWhenAsked) {
  SyntheticStudy synthetic;
  const auto caption = [&] {
    return figure_of(part_of(synthetic, memorization_part), "prompt").caption;
  };
  const Part part = part_of(synthetic, memorization_part);
  const auto& chart = std::get<DotChart>(figure_of(part, "prompt").body);
  ASSERT_TRUE(chart.zone.has_value());
  EXPECT_DOUBLE_EQ(chart.zone->low, 0.45);
  EXPECT_DOUBLE_EQ(chart.zone->high, 0.55);
  EXPECT_TRUE(says(caption(), "Student's over runs.")) << caption();
  EXPECT_TRUE(says(caption(), "without a correction")) << caption();
  Json& rows = analysis_of(synthetic)["prompt"];
  rows.front()["auc"]["t_low"] = rows.front()["auc"]["t_high"] = nullptr;
  EXPECT_TRUE(says(caption(), "where a row has one run")) << caption();
  for (Json& row : rows) row["auc"]["t_low"] = row["auc"]["t_high"] = nullptr;
  EXPECT_FALSE(says(caption(), "Student's")) << caption();
}

TEST(EffectPages, SayWhatIsComparedWithinModelsAndWhatBetweenThem) {
  const Part part = part_of(SyntheticStudy(), memorization_part);
  EXPECT_TRUE(says(part.section.paragraphs.front(), "within a model"));
  EXPECT_TRUE(says(figure_of(part, "dose").caption, "in trainings of its own"));
  EXPECT_TRUE(says(figure_of(part, "preference").caption, "probability 1/2 + gamma"));
}

TEST(EffectPages, CountPrivateTrainingsThatAttacksBound) {
  SyntheticStudy synthetic;
  const auto privacy = [&] { return figure_of(part_of(synthetic, defence_part), "privacy"); };
  Json& rows = analysis_of(synthetic)["privacy"];
  for (Json& row : rows) row["epsilon_together"] = nullptr;
  EXPECT_TRUE(says(privacy().title, "bound no epsilon yet")) << privacy().title;
  // What each measure shows by itself is no bound of the largest of them.
  for (Json& row : rows) row["epsilon_bound"]["exposure"]["bound"] = 1000.0;
  EXPECT_TRUE(says(privacy().title, "bound no epsilon yet")) << privacy().title;
  Json& noisy =
      *std::find_if(rows.begin(), rows.end(), [](const Json& row) { return row["noise"] == 1.0; });
  noisy["epsilon_together"] = {{"bound", 0.5}, {"measures", 9}};
  EXPECT_TRUE(says(privacy().title, "in 0 of 1 settings")) << privacy().title;
  noisy["epsilon_together"]["bound"] = 20.0;
  EXPECT_TRUE(says(privacy().title, "in 1 of 1 settings")) << privacy().title;
  for (const char* words : {"(9 at most)", "Bonferroni", "dealt within pairs", "not refute it"})
    EXPECT_TRUE(says(privacy().caption, words)) << words;
  EXPECT_TRUE(
      says(figure_of(part_of(synthetic, defence_part), "attacks").caption, "a trial of its own"));
}

}  // namespace
}  // namespace chainline::experiments
