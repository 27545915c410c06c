#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

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

/// Cosines of all parameters, the same number or those of every size.
void set_cosines(SyntheticStudy& synthetic, const char* at, const char* comparison,
                 const std::vector<double>& cosines) {
  Json& row = row_with(gradients_of(synthetic)["rows"],
                       {{"at", at}, {"comparison", comparison}, {"group", "all parameters"}});
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
    EXPECT_TRUE(has(figure_of(part, id).caption, "judged after clean fine-tuning")) << id;
  }
  EXPECT_TRUE(has(joined(part.section.paragraphs), "judged after clean fine-tuning"));
  for (const char* id : {"gradient-predicted", "gradient-plateau"}) {
    const auto& panels = std::get<SmallMultiples>(figure_of(part, id).body).panels;
    EXPECT_EQ(panels[0].title, "W100, base") << id;
    EXPECT_EQ(panels[1].title, "W100, C0") << id;
  }
}

TEST(GradientPages, SayThatTheBaseDecidesWhereItIsAlone) {
  SyntheticStudy synthetic;
  leave_base_alone(synthetic);
  const Part part = part_of(synthetic);
  for (const Figure& figure : part.section.figures) {
    EXPECT_FALSE(has(figure.title, "after clean fine-tuning")) << figure.title;
    EXPECT_TRUE(has(figure.caption, "judged at the base")) << figure.id;
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

TEST(GradientPages, GiveTheRatiosThatAreJudged) {
  SyntheticStudy synthetic;
  Json& ratios = gradients_of(synthetic)["ratios"];
  const auto judge = [&](const char* at, const char* to, const char* kind,
                         const std::vector<double>& per_run) {
    row_with(ratios, {{"at", at}, {"to", to}})[kind].update(
        {{"per_run", per_run}, {"t_low", 1.0}, {"t_high", 6.0}});
  };
  judge("base", "IMG", "matched", {9, 9});  // neither decides
  judge("C0", "IMG", "amplitude", {8, 8});
  const auto figure = [&] { return figure_of(part_of(synthetic), "gradient-ratios"); };
  EXPECT_FALSE(has(figure().title, "times as much")) << figure().title;
  judge("C0", "IMG", "matched", {3, 4.16});
  EXPECT_EQ(figure().title,
            "After clean fine-tuning cards change the gradient 3.58 times as much as image "
            "transforms at equal pixel energy");
  EXPECT_TRUE(has(figure().caption, "IMG at equal pixel energy 3.58 (1.00 to 6.00)"));
  judge("C0", "TXT", "amplitude", {1.3, 1.3});
  EXPECT_TRUE(has(figure().title, "1.30 times as much as questions in other words"));
}

}  // namespace
}  // namespace chainline::experiments
