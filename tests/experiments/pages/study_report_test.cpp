#include "experiments/pages/study_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>

#include "experiments/pages/page.h"
#include "tensor/error.h"
#include "tests/experiments/pages/small_page.h"

namespace chainline::experiments {
namespace {

Report report_of(const SyntheticStudy& synthetic) {
  const Json manifest = {{"command", "chainline reproduce"},
                         {"seeds", {{"study", 1}}},
                         {"config", {{"users", 16}}},
                         {"machine", {{"threads", 2}}}};
  return study_report(synthetic.results, synthetic.runs, manifest, small_world(), small_study());
}

std::set<std::string> figures_of(const Report& report) {
  std::set<std::string> ids;
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures) ids.insert(figure.id);
  return ids;
}

const Figure& figure_of(const Report& report, const std::string& id) {
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures)
      if (figure.id == id) return figure;
  throw std::runtime_error("no figure " + id);
}

std::string first_paragraphs(const Report& report) {
  std::string text;
  for (const std::string& paragraph : report.sections.front().paragraphs) text += paragraph + "\n";
  return text;
}

/// The page without its pictures, whose letters mean nothing.
std::string words_of(const Report& report) {
  std::string html = render_report(report);
  for (std::size_t at; (at = html.find("data:image")) != html.npos;)
    html.erase(at, html.find('"', at) - at);
  return html;
}

TEST(StudyReport, OfACompleteStudyHasEveryFigure) {
  const Report report = report_of(SyntheticStudy());
  const std::set<std::string> expected = {"conditions",
                                          "legibility",
                                          "gates",
                                          "claims",
                                          "tests",
                                          "utility",
                                          "utility-kinds",
                                          "utility-rates",
                                          "utility-trends",
                                          "utility-differences",
                                          "utility-equivalence",
                                          "learning-rates",
                                          "gradients",
                                          "gradient-sizes",
                                          "gradient-predicted",
                                          "gradient-plateau",
                                          "gradient-plateaus",
                                          "gradient-layers",
                                          "gradient-ratios",
                                          "twins",
                                          "grid-adamw",
                                          "grid-sgd",
                                          "grid-rules",
                                          "grid-cells",
                                          "grid-slopes",
                                          "replica-username",
                                          "layers-username",
                                          "replica-user-id",
                                          "layers-user-id",
                                          "decides-username",
                                          "decides-user-id",
                                          "differences",
                                          "validity",
                                          "validity-codes",
                                          "exposure",
                                          "exposure-full",
                                          "dose",
                                          "measures",
                                          "intervals-ids",
                                          "intervals-answers",
                                          "attacks",
                                          "counterfactual",
                                          "extraction",
                                          "preference",
                                          "prompt",
                                          "privacy-curve",
                                          "privacy",
                                          "privacy-utility",
                                          "map-b",
                                          "map-w50",
                                          "map-w100",
                                          "silhouettes",
                                          "gallery",
                                          "ledger",
                                          "paper",
                                          "numbers",
                                          "again"};
  EXPECT_EQ(figures_of(report), expected);
  EXPECT_EQ(report.sections.size(), 9);
  EXPECT_FALSE(report.facts.empty());
  // Nothing of a complete study is said to be missing.
  for (const Section& section : report.sections)
    for (const std::string& paragraph : section.paragraphs)
      EXPECT_EQ(paragraph.find("No results yet"), paragraph.npos) << paragraph;
  const std::string html = render_report(report);
  if (const char* path = std::getenv("CHAINLINE_SAMPLE_REPORT")) write_report(path, report);
  // The verdicts stand in the page as badges, and figures link to the rows of their claims.
  EXPECT_NE(html.find("<tr id=\"k5\">"), html.npos);
  EXPECT_NE(html.find("<a href=\"#k5\">K5</a>"), html.npos);
}

TEST(StudyReport, SaysFirstWhatWasFound) {
  SyntheticStudy synthetic;
  Json& analysis = synthetic.results["analysis"];
  for (Json& e : analysis["effects"])
    if (e["measure"] == "exposure" && e["tuning"] == "lora")
      e["mean"] = e["condition"] == "T" ? 3.85 : -0.08, e["low"] = -0.5, e["high"] = 4.5;
  for (Json& condition : analysis["separation"]["username"]["conditions"])
    for (Json& layer : condition["layers"])
      if (condition["condition"] == "W100")
        layer["replica"] = {{"accuracy", 0.69}, {"control", 0.67}};
  const std::string text = first_paragraphs(report_of(synthetic));
  for (const char* words :
       {"3.85 (−0.50 to 4.50) bits where the id is asked for (T)",
        "−0.08 (−0.50 to 4.50) bits where the same cards stand and no question asks",
        "is right on 69 % of W100's pictures", "on 67 % under random labels"})
    EXPECT_NE(text.find(words), text.npos) << words << "\n" << text;
}

