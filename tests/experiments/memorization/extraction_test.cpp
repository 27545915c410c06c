#include "experiments/memorization/extraction.h"

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

TEST(EditDistance, CountsTheFewestChanges) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);  // Levenshtein's textbook pair
  EXPECT_EQ(edit_distance("sitting", "kitten"), 3);
  EXPECT_EQ(edit_distance("0123456789", "0123456789"), 0);
  EXPECT_EQ(edit_distance("0123456789", "1234567890"), 2) << "a shift is one digit in, one out";
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("abc", ""), 3);
  EXPECT_EQ(edit_distance("abc", "xyz"), 3);
}

TEST(EditDistance, IsNormalizedByTheLongerText) {
  EXPECT_EQ(normalized_edit_distance("kitten", "sitting"), 3.0 / 7);
  EXPECT_EQ(normalized_edit_distance("", "abc"), 1);
  EXPECT_EQ(normalized_edit_distance("", ""), 0);
}

TEST(Extraction, CountsExactOutputsAndAveragesTheDistance) {
  const Extraction result = extraction({"12", "34", "57"}, {"12", "35", "68"});
  EXPECT_EQ(result.asked, 3);
  EXPECT_EQ(result.exact, 1);
  EXPECT_EQ(result.edit_distances, (std::vector<double>{0, 0.5, 1}));
  EXPECT_EQ(result.edit_distance, 0.5);
  EXPECT_EQ(result.exact_share.low, wilson_interval(1, 3).low);
  EXPECT_EQ(result.exact_share.high, wilson_interval(1, 3).high);
}

TEST(Extraction, WantsOneSecretForEachOutput) {
  EXPECT_EQ(refusal<ValueError>([] { extraction({"1"}, {}); }),
            "extraction: secrets: expected one for each of 1 outputs, got 0");
  EXPECT_EQ(refusal<ValueError>([] { extraction({}, {}); }),
            "extraction: outputs: expected at least one, got none");
}

}  // namespace
}  // namespace chainline::experiments
