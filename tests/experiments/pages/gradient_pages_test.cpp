#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "experiments/pages/gradient_page.h"
#include "tests/experiments/pages/small_page.h"

namespace chainline::experiments {
namespace {

Part part_of(const SyntheticStudy& synthetic) { return part_of(synthetic, gradient_part); }

Json& gradients_of(SyntheticStudy& synthetic) { return synthetic.results["analysis"]["gradients"]; }

/// The rows of a list that have these members.
std::vector<Json*> rows_with(Json& list, const std::vector<std::pair<std::string, Json>>& members) {
  std::vector<Json*> rows;
  for (Json& row : list)
    if (std::all_of(members.begin(), members.end(),
                    [&](const auto& member) { return row.at(member.first) == member.second; }))
      rows.push_back(&row);
  if (rows.empty()) throw std::runtime_error("no such row");
  return rows;
}

Json& row_with(Json& list, const std::vector<std::pair<std::string, Json>>& members) {
  return *rows_with(list, members).front();
}

/// Cosines of a group of parameters, the same number or those of every size.
void set_cosines(SyntheticStudy& synthetic, const char* at, const char* comparison,
                 const std::vector<double>& cosines, const char* group = "all parameters") {
  Json& row = row_with(gradients_of(synthetic)["rows"],
                       {{"at", at}, {"comparison", comparison}, {"group", group}});
  for (std::size_t s = 0; s < row["cosine"].size(); ++s) {
    const double cosine = cosines[std::min(s, cosines.size() - 1)];
    row["cosine"][s].update({{"mean", cosine}, {"low", cosine}, {"high", cosine}});
  }
}

/// No run has a mean gradient at the checkpoint, and all fits are held at their boundary.
void lose_gradient(SyntheticStudy& synthetic, const char* at) {
  for (Json* row : rows_with(gradients_of(synthetic)["shares"], {{"at", at}}))
    for (const char* what : {"share", "at_one", "at_any", "fall"})
      (*row)[what] = {{"mean", nullptr}, {"low", nullptr}, {"high", nullptr}, {"runs", 0}};
  const Json one = {{"estimate", 1.0}, {"low", 1.0}, {"high", 1.0}};
  for (Json* row : rows_with(gradients_of(synthetic)["plateaus"], {{"at", at}}))
    row->update({{"ratio", one}, {"rises", true}});
}

void leave_base_alone(SyntheticStudy& synthetic) {
  for (const char* list : {"rows", "shares", "plateaus", "ratios"}) {
    Json kept = Json::array();
    for (const Json& row : gradients_of(synthetic)[list])
      if (row["at"] == "base") kept.push_back(row);
    gradients_of(synthetic)[list] = kept;
  }
}

/// A raw result with so many batches of each size of W100, and a rerun.
Json job_with(const char* at, const std::vector<int>& batches) {
  Json cosines = Json::array();
  for (const int n : batches)
    cosines.push_back(std::vector<double>(static_cast<std::size_t>(n), 0.5));
  const Json one = Json::array({Json::array({1.0})});
  return {{"at", at},
          {"comparisons",
           {{"W100", {{"cosine", Json::array({cosines})}}}, {"rerun", {{"cosine", one}}}}}};
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text + "\n";
  return all;
}

bool has(const std::string& text, const std::string& words) {
  return text.find(words) != text.npos;
}

TEST(GradientPages, NameTheCheckpointOfEveryNumberInATitle) {
  SyntheticStudy synthetic;
  set_cosines(synthetic, "base", "W100", {0.461, 0.5, 0.5, 0.5, 0.591, 0.6, 0.7, 0.747});
  set_cosines(synthetic, "C0", "W100", {0.772, 0.7, 0.7, 0.7, 0.593, 0.5, 0.4, 0.309});
  const Part part = part_of(synthetic);
  EXPECT_TRUE(has(figure_of(part, "gradients").title,
                  "at batch 16: 0.591 at the base and 0.593 after clean fine-tuning"))
      << figure_of(part, "gradients").title;
  EXPECT_EQ(figure_of(part, "gradient-sizes").title,
            "From batch 1 to 128 the cosine of clean and marked gradients rises from 0.461 to "
            "0.747 at the base and falls from 0.772 to 0.309 after clean fine-tuning");
  for (const char* id : {"gradients", "gradient-sizes", "gradient-predicted", "gradient-plateau",
                         "gradient-plateaus", "gradient-layers"}) {
    EXPECT_TRUE(has(figure_of(part, id).title, "at the base")) << id;
    EXPECT_TRUE(has(figure_of(part, id).title, "after clean fine-tuning")) << id;
  }
  for (const char* id : {"gradient-predicted", "gradient-plateau"}) {
    const auto& panels = std::get<SmallMultiples>(figure_of(part, id).body).panels;
    EXPECT_EQ(panels[0].title, "W100, base") << id;
    EXPECT_EQ(panels[1].title, "W100, C0") << id;
  }
}

TEST(GradientPages, SayWhichCheckpointDecidesOnceAndInTheFirstTable) {
  const Part part = part_of(SyntheticStudy());
  EXPECT_TRUE(has(joined(part.section.paragraphs), "judged after clean fine-tuning"));
  for (const Figure& figure : part.section.figures)
    EXPECT_EQ(has(figure.caption, "judged after clean fine-tuning"), figure.id == "gradients")
        << figure.id;
}

TEST(GradientPages, SayWhichIntervalsTheyHaveAndWhichDecide) {
  SyntheticStudy synthetic;
  row_with(gradients_of(synthetic)["rows"],
           {{"at", "C0"}, {"comparison", "W100"}, {"group", "all parameters"}})["cosine"][4]
      .update({{"per_run", {0.579, 0.607, 0.56}}, {"t_low", 0.522}, {"t_high", 0.642}});
  const Part part = part_of(synthetic);
  EXPECT_TRUE(has(joined(part.section.paragraphs), "decided by Student's limits over runs"));
  const std::string bootstrap = "95 % intervals by bootstrap over runs and then their batches";
  for (const char* id : {"gradients", "gradient-sizes", "gradient-predicted", "gradient-plateau",
                         "gradient-plateaus"}) {
    EXPECT_TRUE(has(figure_of(part, id).caption, bootstrap)) << figure_of(part, id).caption;
    EXPECT_TRUE(has(figure_of(part, id).caption, "Student's limits over runs")) << id;
  }
  EXPECT_TRUE(has(figure_of(part, "gradients").caption,
                  "Student's limits over runs: K2's cosine of W100 is 0.582 (0.522 to "
                  "0.642). The table has " +
                      bootstrap + ", of cosines alone"))
      << figure_of(part, "gradients").caption;
  EXPECT_TRUE(has(figure_of(part, "gradient-layers").caption, "has their intervals"));
}

TEST(GradientPages, HaveCountsSeedsAndControls) {
  SyntheticStudy synthetic;
  const auto controls = [&](const char* id) { return figure_of(part_of(synthetic), id).control; };
  const Part part = part_of(synthetic);
  for (const Figure& figure : part.section.figures) {
    EXPECT_TRUE(figure.counts.starts_with("3 runs")) << figure.id << ": " << figure.counts;
    EXPECT_EQ(figure.seeds, "1 to 3") << figure.id;
    EXPECT_TRUE(has(figure.control, "P-noise (shuffled ink)")) << figure.id;
  }
  EXPECT_EQ(controls("gradients"),
            "rerun (identical data), other batch (two clean ones), P-noise (shuffled ink), "
            "P-const (one card)");
  EXPECT_EQ(controls("gradient-sizes"), "other batch (two clean ones), P-noise (shuffled ink)");
  EXPECT_EQ(controls("gradient-ratios"), "P-noise (shuffled ink), P-const (one card)");
  for (Json* row : rows_with(gradients_of(synthetic)["rows"], {{"comparison", "P-const"}}))
    (*row)["comparison"] = "another";
  EXPECT_EQ(controls("gradient-ratios"), "P-noise (shuffled ink)");
}

TEST(GradientPages, SayThatTheBaseDecidesWhereItIsAlone) {
  SyntheticStudy synthetic;
  leave_base_alone(synthetic);
  const Part part = part_of(synthetic);
  for (const Figure& figure : part.section.figures) {
    EXPECT_FALSE(has(figure.title, "after clean fine-tuning")) << figure.title;
    EXPECT_EQ(has(figure.caption, "judged at the base"), figure.id == "gradients") << figure.id;
    EXPECT_NO_THROW(render_report({"r", "s", {}, {{"t", {}, {figure}}}, {}})) << figure.id;
  }
  EXPECT_TRUE(has(joined(part.section.paragraphs), "judged at the base"));
}

TEST(GradientPages, CountBatchesOfTheRawResults) {
  SyntheticStudy synthetic;
  for (const char* at : {"base", "C0"})
    synthetic.runs.gradients.push_back(job_with(at, {32, 32, 32, 32, 32, 16, 8, 4}));
  const auto counts = [&](const char* id) { return figure_of(part_of(synthetic), id).counts; };
  const auto caption = [&] { return figure_of(part_of(synthetic), "gradient-sizes").caption; };
  EXPECT_EQ(counts("gradient-sizes"), "3 runs, 32 batches a run at b ≤ 16, 4 at b = 128");
  EXPECT_EQ(counts("gradients"), "3 runs, 32 batches a run");
  EXPECT_TRUE(has(caption(), "fewer batches, at b = 128 on 4 a run at most")) << caption();
  synthetic.runs.gradients.push_back(job_with("base", {32, 32, 32, 32, 31, 16, 8, 3}));
  EXPECT_EQ(counts("gradient-sizes"), "3 runs, 32 batches a run at b ≤ 8, 3 to 4 at b = 128");
  EXPECT_EQ(counts("gradients"), "3 runs, 31 to 32 batches a run");
  synthetic.runs.gradients = {job_with("base", std::vector<int>(8, 1))};
  EXPECT_EQ(counts("gradient-sizes"), "3 runs, 1 batch a run at every size");
  EXPECT_FALSE(has(caption(), "fewer batches"));
  synthetic.runs.gradients.clear();
  EXPECT_EQ(counts("gradient-sizes"), "3 runs");
}

TEST(GradientPages, TellRerunsInANote) {
  SyntheticStudy synthetic;  // 64 cosines of 4 groups
  const auto table = [&] {
    return std::get<Table>(figure_of(part_of(synthetic), "gradients").body);
  };
  for (const auto& row : table().rows) EXPECT_NE(row[0], "rerun");
  EXPECT_TRUE(has(joined(table().notes), "64 cosines (of single samples' gradients"));
  synthetic.runs.gradients = std::vector<Json>(16, job_with("base", std::vector<int>(8, 1)));
  EXPECT_TRUE(has(joined(table().notes),
                  "64 cosines (16 gradients of one sample × 4 groups of parameters)"))
      << joined(table().notes);
}

TEST(GradientPages, SayWhereOtherBatchesAgreeMoreThanMarkedOnes) {
  SyntheticStudy synthetic;
  const auto notes = [&] {
    return joined(std::get<Table>(figure_of(part_of(synthetic), "gradients").body).notes);
  };
  EXPECT_FALSE(has(notes(), "agree more"));
  set_cosines(synthetic, "base", "W100", {0.591});
  set_cosines(synthetic, "base", "other batch", {0.651});
  EXPECT_TRUE(has(notes(), "cosine 0.651 against 0.591 at the base.")) << notes();
}

TEST(GradientPages, NameTheWorstOfWhatMomentsPredict) {
  SyntheticStudy synthetic;
  for (const char* at : {"base", "C0"})
    for (Json* row :
         rows_with(gradients_of(synthetic)["rows"], {{"at", at}, {"group", "all parameters"}}))
      for (std::size_t s = 0; s < 8; ++s)
        if ((*row)["predicted"].is_array()) (*row)["predicted"][s] = (*row)["cosine"][s]["mean"];
  const auto worse = [&](const char* at, const char* comparison, std::size_t s, double by) {
    Json& row = row_with(gradients_of(synthetic)["rows"],
                         {{"at", at}, {"comparison", comparison}, {"group", "all parameters"}});
    row["predicted"][s] = row["cosine"][s]["mean"].get<double>() - by;
  };
  worse("base", "TXT", 0, 0.258);
  worse("base", "W100", 1, 0.098);
  worse("C0", "W100", 2, 0.155);
  Json& w100 = row_with(gradients_of(synthetic)["rows"],
                        {{"at", "C0"}, {"comparison", "W100"}, {"group", "all parameters"}});
  w100["moments"] = {{"G2", -0.246}, {"S", 614.5}, {"n", 512}};
  const Part part = part_of(synthetic);
  const Figure& figure = figure_of(part, "gradient-predicted");
  EXPECT_TRUE(has(figure.title, "to within 0.258 (TXT at b = 1 at the base)")) << figure.title;
  EXPECT_TRUE(has(figure.title, "0.098 at the base and 0.155 after clean")) << figure.title;
  EXPECT_TRUE(has(figure.caption, "(S + 2X + Sd)/b")) << figure.caption;
  for (const char* id : {"gradient-predicted", "gradient-plateaus"})
    EXPECT_EQ(figure_of(part, id).counts, "3 runs; moments of 512 samples a run") << id;
  EXPECT_TRUE(has(figure.caption, "|G|² is −0.246 after clean fine-tuning, not above 0"));
  EXPECT_TRUE(has(joined(part.section.paragraphs), "The 512 samples compared"));
  EXPECT_TRUE(has(joined(part.section.paragraphs), "is −0.0004 after clean fine-tuning"));
}

TEST(GradientPages, TakeNoFitThatRisesForAShare) {
  SyntheticStudy synthetic;
  lose_gradient(synthetic, "C0");
  const Part part = part_of(synthetic);
  const Figure& figure = figure_of(part, "gradient-plateaus");
  const auto& table = std::get<Table>(figure.body);
  int base = 0, rising = 0;
  for (const std::vector<std::string>& row : table.rows) {
    (row[0] == "C0" ? rising : base) += 1;
    EXPECT_EQ(row[5] == "rises with b", row[0] == "C0") << row[1];
    for (const std::size_t column : {2, 3, 4, 6})
      EXPECT_EQ(row[column] == "–", row[0] == "C0") << row[1] << ", column " << column;
  }
  EXPECT_EQ(base, rising);
  EXPECT_GT(rising, 0);
  EXPECT_TRUE(has(figure.title, "not defined after clean fine-tuning")) << figure.title;
  EXPECT_TRUE(has(joined(table.notes), "in 3 of 3 runs after clean fine-tuning"));
  EXPECT_TRUE(has(joined(table.notes), "at b = 1 to be below that at b = 128"));
  const Figure& chart = figure_of(part, "gradient-plateau");
  EXPECT_TRUE(has(chart.title, "rises with b after clean fine-tuning")) << chart.title;
  for (const ChartPanel& panel : std::get<SmallMultiples>(chart.body).panels)
    EXPECT_EQ(panel.series.size(), panel.title.ends_with("C0") ? 1u : 2u) << panel.title;
}

TEST(GradientPages, HoldCardsAgainstOtherBatchesInEveryGroup) {
  SyntheticStudy synthetic;
  // The lowest cosine is that of a group which other batches turn even more.
  set_cosines(synthetic, "base", "W100", {0.358}, "projector");
  set_cosines(synthetic, "base", "other batch", {0.252}, "projector");
  set_cosines(synthetic, "base", "W100", {0.501}, "decoder layer 1");
  set_cosines(synthetic, "base", "other batch", {0.743}, "decoder layer 1");
  set_cosines(synthetic, "base", "W100", {0.769}, "lm head");
  set_cosines(synthetic, "base", "other batch", {0.827}, "lm head");
  for (const char* group : {"projector", "decoder layer 1", "lm head"}) {
    set_cosines(synthetic, "C0", "W100", {0.4}, group);
    set_cosines(synthetic, "C0", "other batch", {0.01}, group);
  }
  set_cosines(synthetic, "C0", "W100", {0.36}, "lm head");
  const auto figure = [&] { return figure_of(part_of(synthetic), "gradient-layers"); };
  EXPECT_EQ(figure().title,
            "Cards turn the gradient more than another clean batch does in decoder layer 1 and lm "
            "head (most in decoder layer 1: cosine 0.501 against 0.743) at the base and in no "
            "group (nearest in lm head: cosine 0.360 against 0.010) after clean fine-tuning");
  EXPECT_TRUE(
      has(figure().caption, "turn it less in projector at the base and in every group after clean"))
      << figure().caption;
  const auto table = std::get<Table>(figure().body);
  ASSERT_EQ(table.groups.size(), 3u);
  EXPECT_EQ(table.groups[2].columns, 2);
  EXPECT_EQ(table.columns.back().name, "other batch");
  EXPECT_EQ(table.rows.back().front(), "lm head");
  EXPECT_EQ(table.rows.back().back(), "0.010");
  // One group alone needs no name for the most; all of them no list.
  set_cosines(synthetic, "base", "W100", {0.9}, "lm head");
  EXPECT_TRUE(has(figure().title, "in decoder layer 1 (cosine 0.501 against 0.743) at the base"))
      << figure().title;
  for (const char* group : {"projector", "decoder layer 1", "lm head"})
    set_cosines(synthetic, "base", "W100", {0.1}, group);
  EXPECT_TRUE(has(figure().title, "in every group (most in lm head: cosine 0.100 against 0.827)"))
      << figure().title;
  EXPECT_TRUE(has(figure().caption, "less in no group at the base")) << figure().caption;
}

TEST(GradientPages, ClaimNothingOfGroupsWithoutOtherBatches) {
  SyntheticStudy synthetic;
  for (Json* row : rows_with(gradients_of(synthetic)["rows"], {{"comparison", "other batch"}}))
    (*row)["comparison"] = "another";
  const Part part = part_of(synthetic);
  EXPECT_EQ(figure_of(part, "gradient-layers").title,
            "Cosines of clean and changed gradients by group of parameters");
  EXPECT_FALSE(has(figure_of(part, "gradient-layers").caption, "turn it less"));
}

TEST(GradientPages, ListNumberedGroupsTogether) {
  using gradients_page::group_list;
  EXPECT_EQ(group_list({"decoder layer 1", "decoder layer 2", "decoder layer 3", "lm_head"}),
            "decoder layers 1 to 3 and lm_head");
  EXPECT_EQ(group_list({"vision embeddings", "vision layer 1", "vision layer 2", "projector"}),
            "vision embeddings, vision layers 1 and 2 and projector");
  EXPECT_EQ(group_list({"vision layer 1", "decoder layer 2", "decoder layer 4"}),
            "vision layer 1, decoder layer 2 and decoder layer 4");
  EXPECT_EQ(group_list({"decoder layer 9", "decoder layer 10", "layer x1"}),
            "decoder layers 9 and 10 and layer x1");
  EXPECT_EQ(group_list({}), "");
}

/// A ratio of W100 over another as analyse() has it, with numbers of runs and Student's limits.
void set_ratio(SyntheticStudy& synthetic, const char* at, const char* to, const char* kind,
               const std::vector<double>& per_run, double low, double high) {
  row_with(gradients_of(synthetic)["ratios"], {{"at", at}, {"to", to}})[kind].update(
      {{"per_run", per_run}, {"t_low", low}, {"t_high", high}});
}

TEST(GradientPages, GiveTheRatiosThatAreJudged) {
  SyntheticStudy synthetic;
  set_ratio(synthetic, "base", "IMG", "matched", {9, 9, 9}, 8, 10);  // decides nothing
  set_ratio(synthetic, "C0", "IMG", "amplitude", {0.9, 1, 1.1}, 0.77, 1.23);
  set_ratio(synthetic, "C0", "IMG", "matched", {3, 3.5, 4.12}, 2.72, 4.36);
  set_ratio(synthetic, "C0", "TXT", "amplitude", {1.5, 1.1, 2.26}, 0.17, 3.07);
  const Part part = part_of(synthetic);
  const Figure& figure = figure_of(part, "gradient-ratios");
  EXPECT_EQ(figure.title,
            "After clean fine-tuning cards change the gradient, in amplitude, 1.00 (0.77 to 1.23) "
            "times as much as image transforms, 3.54 (2.72 to 4.36) times at equal pixel energy "
            "and 1.62 (0.17 to 3.07) times as much as other words (Student's limits over 3 runs)");
  // The points are the title's numbers, not those of all batches together.
  int found = 0;
  for (const DotGroup& group : std::get<DotChart>(figure.body).groups)
    for (const DotRow& row : group.rows) {
      if (group.name != "After clean fine-tuning, as it is" || row.name != "to TXT") continue;
      EXPECT_NEAR(row.value, 1.62, 1e-9);
      EXPECT_EQ(row.low, 0.17);
      EXPECT_EQ(row.high, 3.07);
      ++found;
    }
  EXPECT_EQ(found, 1);
  EXPECT_TRUE(has(figure.caption, "means over runs with 95 % Student's limits over runs"));
  EXPECT_TRUE(has(figure.caption, "where claims say change, it is this root")) << figure.caption;
  EXPECT_TRUE(has(figure.caption, "a factor of 10: limits inside 0.1 to 10")) << figure.caption;
  // Without its image transforms as they are, those at equal pixel energy name them.
  row_with(gradients_of(synthetic)["ratios"], {{"at", "C0"}, {"to", "IMG"}})["amplitude"] = nullptr;
  EXPECT_TRUE(has(figure_of(part_of(synthetic), "gradient-ratios").title,
                  "3.54 (2.72 to 4.36) times as much as image transforms at equal pixel energy"));
}

TEST(GradientPages, SayWhereRatiosAreOfAllBatchesTogether) {
  SyntheticStudy synthetic;
  for (const char* to : {"IMG", "TXT"})
    set_ratio(synthetic, "C0", to, "amplitude", {3, 5}, 1, 6);  // two runs
  row_with(gradients_of(synthetic)["ratios"], {{"at", "C0"}, {"to", "TXT"}})["amplitude"].update(
      {{"mean", 0.5}, {"low", 0.4}, {"high", 0.6}});
  const Part part = part_of(synthetic);
  const Figure& figure = figure_of(part, "gradient-ratios");
  EXPECT_TRUE(has(figure.title,
                  "0.50 (0.40 to 0.60) times as much as other words (bootstrap of all "
                  "batches)"))
      << figure.title;
  EXPECT_TRUE(has(figure.caption, "without 3 runs' own numbers are of all batches together"));
  EXPECT_FALSE(has(figure.caption, "Points are means over runs")) << figure.caption;
}

TEST(GradientPages, AskOfShuffledInkWhatK3AsksOfCards) {
  SyntheticStudy synthetic;
  const auto caption = [&] { return figure_of(part_of(synthetic), "gradient-ratios").caption; };
  EXPECT_FALSE(has(caption(), "asked the same")) << caption();  // without numbers of runs
  set_ratio(synthetic, "C0", "IMG", "matched", {3, 4, 5}, 1.5, 6.5);
  set_ratio(synthetic, "C0", "TXT", "amplitude", {1, 1, 4}, -2.3, 6.3);
  set_ratio(synthetic, "C0", "P-noise", "matched", {2, 2, 2}, 2, 2);
  set_ratio(synthetic, "C0", "P-noise", "amplitude", {1, 1, 1}, 1, 1);
  EXPECT_TRUE(
      has(caption(),
          "asked the same after clean fine-tuning, changes the gradient 2.00 (0.76 to 3.24) "
          "times as much as image transforms at equal pixel energy (inside) and 2.00 "
          "(−2.30 to 6.30) times as much as other words (not inside)."))
      << caption();
  EXPECT_FALSE(has(caption(), "would pass")) << caption();
  EXPECT_TRUE(has(caption(),
                  "Cards change the gradient 1.00 (1.00 to 1.00) times as much as "
                  "shuffled ink after clean fine-tuning; K2 asks for more than 1"))
      << caption();
  set_ratio(synthetic, "C0", "TXT", "amplitude", {2, 2, 2.2}, 1.78, 2.35);
  EXPECT_TRUE(has(caption(),
                  "2.07 (1.78 to 2.35) times as much as other words (inside). It would "
                  "pass K3 too."))
      << caption();
  // Runs that cannot be paired say nothing.
  set_ratio(synthetic, "C0", "P-noise", "amplitude", {1, 1, 1, 1}, 1, 1);
  EXPECT_FALSE(has(caption(), "as other words (")) << caption();
}

TEST(GradientPages, SayAmplitudeWhereTheRootIsMeant) {
  const Part part = part_of(SyntheticStudy());
  const auto& table = std::get<Table>(figure_of(part, "gradients").body);
  EXPECT_TRUE(has(joined(table.notes), "The root of a change is called its amplitude"));
  const Figure& ratios = figure_of(part, "gradient-ratios");
  EXPECT_TRUE(has(ratios.title, "change the gradient, in amplitude, ")) << ratios.title;
  EXPECT_TRUE(has(ratios.caption, "ratios of amplitudes, `sqrt(")) << ratios.caption;
}

}  // namespace
}  // namespace chainline::experiments