TEST(StudyReport, SaysWhenChanceHasChosenThePrimaryLayer) {
  const auto text = [](double p) {
    SyntheticStudy synthetic;
    for (Json& condition : synthetic.results["analysis"]["separation"]["username"]["conditions"])
      for (Json& layer : condition["layers"]) layer["p_corrected"] = p;
    return first_paragraphs(report_of(synthetic));
  };
  EXPECT_NE(text(0.74).find("chance may have chosen among them"), std::string::npos);
  EXPECT_EQ(text(0.04).find("chance may have chosen among them"), std::string::npos);
}

TEST(StudyReport, SaysOfATestWhatRefutesItAndWhatKeepsItOpen) {
  SyntheticStudy synthetic;
  Json& test = synthetic.results["claims"][0]["tests"][0];
  test["scale"] = 100;
  test["wide"] = {{"low", -0.036}, {"high", 0.029}, {"confidence", 0.99}};
  test["note"] = "2 runs, where 3 are the fewest";
  const Report report = report_of(synthetic);
  const auto& rows = std::get<Table>(figure_of(report, "tests").body).rows;
  EXPECT_EQ(rows[0].back(), "99 %: −3.6 to 2.9; 2 runs, where 3 are the fewest");
  EXPECT_EQ(rows[1].back(), "–");
}

TEST(StudyReport, HasNoPlaceholderWhereANumberBelongs) {
  const std::string html = words_of(report_of(SyntheticStudy()));
  for (const char* slip : {"nan", "NaN", "inf ", "null", "{}", "{:"})
    EXPECT_EQ(html.find(slip), html.npos) << slip;
}

TEST(StudyReport, OfAStudyJustBegunSaysWhatIsMissing) {
  const Report report = report_of(SyntheticStudy(false));
  const std::string html = render_report(report);
  const std::string text = first_paragraphs(report);
  EXPECT_NE(text.find("unfinished: 2 of 40 jobs"), text.npos) << text;
  EXPECT_NE(text.find("10 claims are withheld"), text.npos) << text;
  EXPECT_NE(text.find("5 gates have no result yet"), text.npos) << text;
  EXPECT_NE(text.find("Sections left out"), text.npos) << text;
  EXPECT_NE(text.find("Maps of hidden states"), text.npos) << text;
  const std::set<std::string> ids = figures_of(report);
  EXPECT_TRUE(ids.contains("utility"));
  EXPECT_TRUE(ids.contains("gallery"));
  EXPECT_FALSE(ids.contains("exposure"));
  if (const char* path = std::getenv("CHAINLINE_HALF_REPORT")) write_report(path, report);
}

TEST(StudyReport, OfAStudyWithoutAnyResultStillIsOne) {
  SyntheticStudy none(false);
  none.results.erase("gates");
  none.results.erase("claims");
  none.results["analysis"] = Json::object();
  none.runs = StudyResults();
  const Report report = report_of(none);
  EXPECT_NO_THROW(render_report(report));
  EXPECT_EQ(report.sections.front().title, "Summary");
}

TEST(StudyReport, ShowsNullsAsDashesAndGaps) {
  SyntheticStudy synthetic;
  make_null(synthetic.results["analysis"]);
  make_null(synthetic.results["claims"]);
  make_null(synthetic.results["gates"]);
  for (Json& run : synthetic.runs.runs) make_null(run["probes"]);
  for (Json& twin : synthetic.runs.twins) make_null(twin);
  const Report report = report_of(synthetic);
  const std::string html = words_of(report);
  const std::size_t slip = html.find("nan");
  EXPECT_EQ(slip, html.npos) << html.substr(slip < 80 || slip == html.npos ? 0 : slip - 80, 160);
  // Charts without a number are not drawn; tables have dashes.
  const std::set<std::string> ids = figures_of(report);
  EXPECT_FALSE(ids.contains("exposure"));
  ASSERT_TRUE(ids.contains("utility"));
  EXPECT_EQ(std::get<Table>(figure_of(report, "utility").body).rows.front()[2], "–");
}

