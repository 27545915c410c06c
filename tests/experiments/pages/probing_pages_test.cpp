#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "experiments/pages/study_report.h"
#include "tests/experiments/analysis/rows.h"
#include "tests/experiments/analysis/synthetic_study.h"
#include "tests/experiments/pages/small_page.h"

namespace chainline::experiments {
namespace {

Report report_of(const SyntheticStudy& synthetic) {
  return study_report(synthetic.results, synthetic.runs, Json::object(), small_world(),
                      small_study());
}

/// The figure of that id; an empty one if the page has none.
Figure figure_of(const Report& report, const std::string& id) {
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures)
      if (figure.id == id) return figure;
  return {};
}

Figure figure_of(const SyntheticStudy& synthetic, const std::string& id) {
  return figure_of(report_of(synthetic), id);
}

Json& condition(SyntheticStudy& synthetic, const std::string& question, const std::string& code) {
  for (Json& row : synthetic.results["analysis"]["separation"][question]["conditions"])
    if (row["condition"] == code && row["tuning"] == "lora") return row;
  throw std::runtime_error("no condition " + code);
}

/// The row of the AUC of a condition at the primary layer.
DotRow dot_of(const Figure& figure, const std::string& code) {
  for (const DotGroup& group : std::get<DotChart>(figure.body).groups)
    for (const DotRow& row : group.rows)
      if (row.name.starts_with(code + ",")) return row;
  throw std::runtime_error("no row " + code);
}

std::vector<std::string> cells_of(const Figure& figure, const std::string& first) {
  for (const std::vector<std::string>& row : std::get<Table>(figure.body).rows)
    if (row.front() == first) return row;
  throw std::runtime_error("no row " + first);
}

/// Conditions whose weights were all trained, as those of low rank.
void train_all_weights(SyntheticStudy& synthetic) {
  for (const char* question : {"username", "user_id"}) {
    Json rows = Json::array();
    for (const char* code : {"C0", "W100", "T"}) {
      rows.push_back(condition(synthetic, question, code));
      rows.back()["tuning"] = "full";
    }
    Json& all = synthetic.results["analysis"]["separation"][question]["conditions"];
    for (const Json& row : rows) all.push_back(row);
  }
}

TEST(ProbingPages, DrawTheIntervalThatDecides) {
  SyntheticStudy synthetic;
  Json& auc = condition(synthetic, "username", "W100")["layers"][4]["auc"];  // decoder layer 2
  const Figure enough = figure_of(synthetic, "decides-username");
  EXPECT_EQ(dot_of(enough, "W100").low, auc["t_low"].get<double>());
  EXPECT_EQ(dot_of(enough, "W100").high, auc["t_high"].get<double>());
  EXPECT_TRUE(says(enough.caption, "95 % intervals: Student's over runs")) << enough.caption;
  EXPECT_FALSE(says(enough.caption, "bootstrap")) << enough.caption;
  auc["runs"] = 2;
  const Figure few = figure_of(synthetic, "decides-username");
  EXPECT_EQ(dot_of(few, "W100").low, auc["low"].get<double>());
  EXPECT_EQ(dot_of(few, "C0").low,
            condition(synthetic, "username", "C0")["layers"][4]["auc"]["t_low"].get<double>());
  EXPECT_TRUE(says(few.caption, "from 3 runs on; of fewer runs a bootstrap")) << few.caption;
  EXPECT_EQ(few.counts, "2 to 3 runs a condition, 128 users");
  const LineChart curves = std::get<LineChart>(figure_of(synthetic, "layers-username").body);
  EXPECT_EQ(curves.series[3].name, "W100");
  EXPECT_EQ(curves.series[3].low[4], auc["low"].get<double>());
  EXPECT_EQ(curves.series[3].low[3],
            condition(synthetic, "username", "W100")["layers"][3]["auc"]["t_low"].get<double>());
}

TEST(ProbingPages, MarkDifferencesWhoseIntervalIsAnotherOne) {
  SyntheticStudy synthetic;
  Figure figure = figure_of(synthetic, "differences");
  EXPECT_FALSE(says(cells_of(figure, "username")[2], "†"));
  EXPECT_TRUE(std::get<Table>(figure.body).notes.empty());
  EXPECT_EQ(cells_of(figure, "username")[4], "relabelled");
  Json& row = synthetic.results["analysis"]["separation"]["username"]["differences"][0];
  row["runs"] = 1;
  row["p_from"] = "p_t";
  figure = figure_of(synthetic, "differences");
  EXPECT_TRUE(says(cells_of(figure, "username")[2], " †")) << cells_of(figure, "username")[2];
  EXPECT_EQ(std::get<Table>(figure.body).notes.size(), 1u);
  EXPECT_EQ(cells_of(figure, "username")[4], "Student");
}

TEST(ProbingPages, CountNoDifferenceWithoutAP) {
  SyntheticStudy synthetic;
  Json& separation = synthetic.results["analysis"]["separation"];
  separation["username"]["differences"][0]["p"] = nullptr;
  separation["user_id"]["differences"][0]["p"] = 0.001;
  const std::string title = figure_of(synthetic, "differences").title;
  EXPECT_TRUE(says(title, "1 of 3 differences")) << title;
  EXPECT_TRUE(says(title, "1 more without a p")) << title;
  for (const char* question : {"username", "user_id"})
    for (const char* list : {"differences", "contrasts"})
      separation[question][list][0]["p"] = Json();
  EXPECT_EQ(figure_of(synthetic, "differences").title, "No p yet for 4 differences in AUC");
}

TEST(ProbingPages, GiveOtherProbesStudentsIntervals) {
  SyntheticStudy synthetic;
  Json& probes = synthetic.results["analysis"]["probes"];
  for (Json& row : probes)
    for (const char* part : {"nested", "pixels"}) row[part]["low"] = row[part]["high"] = nullptr;
  for (std::size_t cell = 2; cell < 6; ++cell)
    EXPECT_TRUE(says(cells_of(figure_of(synthetic, "validity"), "W100")[cell], " to ")) << cell;
  for (Json& row : probes)
    if (row["condition"] == "W100") row["nested"]["runs"] = 2;
  EXPECT_FALSE(says(cells_of(figure_of(synthetic, "validity"), "W100")[3], " to "));
  EXPECT_TRUE(says(cells_of(figure_of(synthetic, "validity"), "C0")[3], " to "));
}

TEST(ProbingPages, SayWhatTheRelabelledRangeIs) {
  SyntheticStudy synthetic;
  std::string caption = figure_of(synthetic, "layers-username").caption;
  EXPECT_TRUE(says(caption, "range of 4 relabellings, each as its mean over W100's 2 runs"))
      << caption;
  EXPECT_TRUE(says(caption, "Runs: B 3, C0 3, W50 3, W100 3 and relabelled 2.")) << caption;
  EXPECT_FALSE(says(caption, "fewer runs than the dashed one")) << caption;
  for (Json& layer : condition(synthetic, "username", "C0")["layers"]) layer["auc"]["runs"] = 1;
  caption = figure_of(synthetic, "layers-username").caption;
  EXPECT_TRUE(says(caption, "fewer runs than the dashed one")) << caption;
  std::erase_if(synthetic.runs.runs, [](const Json& run) { return run["run"] == 2; });
  caption = figure_of(synthetic, "layers-username").caption;
  EXPECT_TRUE(says(caption, "the range of the 4 relabellings of W100's one run")) << caption;
}

TEST(ProbingPages, SayHowLargeThePublishedSplitIsHere) {
  SyntheticStudy synthetic;
  std::string caption = figure_of(synthetic, "replica-username").caption;
  EXPECT_TRUE(says(caption,
                   "500 + 500 pictures, this one of 60; a run's test here has 51 items, "
                   "of which one is 2.0 points"))
      << caption;
  synthetic.runs.runs[0]["probes"]["username"]["layers"][0]["replica"]["test_items"] = 50;
  caption = figure_of(synthetic, "replica-username").caption;
  EXPECT_TRUE(says(caption, "50 to 51 items")) << caption;
}

TEST(ProbingPages, CorrectTheBestLayerForTheChoice) {
  SyntheticStudy synthetic;
  std::string title = figure_of(synthetic, "layers-username").title;
  EXPECT_TRUE(says(title, "at the best of 6 layers")) << title;
  EXPECT_TRUE(says(title, "p 0.500, corrected by the maximum over layers")) << title;
  for (Json& layer : condition(synthetic, "username", "W100")["layers"]) layer.erase("p_corrected");
  title = figure_of(synthetic, "layers-username").title;
  EXPECT_TRUE(says(title, "without a p")) << title;
}

TEST(ProbingPages, ExplainOnlyWhatAFigureHas) {
  SyntheticStudy synthetic;
  train_all_weights(synthetic);
  const Report report = report_of(synthetic);
  const Figure lora = figure_of(report, "decides-username");
  EXPECT_EQ(std::get<DotChart>(lora.body).x.label, "AUC, or share of pairs; users held out");
  EXPECT_TRUE(says(lora.caption, "lies above C0 and U3")) << lora.caption;
  EXPECT_TRUE(says(lora.caption, "by the states of SW")) << lora.caption;
  const Figure full = figure_of(report, "decides-username-full");
  EXPECT_EQ(std::get<DotChart>(full.body).x.label, "AUC, users held out");
  EXPECT_TRUE(says(full.caption, "lies above C0.")) << full.caption;
  for (const char* absent : {"SW", "U3", "pairs"})
    EXPECT_FALSE(says(full.caption, absent)) << full.caption;
}

TEST(ProbingPages, SayThatTsOwnNumbersAreHighBySelection) {
  SyntheticStudy synthetic;
  train_all_weights(synthetic);
  const auto caption = [&](const char* id) { return figure_of(synthetic, id).caption; };
  EXPECT_TRUE(says(caption("decides-username"), "high by selection"));
  EXPECT_TRUE(says(caption("decides-user-id"), "not free of that choice"));
  EXPECT_FALSE(says(caption("decides-username-full"), "T's low-rank runs"));
  EXPECT_TRUE(says(caption("validity"), "high by selection"));
  EXPECT_FALSE(says(caption("differences"), "high by selection"));  // it has no row of T
  Json& rows = synthetic.results["analysis"]["separation"]["username"]["differences"];
  rows.push_back(rows[0]);
  rows.back()["a"] = "T";
  EXPECT_TRUE(says(caption("differences"), "high by selection"));
  synthetic.results["analysis"]["primary"]["chosen_by"] = "last decoder layer";
  for (const char* id : {"decides-username", "validity", "differences"})
    EXPECT_FALSE(says(caption(id), "selection")) << id;
}

TEST(ProbingPages, SayWhatOtherProbesReadAndAtWhichC) {
  const Report report = report_of(SyntheticStudy());
  const std::string validity = figure_of(report, "validity").caption;
  EXPECT_TRUE(says(validity, "the primary layer (decoder layer 2)")) << validity;
  EXPECT_TRUE(says(validity, "C = 0.01")) << validity;
  EXPECT_TRUE(says(validity, "the last decoder layer (decoder layer 3)")) << validity;
  EXPECT_TRUE(says(figure_of(report, "layers-username").caption, "C = 0.01"));
  const Figure codes = figure_of(report, "validity-codes");
  EXPECT_TRUE(says(codes.caption, "above 1 is better")) << codes.caption;
  EXPECT_TRUE(says(codes.caption, "decoder layer 3")) << codes.caption;
  EXPECT_EQ(cells_of(codes, "W100")[3], "0.980");
  EXPECT_EQ(cells_of(codes, "W100")[2], "0.002");  // of one run there is no interval
}

Json silhouette_row(const char* code, const std::string& place, double mean) {
  Json t = {{"mean", mean},           {"low", nullptr}, {"high", nullptr}, {"t_low", mean - 0.125},
            {"t_high", mean + 0.125}, {"runs", 3},      {"users", 16},     {"seeds", {1, 2, 3}}};
  Json row = t;
  t["runs"] = 2;
  row.update({{"condition", code},
              {"tuning", "lora"},
              {"place", place},
              {"p", 0.25},
              {"gain", code == std::string("C0") ? Json() : t},
              {"over_users", t}});
  return row;
}

TEST(ProbingPages, ShowClustersOverRunsBesideTheirControls) {
  SyntheticStudy synthetic;
  Json& rows = synthetic.results["analysis"]["silhouettes"] = Json::array();
  EXPECT_TRUE(figure_of(synthetic, "silhouettes").id.empty());
  for (const char* code : {"W100", "T", "C0"})
    for (const char* place : {"decoder layer 1", "decoder layer 2", "t-SNE plane"})
      rows.push_back(silhouette_row(code, place, code == std::string("T") ? 0.5 : 0.25));
  const Figure figure = figure_of(synthetic, "silhouettes");
  EXPECT_TRUE(says(figure.title, "decoder layer 2: W100 0.250 and T 0.500")) << figure.title;
  EXPECT_EQ(figure.control, "C0, T and single users");
  const Table& table = std::get<Table>(figure.body);
  ASSERT_EQ(table.rows.size(), 6u);  // the primary layer and the plane, where K9 looks
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"C0", "D2", "0.25 (0.12 to 0.38)", "–", "0.25",
                                                     "0.250", "3"}));
  EXPECT_EQ(table.rows[5][0], "T");
  EXPECT_EQ(table.rows[5][1], "t-SNE");
}

