#include "experiments/text/batch.h"

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

using Ids = std::vector<std::int64_t>;

TEST(Collate, FillsShorterSequencesUpOnTheRight) {
  const std::vector<Tokens> sequences = {{{5, 6, 7}, {-100, 6, 7}}, {{8}, {8}}};
  const Batch batch = collate(sequences, 9, 3);
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.columns, 3);
  EXPECT_EQ(batch.ids, (Ids{5, 6, 7, 8, 9, 9}));
  EXPECT_EQ(batch.labels, (Ids{-100, 6, 7, 8, -100, -100}));
  EXPECT_EQ(batch.lengths, (Ids{3, 1}));
}

TEST(Collate, OfNothingIsEmpty) {
  const Batch batch = collate({}, 0, 10);
  EXPECT_EQ(batch.rows, 0);
  EXPECT_EQ(batch.columns, 0);
  EXPECT_TRUE(batch.ids.empty());
}

TEST(Collate, RefusesToCutAndSequencesThatAreNone) {
  const auto refused = [](const Tokens& second) {
    const std::vector<Tokens> sequences = {{{1, 2}, {1, 2}}, second};
    return refusal<Error>([&] { collate(sequences, 0, 2); });
  };
  EXPECT_EQ(refused({{1, 2, 3}, {1, 2, 3}}), "collate: row 1: expected at most 2 tokens, got 3");
  EXPECT_EQ(refused({{1, 2}, {1}}), "collate: row 1: expected as many labels as ids (2), got 1");
  EXPECT_EQ(refused({{}, {}}), "collate: row 1: expected at least one token, got none");
}

TEST(Widened, FillsUpToAMultipleAndKeepsTheRest) {
  const std::vector<Tokens> sequences = {{{5, 6, 7}, {kIgnoreIndex, 6, 7}}, {{8}, {8}}};
  const Batch narrow = collate(sequences, 9, 10), wide = widened(narrow, 4, 9);
  EXPECT_EQ(wide.columns, 4);
  EXPECT_EQ(wide.ids, (std::vector<std::int64_t>{5, 6, 7, 9, 8, 9, 9, 9}));
  EXPECT_EQ(wide.labels, (std::vector<std::int64_t>{kIgnoreIndex, 6, 7, kIgnoreIndex, 8,
                                                    kIgnoreIndex, kIgnoreIndex, kIgnoreIndex}));
  EXPECT_EQ(wide.lengths, narrow.lengths);
  EXPECT_EQ(widened(narrow, 3, 9).ids, narrow.ids);
}

}  // namespace
}  // namespace chainline::experiments
