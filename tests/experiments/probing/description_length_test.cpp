#include "experiments/probing/description_length.h"

#include "tensor/parallel.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/probing/planted.h"

namespace chainline::experiments {
namespace {

ProbeOptions options(std::int64_t relabellings) {
  ProbeOptions chosen(5);
  chosen.relabellings = relabellings;
  chosen.c_grid = kCGrid;
  return chosen;
}

// scikit-learn 1.9.1: by hand, StandardScaler and LogisticRegression(solver="newton-cholesky",
// tol=1e-12) block by block, in the order that the generator gives.
TEST(DescriptionLength, AgreesWithLoopsOverScikitLearn) {
  const World world({0.3, 0.2, 0}, 21);
  ProbeOptions chosen = options(0);
  chosen.tolerance = 1e-9;
  const DescriptionLength found = description_length(world.items, chosen);
  const std::int64_t users[] = {1, 1, 1, 2, 5, 10, 20};
  const double bits[] = {
      15, 15, 15, 44.44229109120244, 40.53487431381642, 121.21725130089612, 139.63062952516898};
  const double cs[] = {0, 0, 0, 1e-4, 0.1, 1, 0.1};
  ASSERT_EQ(found.blocks.size(), 7u);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(found.blocks[i].users, users[i]);
    EXPECT_EQ(found.blocks[i].items, 15 * users[i]);
    EXPECT_NEAR(found.blocks[i].bits, bits[i], 1e-4) << i;
    EXPECT_EQ(found.blocks[i].c, cs[i]) << i;
  }
  EXPECT_NEAR(found.bits, 390.825046231084, 1e-4);
  EXPECT_NEAR(found.compression, 1.5352137888451414, 1e-6);
}

TEST(DescriptionLength, IsShorterForFamiliarityThanForAnyRelabelling) {
  const World world({0.3, 0.4, 0}, 40);
  const DescriptionLength found = description_length(world.items, options(20));
  EXPECT_GT(found.compression, 1.5);
  EXPECT_EQ(found.control.p_value, 1.0 / 21);
  EXPECT_NEAR(found.control.selectivity, found.compression - found.control.mean, 1e-12);
  EXPECT_EQ(found.quality.unconverged, 0);
}

TEST(DescriptionLength, OfReadableCardsAloneIsWithinItsControl) {
  // Later users' cards are new, so what was learned of earlier ones costs rather than saves.
  const World world({1, 0, 0}, 41);
  const DescriptionLength found = description_length(world.items, options(20));
  EXPECT_LT(found.compression, 1.05);
  EXPECT_GT(found.control.p_value, 0.05);
}

TEST(DescriptionLength, SendsByTheUniformCodeUntilBothClassesAreKnown) {
  const World world({0.3, 0.4, 0}, 42);
  const DescriptionLength found = description_length(world.items, options(0));
  EXPECT_EQ(found.blocks[0].c, 0);
  std::int64_t users = 0, items = 0;
  for (const DescriptionLength::Block& block : found.blocks) {
    if (block.c == 0) {
      EXPECT_EQ(block.bits, static_cast<double>(block.items));
    }
    users += block.users;
    items += block.items;
  }
  EXPECT_EQ(users, 2 * World::kUsers);
  EXPECT_EQ(items, 2 * World::kImages);
}

TEST(DescriptionLength, OfAFixedCTakesIt) {
  const World world({0.3, 0.4, 0}, 43);
  ProbeOptions chosen = options(0);
  chosen.c_grid = {};
  chosen.c = 0.05;
  for (const DescriptionLength::Block& block : description_length(world.items, chosen).blocks)
    EXPECT_TRUE(block.c == 0 || block.c == 0.05);
}

TEST(DescriptionLength, IsTheSameForAnyNumberOfThreads) {
  const World world({0.5, 0.2, 0}, 44);
  const int before = threads();
  set_threads(1);
  const DescriptionLength one = description_length(world.items, options(4));
  set_threads(3);
  const DescriptionLength three = description_length(world.items, options(4));
  set_threads(before);
  EXPECT_EQ(one.bits, three.bits);
  EXPECT_EQ(one.control.values, three.control.values);
}

TEST(DescriptionLength, RefusesOneClassAlone) {
  ProbeItems items = World({0, 0, 0}, 8).items;
  items.seen.assign(items.seen.size(), 1);
  EXPECT_EQ(refusal<ValueError>([&] { description_length(items, options(0)); }),
            "description length: users: expected both classes, got 40 seen of 40");
}

}  // namespace
}  // namespace chainline::experiments
