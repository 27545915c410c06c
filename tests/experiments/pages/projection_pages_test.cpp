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

TEST(ProjectionPages, ShowClustersOverRunsBesideTheirControls) {
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
  EXPECT_TRUE(says(figure.caption, "the largest of the runs' p, which can only be too large"))
      << figure.caption;
  EXPECT_FALSE(says(figure.caption, "Chance is not at 0")) << figure.caption;
}

TEST(ProjectionPages, ShowWhichSilhouetteIsThereWithoutAnySeenUser) {
  SyntheticStudy synthetic;
  Json& rows = synthetic.results["analysis"]["silhouettes"] = Json::array();
  for (const char* place : {"decoder layer 2", "t-SNE plane"}) {
    rows.push_back(silhouette_row("W100", place, 0.03));
    rows.push_back(silhouette_row("B", place, 0.035));
  }
  const Figure figure = figure_of(synthetic, "silhouettes");
  EXPECT_TRUE(says(figure.title, "decoder layer 2: W100 0.030 and B (saw nobody) 0.035; t-SNE"))
      << figure.title;
  EXPECT_TRUE(says(figure.caption, "Chance is not at 0")) << figure.caption;
}

TEST(ProjectionPages, ShowTheMapsOfControlsThatHaveThem) {
  SyntheticStudy synthetic;
  EXPECT_TRUE(figure_of(synthetic, "map-t").id.empty());
  EXPECT_EQ(figure_of(synthetic, "map-b").control, "the silhouette by users");
  EXPECT_EQ(figure_of(synthetic, "map-b").counts, "1 run, 120 states of 60 pictures");
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

TEST(ProjectionPages, CountEachPictureOfTheGalleryOnce) {
  const Figure figure = figure_of(SyntheticStudy(false), "gallery");
  const Gallery& gallery = std::get<Gallery>(figure.body);
  std::set<std::string> clean;
  for (const Picture& picture : gallery.pictures)
    if (picture.label.starts_with("clean, ")) clean.insert(picture.label);
  const std::string pictures = counted(static_cast<std::int64_t>(clean.size()), "picture");
  EXPECT_LT(clean.size(), gallery.pictures.size() / 2);  // conditions share them
  EXPECT_TRUE(figure.title.starts_with(
      pictures + " in " + counted(static_cast<std::int64_t>(gallery.pictures.size() / 2), "pair") +
      ": clean, and as "))
      << figure.title;
  EXPECT_TRUE(figure.counts.starts_with(pictures)) << figure.counts;
}

}  // namespace
}  // namespace chainline::experiments
