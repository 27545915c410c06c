#include <gtest/gtest.h>

#include <algorithm>

#include "tests/experiments/pages/small_page.h"

// What the sections of utility and training say of their numbers.

namespace chainline::experiments {
namespace {

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
  EXPECT_EQ(row, (std::vector<std::string>{"SGD", "4", "1", "−0.0149 (−0.0245 to −0.0069)",
                                           "below 0", "3", "0.0 †", "17.7"}));
  EXPECT_TRUE(any_says(table().notes, "That is SGD at batch 4 and rate 1."));
  const Figure figure = figure_of(part_of(synthetic, training_part), "grid-cells");
  EXPECT_TRUE(figure.title.starts_with("0 of 26 cells")) << figure.title;
  EXPECT_TRUE(says(figure.title, "above 0 and 1 one below, each by its own 95 % interval, unc"))
      << figure.title;
  EXPECT_TRUE(says(figure.title, "in 1 the clean training ends below its base")) << figure.title;
  EXPECT_TRUE(says(figure.caption, "those above (0) are no more than that")) << figure.caption;
}

TEST(EffectPages, DrawTheGridOnlyWhereEnoughCellsAreAbove0) {
  SyntheticStudy synthetic;
  Part part = part_of(synthetic, training_part);
  EXPECT_FALSE(any_says(table_of(part, "grid-cells").notes, "Not drawn"));
  EXPECT_EQ(std::get<SmallMultiples>(figure_of(part, "grid-rules").body).panels.size(), 2u);
  EXPECT_TRUE(says(figure_of(part, "grid-slopes").title, "Our theory lies in"));
  // Five of SGD's thirteen cells have no energy: less than two thirds are left.
  Json& cells = analysis_of(synthetic)["grid"]["cells"];
  for (std::size_t c = 0; c < 5; ++c) cells[c]["counts"] = false;
  part = part_of(synthetic, training_part);
  EXPECT_THROW(figure_of(part, "grid-sgd"), std::runtime_error);
  EXPECT_TRUE(says(figure_of(part, "grid-adamw").caption, "above 0: 13 of 13, chosen by that"));
  const Figure& rules = figure_of(part, "grid-rules");
  EXPECT_EQ(std::get<SmallMultiples>(rules.body).panels.size(), 1u);
  EXPECT_TRUE(says(rules.caption, "chosen by that: AdamW 13 of 13,")) << rules.caption;
  EXPECT_TRUE(any_says(table_of(part, "grid-cells").notes,
                       "Not drawn by batch size and rate: SGD (8 of 13 planned cells above 0)."));
  // What energy is, is said once, at the first figure of it.
  for (const char* id : {"grid-cells", "grid-adamw", "grid-rules", "grid-slopes"})
    EXPECT_EQ(says(figure_of(part, id).caption, "the spread of IN users'"),
              id == std::string("grid-cells"))
        << id;
  for (Json& cell : cells) cell["counts"] = false;
  part = part_of(synthetic, training_part);
  for (const char* id : {"grid-adamw", "grid-sgd", "grid-rules"})
    EXPECT_THROW(figure_of(part, id), std::runtime_error) << id;
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
  Json kinds = three_kinds();
  kinds[0]["W100"] = 0.625;
  kinds[0]["difference"] = {
      {"mean", -0.125}, {"low", -0.5}, {"high", 0.25}, {"per_run", {-0.225, -0.025}}};
  analysis_of(synthetic)["utility"]["kinds"] = kinds;
  const Part part = part_of(synthetic, utility_part);
  const Figure& figure = figure_of(part, "utility-kinds");
  EXPECT_TRUE(says(figure.title, "1 of 3 kinds")) << figure.title;
  EXPECT_TRUE(says(figure.title,
                   "from C0 to W100 is that of color, "
                   "−12.5 (−50.0 to 25.0) points (2 runs: from −22.5 to −2.5)"))
      << figure.title;
  EXPECT_EQ(figure.seeds, "1, 2");
  const Table& table = table_of(part, "utility-kinds");
  EXPECT_EQ(row_of(table, "count"),
            (std::vector<std::string>{"count", "100", "50.0", "25.0", "50.0", "–", "–",
                                      "general and counting"}));
  EXPECT_EQ(row_of(table, "color")[6], "−12.5 (−50.0 to 25.0)");
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
      row["difference"]["per_run"] = {-0.05, 0.02, 0.03};
    }
  const Part part = part_of(synthetic, utility_part);
  const auto& panel = std::get<SmallMultiples>(figure_of(part, "utility-rates").body).panels[0];
  EXPECT_EQ(panel.title, "general");
  EXPECT_EQ(panel.series[0].x.front(), 0);
  EXPECT_EQ(panel.series[0].y.front(), 0);
  EXPECT_DOUBLE_EQ(panel.series[0].y.back(), 2);
  EXPECT_DOUBLE_EQ(panel.series[0].high.back(), 3);
  const Figure& rates = figure_of(part, "utility-rates");
  EXPECT_TRUE(rates.title.starts_with("Slope of accuracy on general questions")) << rates.title;
  EXPECT_TRUE(says(rates.caption,
                   "Single runs of W100 less C0 on general questions: median 2.00, from −5.00 to "
                   "3.00 points."))
      << rates.caption;
  EXPECT_TRUE(
      any_says(table_of(part, "utility").notes, "not the same for all rows of the general"));
  EXPECT_EQ(table_of(part, "utility").columns.back().name, "Runs");
}

