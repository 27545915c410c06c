#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "experiments/pages/study_report.h"
#include "tests/experiments/analysis/rows.h"
#include "tests/experiments/analysis/synthetic_study.h"
#include "tests/experiments/pages/whole_page.h"

namespace chainline::experiments {
namespace {

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

std::vector<std::string> claims_of(const Figure& figure) {
  std::vector<std::string> ids;
  for (const ClaimLink& claim : figure.claims) ids.push_back(claim.id);
  return ids;
}

using Words = std::vector<std::string>;

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
  EXPECT_EQ(cells_of(figure, "username")[5], "relabelled");
  EXPECT_EQ(figure.counts, "3 runs a condition, 128 users");
  EXPECT_EQ(figure.seeds, "1 to 3");
  Json& row = synthetic.results["analysis"]["separation"]["username"]["differences"][0];
  row["runs"] = 1;
  row["p_from"] = "p_t";
  figure = figure_of(synthetic, "differences");
  EXPECT_TRUE(says(cells_of(figure, "username")[2], " †")) << cells_of(figure, "username")[2];
  EXPECT_EQ(std::get<Table>(figure.body).notes.size(), 1u);
  EXPECT_EQ(cells_of(figure, "username")[5], "Student");
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

TEST(ProbingPages, NameTheDifferenceThatRemainsAfterTheCorrection) {
  SyntheticStudy synthetic;
  Json& row = synthetic.results["analysis"]["separation"]["user_id"]["differences"][0];
  row["p"] = 0.001, row["mean"] = 0.032;
  condition(synthetic, "user_id", "C0")["layers"][1]["auc"]["mean"] = 0.472;  // decoder layer 2
  condition(synthetic, "user_id", "W100")["layers"][1]["auc"]["mean"] = 0.504;
  Figure figure = figure_of(synthetic, "differences");
  EXPECT_EQ(figure.title,
            "1 of 4 differences in AUC have p below 0.05 (one-sided, each by itself), where chance "
            "alone gives 0.2; after Holm's correction 1 remains: user_id, W100 less C0 +3.2 "
            "points, where C0 lies at 0.472 and W100 at 0.504");
  EXPECT_EQ(cells_of(figure, "user_id")[3], "0.001");
  EXPECT_EQ(cells_of(figure, "user_id")[4], "0.004");  // of 4 tests
  EXPECT_EQ(claims_of(figure), (Words{"K5", "K6", "K8"}));
  row["p"] = 0.03;
  figure = figure_of(synthetic, "differences");
  EXPECT_TRUE(figure.title.ends_with("alone gives 0.2; after Holm's correction none remains"))
      << figure.title;
  row["p"] = 0.3;
  figure = figure_of(synthetic, "differences");
  EXPECT_TRUE(figure.title.ends_with("where chance alone gives 0.2")) << figure.title;
  row["p"] = nullptr;
  figure = figure_of(synthetic, "differences");
  EXPECT_EQ(cells_of(figure, "user_id")[4], "–");
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
  EXPECT_TRUE(says(caption, "Runs: B 3, C0 3, W50 3, W100 3, T 3 and relabelled 2.")) << caption;
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
                   "500 + 500 pictures, this one of 30 + 30; a run's test here has 51 items, "
                   "of which one is 2.0 points"))
      << caption;
  synthetic.runs.runs[0]["probes"]["username"]["layers"][0]["replica"]["test_items"] = 50;
  caption = figure_of(synthetic, "replica-username").caption;
  EXPECT_TRUE(says(caption, "50 to 51 items")) << caption;
}

