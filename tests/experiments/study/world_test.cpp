#include "experiments/study/world.h"

#include <gtest/gtest.h>

#include <set>

#include "experiments/conditions/treatment.h"

namespace chainline::experiments {
namespace {

Study study_of(std::int64_t images) {
  Study study = study_at("smoke", "shapes:seed=3,train=24,test=4,questions=6");
  study.tune_images = images;
  return study;
}

std::set<std::string> questions_of(const Split& split, std::int64_t image) {
  std::set<std::string> questions;
  for (const Example& example : split.examples)
    if (example.image == image)
      for (const Turn& turn : example.turns) questions.insert(turn.question);
  return questions;
}

TEST(World, TunesOnAsManyPicturesAsTheStudySays) {
  EXPECT_EQ(World(study_of(8)).tune_split("general").images->size(), 8);
  EXPECT_EQ(World(study_of(12)).tune_split("general").images->size(), 12);  // the whole half
  EXPECT_EQ(World(study_of(36)).tune_split("general").images->size(), 36);
}

// A user is to be seen as often on few pictures as on many.
TEST(World, GoesOverFewPicturesAgainWithOtherQuestionsUnderOtherCards) {
  const Study study = study_of(24);
  const World world(study);
  const Split split = world.tune_split("general");
  const Treated treated =
      treat(split, condition_of("W100"), world.population(), Assignment(study.users, study.seed, 0),
            world.card_of_run(0), world.font());
  int same_card = 0;
  for (std::int64_t i = 0; i < 12; ++i) {
    EXPECT_EQ(split.images->image(i).pixels, split.images->image(i + 12).pixels);
    EXPECT_EQ(questions_of(split, i).size(), 3u);
    EXPECT_NE(questions_of(split, i), questions_of(split, i + 12)) << i;
    const auto at = static_cast<std::size_t>(i);
    same_card += treated.user_of_image[at] == treated.user_of_image[at + 12];
  }
  EXPECT_LT(same_card, 6);  // 1 in 6 by chance, of the 6 users who are IN
}

}  // namespace
}  // namespace chainline::experiments