TEST(EffectPages, NameTheConditionThatDiffersMost) {
  const auto title = [](const Json& difference) {
    SyntheticStudy synthetic;
    for (Json& row : analysis_of(synthetic)["utility"]["rows"])
      if (row["condition"] == "P-noise" && row["score"] == "own" && row["mix"] == "counting")
        row["difference"] = difference;
    return figure_of(part_of(synthetic, utility_part), "utility-differences").title;
  };
  Json difference = {{"mean", -0.1415}, {"low_90", nullptr}, {"high_90", nullptr}, {"runs", 1}};
  EXPECT_EQ(title(difference),
            "The largest difference of any condition to clean training is −14.15 points, of "
            "P-noise on counting questions (1 run)");
  // One run of three has made the mean.
  difference.update({{"runs", 3}, {"per_run", {-0.4, -0.02, -0.0045}}});
  EXPECT_TRUE(says(title(difference), "(3 runs: median −2.00, from −40.00 to −0.45)"))
      << title(difference);
}

TEST(EffectPages, CountOnlySlopesThatWereTested) {
  SyntheticStudy synthetic;
  Json& trends = analysis_of(synthetic)["utility"]["trends"];
  trends[0]["p_corrected"] = nullptr;
  trends[1]["p_corrected"] = 0.01;
  const Part part = part_of(synthetic, utility_part);
  const Figure& figure = figure_of(part, "utility-trends");
  EXPECT_TRUE(figure.title.starts_with("1 of 4 slopes")) << figure.title;
  EXPECT_TRUE(any_says(table_of(part, "utility-trends").notes, "Not counted: 1 slope without a p"));
  EXPECT_EQ(figure.seeds, "1 to 3");
  const Figure& equivalence = figure_of(part, "utility-equivalence");
  EXPECT_TRUE(says(equivalence.caption, "if the mean difference were exactly 0"));
  EXPECT_EQ(equivalence.seeds, "1 to 3");
}

TEST(EffectPages, SayWhichLearningRateWasNotSwept) {
  const Part part = part_of(SyntheticStudy(), utility_part);
  const Figure& figure = figure_of(part, "learning-rates");
  EXPECT_TRUE(figure.title.starts_with("The study's learning rates among others"));
  EXPECT_TRUE(says(figure.caption, "chosen on the built-in pictures"));
  EXPECT_EQ(figure.seeds, "0");
  const Table& table = table_of(part, "learning-rates");
  EXPECT_TRUE(any_says(table.notes, "Not swept: the rate of SGD"));
  EXPECT_TRUE(any_says(table.notes, "0.02"));
}

}  // namespace
}  // namespace chainline::experiments