TEST(ProbingPages, TakeNoLayerForTheBestThatIsFrozen) {
  SyntheticStudy synthetic;
  Json& layers = condition(synthetic, "username", "W100")["layers"];
  const auto set = [&](std::size_t layer, double auc, double p) {
    layers[layer]["auc"]["mean"] = auc;
    layers[layer]["p_corrected"] = p;
  };
  set(2, 0.9, 0.001);  // vision layer 2
  set(3, 0.6, 0.1), set(4, 0.52, 0.5), set(5, 0.51, 0.6);
  Figure figure = figure_of(synthetic, "layers-username");
  EXPECT_TRUE(figure.title.starts_with("username: with users held out, the AUC of W100 is 0.520 ("))
      << figure.title;
  EXPECT_TRUE(figure.title.ends_with(
      ") at the primary layer, decoder layer 2 (p 0.500, corrected by the maximum over layers); at "
      "the best of 3 decoder layers, decoder layer 1, 0.600 (p 0.100)"))
      << figure.title;
  EXPECT_TRUE(says(figure.caption, "The encoder is frozen")) << figure.caption;
  EXPECT_FALSE(says(figure_of(synthetic, "layers-user-id").caption, "The encoder is frozen"));
  EXPECT_EQ(figure.seeds, "1 to 3");
  set(4, 0.7, 0.03);
  figure = figure_of(synthetic, "layers-username");
  EXPECT_TRUE(
      figure.title.ends_with("(p 0.030, corrected by the maximum over layers), the best of "
                             "3 decoder layers"))
      << figure.title;
  for (Json& layer : layers) layer.erase("p_corrected");
  figure = figure_of(synthetic, "layers-username");
  EXPECT_TRUE(says(figure.title, "decoder layer 2 (without a p)")) << figure.title;
  synthetic.results["analysis"]["primary"] = nullptr;
  figure = figure_of(synthetic, "layers-username");
  EXPECT_FALSE(says(figure.title, "primary layer")) << figure.title;
}

TEST(ProbingPages, DrawThePositiveControlWhereUsersAreHeldOut) {
  SyntheticStudy synthetic;
  const auto names = [&](const char* id) {
    Words all;
    const Figure figure = figure_of(synthetic, id);
    for (const Series& series : std::get<LineChart>(figure.body).series) all.push_back(series.name);
    return all;
  };
  for (const char* id : {"layers-username", "layers-user-id"})
    EXPECT_EQ(names(id), (Words{"B", "C0", "W50", "W100", "T", "relabelled"})) << id;
  EXPECT_EQ(names("replica-username"), (Words{"B", "C0", "W50", "W100", "relabelled"}));
  EXPECT_EQ(figure_of(synthetic, "layers-user-id").control, "B, C0, T, relabelled users, prompt");
  condition(synthetic, "username", "T")["layers"] = Json::array();
  EXPECT_EQ(names("layers-username"), (Words{"B", "C0", "W50", "W100", "relabelled"}));
}

TEST(ProbingPages, HoldThePublishedProbeAgainstTheUntrainedBase) {
  SyntheticStudy synthetic;
  const auto set = [&](const char* code, double accuracy) {
    for (Json& layer : condition(synthetic, "username", code)["layers"])
      layer["replica"]["accuracy"] = layer["layer"] == "decoder layer 2" ? accuracy : 0.6;
  };
  set("B", 0.677), set("C0", 0.669), set("W100", 0.692);
  Json& w100 = condition(synthetic, "username", "W100")["layers"];
  w100[4]["replica"].update({{"low", 0.61}, {"high", 0.774}, {"control", 0.667}});
  Figure figure = figure_of(synthetic, "replica-username");
  const std::string title =
      "username: the published probe reaches 0.692 (0.610 to 0.774) on W100 at decoder layer 2, "
      "0.677 before any fine-tuning, 0.669 after clean, 0.667 with random labels";
  EXPECT_EQ(figure.title, title);
  EXPECT_EQ(figure.seeds, "1 to 3");
  // The AUC of a prompt is no accuracy.
  EXPECT_TRUE(std::get<LineChart>(figure.body).references.empty());
  EXPECT_FALSE(says(figure.caption, "prompt line")) << figure.caption;
  EXPECT_EQ(figure.control, "B, C0, relabelled users");
  const Figure held_out = figure_of(synthetic, "layers-username");
  EXPECT_EQ(std::get<LineChart>(held_out.body).references.size(), 1u);
  w100[5]["replica"]["accuracy"] = 0.8;
  figure = figure_of(synthetic, "replica-username");
  EXPECT_EQ(figure.title, title + "; on W100 at its best decoder layer, decoder layer 3, 0.800");
  condition(synthetic, "username", "B")["layers"][4]["replica"] = nullptr;
  figure = figure_of(synthetic, "replica-username");
  EXPECT_FALSE(says(figure.title, "before any")) << figure.title;
}