TEST(ProbingPages, ShowTheMapsOfControlsThatHaveThem) {
  SyntheticStudy synthetic;
  EXPECT_TRUE(figure_of(synthetic, "map-t").id.empty());
  EXPECT_EQ(figure_of(synthetic, "map-b").control, "the silhouette by users");
  const auto w100 =
      std::find_if(synthetic.runs.runs.begin(), synthetic.runs.runs.end(), [](const Json& run) {
        return run["condition"] == "W100" && run["probes"].contains("projections");
      });
  Json t = *w100;
  t["condition"] = "T";
  synthetic.runs.runs.push_back(t);
  EXPECT_EQ(figure_of(synthetic, "map-t").id, "map-t");
  EXPECT_EQ(figure_of(synthetic, "map-w100").control,
            "the map of B, the map of T and the silhouette by users");
}

TEST(ProbingPages, ShowThePublishedProbeOfBothQuestions) {
  test::World world;
  world.runs = 3;
  world.users = 32;
  world.grid = false;
  const Json analysis = analyse(test::study_in(world), test::quick());
  for (const char* question : {"username", "user_id"}) {
    const Json& w100 = test::row(analysis["separation"][question]["conditions"],
                                 {{"condition", "W100"}, {"tuning", "lora"}});
    for (const Json& layer : w100["layers"])
      EXPECT_NEAR(layer["replica"]["accuracy"], 0.7, 1e-12) << question << " " << layer["layer"];
  }
  // A study without it is said to lack it.
  SyntheticStudy synthetic;
  for (Json& row : synthetic.results["analysis"]["separation"]["user_id"]["conditions"])
    for (Json& layer : row["layers"]) layer["replica"] = nullptr;
  const Report report = report_of(synthetic);
  EXPECT_TRUE(figure_of(report, "replica-user-id").id.empty());
  std::string paragraphs;
  for (const Section& section : report.sections)
    for (const std::string& paragraph : section.paragraphs) paragraphs += paragraph + "\n";
  EXPECT_TRUE(says(paragraphs, "the published probe by layer, user_id")) << paragraphs;
}

}  // namespace
}  // namespace chainline::experiments