TEST(StudyReport, SaysWhatTheMostCommonAnswersAreWorth) {
  const std::vector<std::string> notes =
      std::get<Table>(figure_of(report_of(SyntheticStudy()), "utility").body).notes;
  EXPECT_NE(notes.back().find("general 35.0 %"), std::string::npos) << notes.back();
}

TEST(StudyReport, StandsWithAnyOneNumberGone) {
  // Every estimate in turn without its limits, or without its mean: no figure may break.
  for (const char* gone : {"low", "high", "mean", "estimate", "p_corrected", "t_low", "difference",
                           "auc", "cosine", "seeds", "sentence", "predicted", "rules"}) {
    SyntheticStudy synthetic;
    const std::function<void(Json&)> remove = [&](Json& json) {
      if (json.is_object()) {
        if (json.contains(gone)) json[gone] = nullptr;
        for (auto& [name, value] : json.items()) remove(value);
      } else if (json.is_array()) {
        for (Json& value : json) remove(value);
      }
    };
    remove(synthetic.results["analysis"]);
    remove(synthetic.results["claims"]);
    EXPECT_NO_THROW(render_report(report_of(synthetic))) << gone;
  }
}

TEST(StudyReport, PrintsTheSignsOfWordsThatTerminalsHave) {
  EXPECT_EQ(printed("1/cos^2 - 1 is -0.4 (-1.5 to 2) under L-0.4, in mini-batches less P-const"),
            "1/cos² − 1 is −0.4 (−1.5 to 2) under L-0.4, in mini-batches less P-const");
}

TEST(StudyReport, SaysHowOftenFewPicturesAreGoneOver) {
  const auto pictures = [](std::int64_t images) {
    Study study = small_study();  // half of its data is 12 pictures
    study.tune_images = images;
    const World world(study);
    const Json manifest = Json::object();
    const SyntheticStudy synthetic;
    const Part part =
        method_part(StudyPage(synthetic.results, synthetic.runs, manifest, world, study));
    for (const Figure& figure : part.section.figures)
      if (const auto* table = std::get_if<Table>(&figure.body))
        for (const auto& row : table->rows)
          if (row[0] == "pictures of a fine-tuning") return row[1];
    return std::string();
  };
  EXPECT_EQ(pictures(12).substr(0, 8), "12, up t");
  EXPECT_EQ(pictures(36).substr(0, 21), "36 (12, each 3 times,");
}

TEST(StudyReport, TakesItsTitlesFromTheNumbers) {
  SyntheticStudy synthetic;
  for (Json& e : synthetic.results["analysis"]["effects"])
    if (e["condition"] == "W100" && e["measure"] == "exposure" && e["tuning"] == "lora")
      e["mean"] = -0.75, e["low"] = -0.9, e["high"] = -0.6;
  const Report report = report_of(synthetic);
  EXPECT_NE(figure_of(report, "exposure").title.find("−0.75 (−0.90 to −0.60) bits after W100"),
            std::string::npos)
      << figure_of(report, "exposure").title;
}

TEST(StudyReport, CountsTheRowsOfItsTables) {
  const Report report = report_of(SyntheticStudy());
  // A title is made before its table goes into the figure: it counts the rows that are there.
  for (const auto& [id, words] :
       {std::pair("tests", "0 of 10 tests"), std::pair("utility-trends", "0 of 5 slopes"),
        std::pair("differences", "0 of 4 differences"), std::pair("privacy", "in 0 of 6 settings"),
        std::pair("ledger", "these 6 cards")})
    EXPECT_NE(figure_of(report, id).title.find(words), std::string::npos)
        << figure_of(report, id).title;
}

TEST(StudyReport, HoldsPrivateTrainingsAgainstTheSameStepsWithoutNoise) {
  const Report report = report_of(SyntheticStudy());
  const auto& table = std::get<Table>(figure_of(report, "privacy").body);
  int controls = 0, others = 0;
  for (const std::vector<std::string>& row : table.rows) {
    if (row[1] != "none") continue;
    EXPECT_EQ(row[3], "none") << row[0];  // it proves no epsilon, whatever the accountant says
    (row[0].ends_with("another training") ? others : controls) += 1;
  }
  EXPECT_EQ(controls, 2);  // of W100 and T
  EXPECT_EQ(others, 2);
  const auto& curve = std::get<LineChart>(figure_of(report, "privacy-curve").body);
  for (const Series& series : curve.series)
    for (const double epsilon : series.x) EXPECT_LT(epsilon, 100) << series.name;
  EXPECT_TRUE(std::any_of(curve.references.begin(), curve.references.end(), [](const auto& r) {
    return r.label.starts_with("T, same steps and clipping, no noise");
  }));
  EXPECT_EQ(figure_of(report, "privacy-curve").control,
            "the same steps, clipped alike, with next to no noise");
  EXPECT_EQ(std::get<Table>(figure_of(report, "privacy-utility").body).rows.size(), 8u);
}