TEST(ProbingPages, SayHowMuchTheBaseReads) {
  SyntheticStudy synthetic;
  const auto reading = [](double characters, double lines) -> Json {
    return {{"characters", characters}, {"username", 0.926}, {"user_id", 0.982},
            {"whole_lines", lines},     {"cards", 100},      {"chars", 1740}};
  };
  Json& bases = synthetic.results["analysis"]["legibility"];
  bases = Json::array();
  bases.push_back({{"normal", reading(0.958, 0.77)},
                   {"large", reading(0.194, 0.0)},
                   {"small", reading(0.21, 0.0)}});
  Figure figure = figure_of(synthetic, "legibility");
  EXPECT_EQ(figure.title,
            "Of unseen cards of the size of training 96 % of the characters and 77 % of the whole "
            "lines are read; of larger ones 19 % and no whole line; of smaller ones 21 % and no "
            "whole line");
  EXPECT_EQ(std::get<Table>(figure.body).rows.size(), 3u);
  EXPECT_EQ(cells_of(figure, "normal"), (Words{"normal", "100", "96 %", "93 %", "98 %", "77 %"}));
  EXPECT_EQ(cells_of(figure, "small (half)")[5], "0 %");
  EXPECT_EQ(figure.counts, "1 base, 100 cards with 1740 characters of each size");
  EXPECT_TRUE(says(figure.caption, "Below 80 % of the characters")) << figure.caption;
  EXPECT_EQ(claims_of(figure), (Words{"K5", "K6", "K7", "K8", "K9"}));
  bases.push_back({{"normal", reading(0.93, 0.7)}, {"large", nullptr}, {"small", nullptr}});
  figure = figure_of(synthetic, "legibility");
  EXPECT_TRUE(says(figure.title, "93 to 96 % of the characters and 70 to 77 % of the whole lines"))
      << figure.title;
  EXPECT_EQ(cells_of(figure, "base 2, normal")[2], "93 %");
  bases = Json::array();
  EXPECT_TRUE(figure_of(synthetic, "legibility").id.empty());
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

TEST(ProbingPages, SayOnceThatTsOwnNumbersAreHighBySelection) {
  SyntheticStudy synthetic;
  train_all_weights(synthetic);
  const auto captions = [&] {
    Words ids;
    const Report report = report_of(synthetic);
    for (const Section& section : report.sections)
      for (const Figure& figure : section.figures)
        if (says(figure.caption, "own values there are high by selection"))
          ids.push_back(figure.id);
    return ids;
  };
  EXPECT_EQ(captions(), Words{"decides-username"});
  synthetic.results["analysis"]["primary"]["chosen_by"] = "last decoder layer";
  EXPECT_EQ(captions(), Words{});
}

TEST(ProbingPages, LinkComparisonsToTheClaimsThatUseThem) {
  SyntheticStudy synthetic;
  train_all_weights(synthetic);
  const Report report = report_of(synthetic);
  const auto claims = [&](const char* id) { return claims_of(figure_of(report, id)); };
  const auto caption = [&](const char* id) { return figure_of(report, id).caption; };
  EXPECT_EQ(claims("decides-username"), (Words{"K5", "K8"}));
  EXPECT_EQ(claims("decides-user-id"), Words{"K8"});
  EXPECT_EQ(claims("decides-username-full"), Words{"K8"});
  EXPECT_EQ(claims("decides-user-id-full"), Words{});
  EXPECT_TRUE(caption("decides-username")
                  .starts_with("AUCs at the primary layer (positive control T); K5 is judged by "
                               "their paired differences (the table of differences)"))
      << caption("decides-username");
  EXPECT_TRUE(caption("decides-user-id").starts_with("The same for user_id; K8 is judged"))
      << caption("decides-user-id");
  EXPECT_TRUE(caption("decides-username-full")
                  .starts_with("The same for username with all weights trained; K8 is judged"))
      << caption("decides-username-full");
  EXPECT_TRUE(says(caption("decides-user-id-full"), "no claim is judged by it"))
      << caption("decides-user-id-full");
}

TEST(ProbingPages, SayWhetherSelectivityIsThereAndFitsConverged) {
  SyntheticStudy synthetic;
  const auto set = [&](const char* code, double auc) {
    Json& layer = condition(synthetic, "username", code)["layers"][4];
    layer["auc"].update({{"mean", auc}, {"t_low", auc - 0.08}, {"t_high", auc + 0.08}});
    layer["control"] = 0.5;
  };
  set("W100", 0.51), set("T", 0.53);
  Figure figure = figure_of(synthetic, "validity");
  const std::string selectivity =
      "Selectivity of W100 is 0.01 (−0.07 to 0.09), of T 0.03 (−0.05 to 0.11); ";
  EXPECT_EQ(figure.title, selectivity + "all 4800 fits carry a certificate of convergence");
  EXPECT_EQ(figure.counts, "3 runs a condition, 128 users");
  EXPECT_EQ(figure.seeds, "1 to 3");
  synthetic.results["analysis"]["probes"][0]["fits"]["unconverged"] = 2;
  figure = figure_of(synthetic, "validity");
  EXPECT_EQ(figure.title, selectivity + "4798 of 4800 fits carry a certificate of convergence");
}

TEST(ProbingPages, LeaveOutColumnsThatAreTheSameInEveryCondition) {
  SyntheticStudy synthetic;
  EXPECT_EQ(std::get<Table>(figure_of(synthetic, "validity").body).columns.size(), 6u);
  Json& probes = synthetic.results["analysis"]["probes"];
  const auto same = [](double mean, double half, Json seeds) -> Json {
    return {{"mean", mean},         {"t_low", mean - half}, {"t_high", mean + half},
            {"runs", seeds.size()}, {"users", 128},         {"seeds", seeds}};
  };
  for (Json& row : probes) {
    const bool few = row["condition"] == "IMG" || row["condition"] == "TXT";
    const std::string code = row["condition"].get<std::string>();
    const Json seeds = few ? Json::array({1, 2, 3}) : Json::array({1, 2, 3, 4});
    row["pixels"] = same(few ? 0.51 : 0.5, 0.02, seeds);
    condition(synthetic, "username", code)["layers"][2]["auc"] = same(0.52, 0.08, seeds);
  }
  Figure figure = figure_of(synthetic, "validity");
  const Table& table = std::get<Table>(figure.body);
  EXPECT_EQ(table.columns.size(), 4u);
  EXPECT_EQ(table.rows[0].size(), 4u);
  ASSERT_EQ(table.notes.size(), 2u);
  EXPECT_TRUE(says(table.notes[0], "The same in every condition")) << table.notes[0];
  EXPECT_TRUE(says(table.notes[0],
                   "pixels: 0.50 (0.48 to 0.52) in runs 1 to 4 and 0.51 (0.49 to 0.53) in runs 1 "
                   "to 3; vision: 0.52 (0.44 to 0.60) in runs 1 to 4 and 0.52 (0.44 to 0.60) in "
                   "runs 1 to 3"))
      << table.notes[0];
  condition(synthetic, "username", "W100")["layers"][2]["auc"]["mean"] = 0.55;
  figure = figure_of(synthetic, "validity");
  ASSERT_EQ(std::get<Table>(figure.body).columns.size(), 5u);
  EXPECT_EQ(std::get<Table>(figure.body).columns[4].name, "vision");
  EXPECT_TRUE(says(cells_of(figure, "W100")[4], "0.55 ("));
}

TEST(ProbingPages, CallNoCodeShortThatIsLongerThanTheLabels) {
  SyntheticStudy synthetic;
  const auto title = [&](double compression, double control) {
    for (Json& row : synthetic.results["analysis"]["probes"])
      if (row["condition"] == "W100") {
        row["mdl"] = {{"compression", compression}, {"control", control}};
        row["conditional"] = {
            {"bits", -0.009}, {"low", -0.023}, {"high", 0.005}, {"p_values", {0.4, 0.5, 0.6}}};
      }
    return figure_of(synthetic, "validity-codes").title;
  };
  EXPECT_EQ(title(0.940, 0.932),
            "W100's state adds −0.009 (−0.023 to 0.005) bits to the base's, and its code of IN/OUT "
            "is 6 % longer than the labels themselves (7 % with random labels)");
  EXPECT_TRUE(
      title(1.25, 0.932)
          .ends_with("is 20 % shorter than the labels themselves (7 % longer with random labels)"));
  EXPECT_TRUE(title(1.001, 0.999)
                  .ends_with("is as long as the labels themselves (as long with random labels)"));
  EXPECT_EQ(figure_of(synthetic, "validity-codes").seeds, "1 to 3");
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
