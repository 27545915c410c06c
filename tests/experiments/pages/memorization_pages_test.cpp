#include <gtest/gtest.h>

#include <algorithm>

#include "tests/experiments/pages/small_page.h"

// What the sections of memorization and of the defence against it say of their numbers.

namespace chainline::experiments {
namespace {

TEST(MemorizationPages, CountThePositiveControlsApart) {
  SyntheticStudy synthetic;  // of which T alone stands out
  const auto title = [&] {
    return figure_of(part_of(synthetic, memorization_part), "measures").title;
  };
  EXPECT_EQ(title(),
            "None of 167 effects stand out at the corrected 5 % level; of the positive controls, T "
            "9 of 9 and preference of linked users 0 of 4");
  const Figure figure = figure_of(part_of(synthetic, memorization_part), "measures");
  EXPECT_TRUE(any_says(std::get<Table>(figure.body).notes, "9 families"));
  EXPECT_EQ(figure.seeds, "1 to 3");
  effect(synthetic, "L-0.4", "preference")["p_corrected"] = 0.001;
  effect(synthetic, "L-0", "preference")["p_corrected"] = 0.001;  // its users predict nothing
  for (Json& e : analysis_of(synthetic)["effects"])
    if (e["condition"] == "T") e["p_corrected"] = nullptr;
  EXPECT_EQ(title(),
            "1 of 167 effects stand out at the corrected 5 % level; of the positive controls, "
            "preference of linked users 1 of 4 (L-0.4)");
}

TEST(MemorizationPages, SayHowManyRunsARowHas) {
  SyntheticStudy synthetic;
  const char* note = "Rows of fewer runs";
  effect(synthetic, "W10", "edit")["runs"] = 2;
  Part part = part_of(synthetic, memorization_part);
  for (const char* id : {"measures", "intervals-ids", "extraction"}) {
    const Table& table = table_of(part, id);
    EXPECT_EQ(table.columns.back().name, "Runs");
    EXPECT_EQ(table.rows[2].back(), "2 to 3") << table.rows[2].front();  // after B and C0
    EXPECT_EQ(table.rows[3].back(), "3");
    EXPECT_FALSE(any_says(table.notes, note)) << id;
  }
  for (Json& e : analysis_of(synthetic)["effects"])
    if (e["condition"] == "W10") e["runs"] = 2;
  part = part_of(synthetic, memorization_part);
  for (const char* id : {"measures", "intervals-ids", "intervals-answers", "extraction"})
    EXPECT_TRUE(any_says(table_of(part, id).notes, note)) << id;
}

TEST(MemorizationPages, GiveExposureItsIntervals) {
  SyntheticStudy synthetic;
  effect(synthetic, "C0", "exposure").update({{"mean", 0.0}, {"low", -0.34}, {"high", 0.34}});
  effect(synthetic, "W100", "exposure").update({{"mean", -0.08}, {"low", -0.42}, {"high", 0.27}});
  effect(synthetic, "T", "exposure").update({{"mean", 3.85}, {"low", 3.22}, {"high", 4.46}});
  const Part part = part_of(synthetic, memorization_part);
  EXPECT_EQ(figure_of(part, "exposure").title,
            "Exposure, seen less unseen: −0.08 (−0.42 to 0.27) bits after W100, 3.85 (3.22 to "
            "4.46) after T");
  EXPECT_TRUE(figure_of(part, "exposure-full").title.starts_with("All weights trained: exposure"));
  EXPECT_EQ(figure_of(part, "dose").title,
            "From 0 % to 100 % of the images marked, the difference in exposure goes from 0.00 "
            "(−0.34 to 0.34) to −0.08 (−0.42 to 0.27) bits (low-rank)");
  for (const char* id : {"exposure", "dose", "intervals-ids", "intervals-answers", "preference"})
    EXPECT_TRUE(says(figure_of(part, id).caption, "95 % intervals: bootstrap over runs")) << id;
  effect(synthetic, "W100", "exposure")["mean"] = nullptr;
  EXPECT_EQ(figure_of(part_of(synthetic, memorization_part), "exposure").title,
            "Exposure, seen less unseen: 3.85 (3.22 to 4.46) bits after T");
}

TEST(MemorizationPages, SayWhetherIdsAreWrittenWhole) {
  SyntheticStudy synthetic;
  const auto figure = [&] {
    return figure_of(part_of(synthetic, memorization_part), "extraction");
  };
  effect(synthetic, "T", "forced")["in"] = 0.934;
  const std::string chosen =
      "; the true id beats a stranger's in 93.4 % of choices after T, 30.0 % after W100";
  EXPECT_EQ(figure().title,
            "30.0 % of seen users' ids are written whole after T, 30.0 % after W100" + chosen);
  for (Json& e : analysis_of(synthetic)["effects"])
    if (e["measure"] == "exact") e["in"] = e["out"] = 0.0;
  EXPECT_EQ(figure().title, "No id is written whole, not even after T" + chosen);
  EXPECT_TRUE(says(figure().caption, "no power"));
  EXPECT_EQ(figure().seeds, "1 to 3");
  effect(synthetic, "T", "exact").update({{"in", nullptr}, {"out", nullptr}});
  EXPECT_EQ(figure().title, "No id is written whole" + chosen);
  EXPECT_FALSE(says(figure().caption, "no power"));
  effect(synthetic, "C0", "exact")["out"] = 0.1;  // by chance
  EXPECT_FALSE(says(figure().title, "No id")) << figure().title;
}

TEST(MemorizationPages, GiveEveryEffectItsInterval) {
  SyntheticStudy synthetic;
  for (const char* code : {"C0", "T"})
    effect(synthetic, code, "exact").update({{"mean", 0.0}, {"low", 0.0}, {"high", 0.0}});
  effect(synthetic, "C0", "edit").update({{"low", nullptr}, {"high", nullptr}});
  effect(synthetic, "W50", "phi").update({{"mean", 0.5}, {"low", -0.25}, {"high", 1.25}});
  const Part part = part_of(synthetic, memorization_part);
  const Table& ids = table_of(part, "intervals-ids");
  EXPECT_EQ(ids.rows.size(), 20u);
  EXPECT_EQ(row_of(ids, "C0")[2], "0.000 to 0.000");
  EXPECT_EQ(row_of(ids, "C0")[3], "–");
  EXPECT_TRUE(says(figure_of(part, "intervals-ids").caption, "without width"));
  for (const char* words : {"of 74 intervals", "hold 0; of the positive controls, T 0 of 3"})
    EXPECT_TRUE(says(figure_of(part, "intervals-ids").title, words))
        << figure_of(part, "intervals-ids").title;
  EXPECT_TRUE(says(figure_of(part, "intervals-answers").title, "of 91 intervals"))
      << figure_of(part, "intervals-answers").title;
  EXPECT_EQ(row_of(table_of(part, "intervals-answers"), "W50")[2], "−0.250 to 1.250");
  EXPECT_FALSE(says(figure_of(part, "intervals-answers").caption, "without width"));
}

TEST(MemorizationPages, ShadeWhatCountsAsChanceWhenAsked) {
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

TEST(MemorizationPages, SayWhatIsComparedWithinModelsAndWhatBetweenThem) {
  const Part part = part_of(SyntheticStudy(), memorization_part);
  EXPECT_TRUE(says(part.section.paragraphs.front(), "within a model"));
  EXPECT_TRUE(says(figure_of(part, "dose").caption, "in trainings of its own"));
  EXPECT_TRUE(says(figure_of(part, "preference").caption, "probability 1/2 + gamma"));
}

TEST(MemorizationPages, CountPrivateTrainingsThatAttacksBound) {
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
  for (const char* words : {"(9 at most)", "Bonferroni", "less sure than it says", "not refute it"})
    EXPECT_TRUE(says(privacy().caption, words)) << words;
  EXPECT_FALSE(says(privacy().caption, "a trial of its own")) << "said of the attacks already";
  EXPECT_TRUE(
      says(figure_of(part_of(synthetic, defence_part), "attacks").caption, "a trial of its own"));
  analysis_of(synthetic)["attacks"] = Json::array();
  EXPECT_TRUE(says(privacy().caption, "a trial of its own"));
  // Attacks that find nothing without noise, either, check nothing.
  for (Json& row : rows)
    row["epsilon_together"] = {{"bound", row["noise"] == 0.001 ? 0.0 : 0.1}, {"measures", 9}};
  EXPECT_EQ(privacy().title,
            "Attacks on 3 runs bound epsilon by 0.00 even without noise, so they cannot check the "
            "accounting");
  rows[0]["epsilon_together"]["bound"] = 0.3;  // a control
  EXPECT_TRUE(says(privacy().title, "in 0 of 6 settings")) << privacy().title;
}

TEST(MemorizationPages, TellWhatAttacksFindBesideCleanTraining) {
  SyntheticStudy synthetic;
  const auto find = [&](const char* list, const char* code, const char* measure) -> Json& {
    for (Json& row : analysis_of(synthetic)[list])
      if (row["condition"] == code && row["measure"] == measure) return row;
    throw std::runtime_error("no row");
  };
  const auto figure = [&](const char* id) {
    return figure_of(part_of(synthetic, defence_part), id);
  };
  find("attacks", "T", "exposure")["lira"].update(
      {{"auc", 0.929}, {"low", 0.893}, {"high", 0.959}});
  find("attacks", "C0", "exposure")["lira"].update({{"low", nullptr}, {"high", nullptr}});
  EXPECT_EQ(figure("attacks").title,
            "By exposure a membership attack tells users of T with AUC 0.929 (0.893 to 0.959), of "
            "W100 with 0.530 (0.500 to 0.560), of C0 with 0.530");
  EXPECT_TRUE(says(figure("attacks").caption,
                   "By phi it is not shown to tell anybody: AUC 0.530 (0.500 to 0.560) after T, "));
  EXPECT_EQ(figure("attacks").seeds, "1 to 3");
  find("attacks", "W100", "phi")["lira"]["low"] = 0.51;
  EXPECT_TRUE(says(figure("attacks").caption, "By phi its AUC is 0.530")) << "not of W100";
  find("attacks", "T", "exposure")["lira"]["auc"] = nullptr;
  EXPECT_TRUE(says(figure("attacks").title, "tells users of W100 with AUC 0.530"));

  find("memorization", "W100", "exposure")["positive_share"] = 0.41;
  find("memorization", "T", "exposure")["positive_share"] = 1.0;
  EXPECT_EQ(figure("counterfactual").title,
            "After W100, 41 % of the users are more exposed in the runs that saw them; after clean "
            "training 55 %; after T 100 %");
  find("memorization", "C0", "exposure")["positive_share"] = nullptr;
  EXPECT_TRUE(says(figure("counterfactual").title, "that saw them; after T 100 %"));
}

TEST(MemorizationPages, CompareWithTheSameRunsWithoutNoise) {
  SyntheticStudy synthetic;
  Json& rows = analysis_of(synthetic)["privacy"];
  const auto exposure = [&](double noise) -> Json& {
    for (Json& row : rows)
      if (row["condition"] == "T" && row["noise"] == noise) return row["effects"]["exposure"];
    throw std::runtime_error("no such noise");
  };
  exposure(0.001).update({{"mean", 0.81}, {"low", 0.07}, {"high", 1.51}});
  exposure(0.001)["per_run"] = {0.47, 0.91, 1.05};
  exposure(2).update({{"mean", 0.25}, {"low", -0.29}, {"high", 0.87}});
  exposure(2)["per_run"] = {-0.08, 0.15, 0.68};
  for (Json& row : analysis_of(synthetic)["utility"]["rows"])
    if (row["mix"] == "general" && row["score"] == "accuracy")
      row["mean"] = row["condition"] == "T" ? 0.596 : 0.652;
  const auto figure = [&](const char* id) {
    return figure_of(part_of(synthetic, defence_part), id);
  };
  EXPECT_EQ(figure("privacy-curve").title,
            "At epsilon 2, noise takes 0.56 (0.08 to 1.04) bits of the exposure of T: 0.81 (0.07 "
            "to 1.51) without, 0.25 (−0.29 to 0.87) with it");
  const Part part = part_of(synthetic, defence_part);
  int compared = 0;
  for (const std::vector<std::string>& row : table_of(part, "privacy").rows)
    if (row[5] != "–") {
      ++compared;
      EXPECT_EQ(row[0] + " " + row[1] + " " + row[5], "T 2.00 0.56 (0.08 to 1.04)");
    }
  EXPECT_EQ(compared, 1);
  EXPECT_EQ(row_of(table_of(part, "privacy"), "T, another training")[6], "59.6");
  for (const char* words : {"T 59.6 % (3 runs)", "C0 65.2 % (3 runs)"})
    EXPECT_TRUE(any_says(table_of(part, "privacy-utility").notes, words)) << words;
  for (const char* id : {"privacy-curve", "privacy-utility"})
    EXPECT_TRUE(says(figure(id).caption, "bears on no claim")) << id;
  exposure(2)["seeds"] = {4, 5, 6};  // other runs are no pairs
  EXPECT_EQ(figure("privacy-curve").title,
            "At epsilon 2, exposure of T is 0.25 (−0.29 to 0.87) bits; after the same steps "
            "without noise 0.81 (0.07 to 1.51)");
}

}  // namespace
}  // namespace chainline::experiments