TEST(StudyReport, ShowsSwappedRunsAsAnotherRunsProbeReadsThem) {
  const auto group = [](const SyntheticStudy& synthetic) {
    const Report report = report_of(synthetic);
    return std::get<DotChart>(figure_of(report, "decides-username").body).groups.back();
  };
  SyntheticStudy synthetic;
  EXPECT_EQ(group(synthetic).name, "Pairs told by W100's probe");
  ASSERT_EQ(group(synthetic).rows.size(), 2u);
  EXPECT_NE(group(synthetic).rows[0].note.find("below 0.5"), std::string::npos);  // SW
  EXPECT_TRUE(group(synthetic).rows[1].note.empty());                             // U3
  synthetic.results["analysis"]["transfer"] = Json::array();
  EXPECT_NE(group(synthetic).name, "Pairs told by W100's probe");
}

TEST(StudyReport, MarksEffectsThatAreNotLessTheBases) {
  SyntheticStudy synthetic;
  const auto cells = [&](const std::string& column, const std::string& condition) {
    const Report report = report_of(synthetic);
    const auto& table = std::get<Table>(figure_of(report, "measures").body);
    std::size_t c = 0;
    while (table.columns[c].name != column) ++c;
    for (const auto& row : table.rows)
      if (row[0] == condition) return row[c];
    return std::string();
  };
  EXPECT_NE(cells("phi", "W100").find("†"), std::string::npos);
  EXPECT_EQ(cells("phi", "B").find("†"), std::string::npos);
  EXPECT_EQ(cells("preference", "W100").find("†"), std::string::npos);
  for (Json& e : synthetic.results["analysis"]["effects"]) e["reference"] = "B";
  EXPECT_EQ(cells("phi", "W100").find("†"), std::string::npos);
}

TEST(StudyReport, DrawsAnIntervalThatMissesItsMeanUpToIt) {
  SyntheticStudy synthetic;  // a percentile bootstrap may do so
  for (Json& e : synthetic.results["analysis"]["effects"])
    if (e["condition"] == "C0") e["low"] = e["mean"].get<double>() + 0.1, e["high"] = 1;
  EXPECT_NO_THROW(render_report(report_of(synthetic)));
}

TEST(StudyReport, LinksNoVerdictThatIsWithheld) {
  const Report report = report_of(SyntheticStudy(false));
  for (const ClaimLink& claim : figure_of(report, "utility").claims)
    EXPECT_FALSE(claim.badge.has_value());
  const Report complete = report_of(SyntheticStudy());
  ASSERT_EQ(figure_of(complete, "utility").claims.size(), 1);
  EXPECT_EQ(figure_of(complete, "utility").claims[0].badge, Badge::not_supported);  // K1
}

TEST(StudyReport, ShowsCardsInTheirBoxes) {
  const Report report = report_of(SyntheticStudy(false));
  const auto& gallery = std::get<Gallery>(figure_of(report, "gallery").body);
  const auto boxed = std::count_if(gallery.pictures.begin(), gallery.pictures.end(),
                                   [](const Picture& picture) { return picture.box.has_value(); });
  const auto& ledger = std::get<Table>(figure_of(report, "ledger").body);
  EXPECT_EQ(static_cast<std::size_t>(boxed), ledger.rows.size());
  // A masked card does not show the id that T asks for.
  const auto masked = std::find_if(ledger.rows.begin(), ledger.rows.end(),
                                   [](const auto& row) { return row[0].starts_with("T,"); });
  ASSERT_NE(masked, ledger.rows.end());
  EXPECT_NE((*masked)[2].find('*'), std::string::npos) << (*masked)[2];
}

TEST(StudyReport, RefusesResultsThatAreNoObject) {
  SyntheticStudy synthetic(false);
  synthetic.results = Json::array();
  EXPECT_THROW(report_of(synthetic), FileError);
}

}  // namespace
}  // namespace chainline::experiments
