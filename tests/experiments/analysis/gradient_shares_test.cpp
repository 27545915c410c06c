#include "experiments/analysis/gradient_shares.h"

#include <gtest/gtest.h>

#include <cmath>

#include "experiments/analysis/gradient_study.h"
#include "tensor/error.h"
#include "tests/experiments/analysis/synthetic_study.h"

namespace chainline::experiments {
namespace {

using test::study_in;
using test::World;

CosineMoments moments(double g2, double d2, double s, double sd) {
  CosineMoments m;
  m.g_square = g2, m.d_square = d2, m.g_variance = s, m.d_variance = sd;
  return m;
}

const Json& of_w100(const Json& rows) {
  for (const Json& row : rows)
    if (row.at("comparison") == "W100") return row;
  throw ValueError("no row of W100");
}

Json study_of(const StudyResults& results) {
  AnalysisOptions options(1);
  options.replicates = 200;
  return gradient_study(results, 8, options);
}

World still(double plateau) {
  World world;
  world.grid = false;
  world.runs = 3;
  world.plateau = plateau;
  return world;
}

// 1/cos^2 - 1 = (b |D|^2 + Sd) / (b |G|^2 + S) for D across G: 4.2 / 21 at b = 1, 0.12 / 1 in the
// limit.
TEST(GradientShares, AreWhatTheoryHasForAChangeAcrossTheGradient) {
  const ShareOfRun s = share_of_moments(moments(1, 0.12, 20, 4.08), 1, 64);
  EXPECT_NEAR(s.at_one, 0.2, 1e-12);
  EXPECT_NEAR(s.at_any, 0.12, 1e-12);
  EXPECT_NEAR(s.share, 0.6, 1e-12);
  EXPECT_FALSE(s.without_change);
  // The cosine at 64 is that of (64 * 0.12 + 4.08) / 84.
  EXPECT_NEAR(s.fall, 1 / std::sqrt(1.2) - 1 / std::sqrt(1 + 11.76 / 84), 1e-12);
}

TEST(GradientShares, AreZeroWhereNoMeanChangeStandsOut) {
  for (const double d2 : {0.0, -0.3, -5.0}) {  // unbiased: noise alone puts it on either side of 0
    const ShareOfRun s = share_of_moments(moments(1, d2, 20, 8), 1, 64);
    EXPECT_EQ(s.share, 0) << d2;
    EXPECT_TRUE(s.without_change) << d2;
  }
}

TEST(GradientShares, AreNoneWhereNoMeanGradientStandsOut) {
  for (const double d2 : {0.2, -0.2}) {  // whatever the change
    const ShareOfRun s = share_of_moments(moments(-0.1, d2, 20, 4), 1, 64);
    EXPECT_TRUE(std::isnan(s.share)) << d2;
    // The cosines at both sizes are numbers; that at 64 is of -0.1 + 20 / 64.
    EXPECT_TRUE(std::isnan(s.fall)) << d2;
  }
  EXPECT_TRUE(std::isnan(share_of_moments(moments(0, 0.2, 20, 4), 1, 64).fall));
}

TEST(GradientShares, CountOnlyRunsWithAMeanGradient) {
  StudyResults results = study_in(still(0.6));
  results.gradients[1]["moments"]["W100"]["all parameters"]["G2"] = -0.1;
  const Json study = study_of(results);
  const Json& row = of_w100(study["shares"]);
  EXPECT_EQ(row["runs"], 3);
  for (const char* what : {"share", "at_one", "at_any", "fall"}) {
    EXPECT_EQ(row[what]["runs"], 2) << what;
    EXPECT_EQ(row[what]["per_run"].size(), 2u) << what;
    EXPECT_EQ(row[what]["seeds"], Json({1, 3})) << what;
  }
}

TEST(GradientShares, AreMeansOverRunsWithStudentsLimits) {
  const Json study = study_of(study_in(still(0.6)));
  const Json& row = of_w100(study["shares"]);
  EXPECT_EQ(row["runs"], 3);
  EXPECT_EQ(row["without_change"], 0);
  const Json& share = row["share"];
  ASSERT_EQ(share["per_run"].size(), 3u);
  // Planted with a spread of 5 % a run.
  EXPECT_NEAR(share["mean"], 0.6, 4 * 0.03 / std::sqrt(3.0));
  EXPECT_LT(share["low"], share["mean"]);
  EXPECT_GT(share["high"], share["mean"]);
  EXPECT_LT(row["fall"]["high"], 0);  // less at b = 1 than at 64
}

TEST(GradientShares, AreNotDecidedBySingleBatchesAtRightAngles) {
  StudyResults results = study_in(still(0.6));
  const Json before = study_of(results);
  // One in 12 batches of 1, 2 and 4 samples: 1/cos^2 of it alone is 1e6.
  for (Json& job : results.gradients)
    for (const int size : {0, 1, 2}) job["comparisons"]["W100"]["cosine"][0][size][0] = 1e-3;
  const Json after = study_of(results);
  EXPECT_EQ(of_w100(after["shares"]), of_w100(before["shares"]));
  // These mean cosines fall by a twelfth, and 1/cos^2 - 1 rises from 0.2 to some 0.43; means of
  // single tangents would rise to 8e4, and the share of the fit fall to next to nothing.
  EXPECT_NEAR(of_w100(before["plateaus"])["ratio"]["estimate"], 0.6, 0.1);
  EXPECT_GT(of_w100(after["plateaus"])["ratio"]["estimate"], 0.15);
}

TEST(GradientShares, OfAFitHaveTheSpreadOfRuns) {
  // Runs that disagree, each without any spread of its batches: an interval that draws batches of
  // all runs together would hardly see it with this many.
  StudyResults results = study_in(still(0));
  double share = 0.2;
  for (Json& job : results.gradients) {
    Json& cosine = job["comparisons"]["W100"]["cosine"][0];
    const auto sizes = job["sizes"].get<std::vector<double>>();
    for (std::size_t s = 0; s < sizes.size(); ++s)
      for (Json& c : cosine[s])
        c = 1 / std::sqrt(1 + 0.2 * (share + (1 - share) * 21 / (20 + sizes[s])));
    share += 0.3;
  }
  const Json ratio = of_w100(study_of(results)["plateaus"])["ratio"];
  EXPECT_NEAR(ratio["estimate"], 0.5, 0.05);
  EXPECT_LT(ratio["low"], 0.25);
  EXPECT_GT(ratio["high"], 0.75);
}

}  // namespace
}  // namespace chainline::experiments
