#include "experiments/data/splits.h"

#include <gtest/gtest.h>

#include <set>

#include "experiments/data/image.h"
#include "experiments/data/paraphrase.h"
#include "experiments/data/transform.h"
#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;

const Split& split() {
  static const Dataset data = load_dataset("shapes:seed=2,train=60,test=1,questions=4");
  return data.train;
}

TEST(Splits, HalvesShareNoImageAndLoseNone) {
  const Halves halves = halves_of(split(), 1);
  std::set<std::string> names;
  for (const Split* half : {&halves.first, &halves.second})
    for (std::int64_t i = 0; i < half->images->size(); ++i) names.insert(half->images->name(i));
  EXPECT_EQ(halves.first.images->size(), 30);
  EXPECT_EQ(names.size(), 60u);
  EXPECT_EQ(halves.first.examples.size() + halves.second.examples.size(), 240u);
}

TEST(Splits, RenumberImagesAndKeepNamesAndPixels) {
  const Split few = subset_of(split(), {40, 7});
  EXPECT_EQ(few.images->name(0), "shapes/train/40");
  EXPECT_EQ(few.images->image(1), split().images->image(7));
  ASSERT_EQ(few.examples.size(), 8u);
  for (const Example& e : few.examples)
    EXPECT_EQ(e.id.rfind(e.image == 0 ? "train-40-" : "train-7-", 0), 0u) << e.id;
}

TEST(Splits, RefuseImagesThatAreNotThereOrComeTwice) {
  EXPECT_EQ(message_of<ValueError>([] { subset_of(split(), {60}); }),
            "split: image: expected one of 0 .. 59, got 60");
  EXPECT_EQ(message_of<ValueError>([] {
              subset_of(split(), {3, 3});
            }),
            "split: image 3: expected once, got it twice");
}

TEST(Splits, OfKindsKeepsTheImagesThatAreAskedAbout) {
  const Split counts = of_kinds(split(), {"count"});
  ASSERT_FALSE(counts.examples.empty());
  std::set<std::int64_t> asked;
  for (const Example& e : counts.examples) {
    EXPECT_EQ(e.kind, "count");
    asked.insert(e.image);
  }
  EXPECT_EQ(static_cast<std::int64_t>(asked.size()), counts.images->size());
  EXPECT_EQ(message_of<ValueError>([] { of_kinds(split(), {"taste"}); }),
            "split: kinds: expected some of color, count, exists, relation, shape, size, got none "
            "of them");
}

TEST(Splits, CanvasIsASquareOfItsSide) {
  const Split large = on_canvas(split(), 96);
  const Image image = large.images->image(3);
  EXPECT_EQ(image.width, 96);
  EXPECT_EQ(image.height, 96);
  EXPECT_EQ(on_canvas(split(), 64).images->image(3), split().images->image(3));
}

TEST(Transform, DoesNothingAtTheNeutralSettings) {
  const Image image = split().images->image(0);
  EXPECT_EQ(apply_transform(image, {}), image);
}

TEST(Transform, FlipsTwiceToWhatItWas) {
  const Image image = split().images->image(1);
  ImageTransform flip;
  flip.flip = true;
  const Image once = apply_transform(image, flip);
  EXPECT_NE(once, image);
  EXPECT_EQ(apply_transform(once, flip), image);
}

// A white picture of 20 x 10 turned by 30 degrees: 20 cos + 10 sin = 22.3 wide, 20 sin + 10 cos =
// 18.7 high; its corners are black, its middle is white.
TEST(Transform, GrowsTheCanvasAndLeavesBlackCorners) {
  ImageTransform turn;
  turn.degrees = 30;
  const Image turned = apply_transform(make_image(20, 10, {255, 255, 255}), turn);
  EXPECT_EQ(turned.width, 23);
  EXPECT_EQ(turned.height, 19);
  EXPECT_EQ(turned.at(0, 0)[0], 0);
  EXPECT_EQ(turned.at(22, 18)[1], 0);
  EXPECT_EQ(turned.at(11, 9)[2], 255);
}

TEST(Transform, BrightnessScalesBytesAndContrastTheirDistanceFromTheMean) {
  ImageTransform brighter;
  brighter.brightness = 1.2;
  EXPECT_EQ(apply_transform(make_image(2, 2, {100, 50, 250}), brighter),
            make_image(2, 2, {120, 60, 255}));
  Image two = make_image(2, 1, {100, 100, 100});
  for (int c = 0; c < 3; ++c) two.at(1, 0)[c] = 200;
  ImageTransform flatter;
  flatter.contrast = 0.5;  // around 150
  const Image flat = apply_transform(two, flatter);
  EXPECT_EQ(flat.at(0, 0)[0], 125);
  EXPECT_EQ(flat.at(1, 0)[0], 175);
}

TEST(Transform, LeavesPicturesUnflippedThatAreAskedForTheirSides) {
  std::set<std::int64_t> sides;
  for (const Example& e : split().examples)
    for (const char* word : {"left", "right"})
      if (e.turns[0].question.find(word) != std::string::npos) sides.insert(e.image);
  ASSERT_FALSE(sides.empty());
  int flipped_as_published = 0;
  for (const std::int64_t image : sides) {
    flipped_as_published += draw_transform(3, image, true).flip;
    EXPECT_FALSE(draw_transform(3, image, false).flip);
    EXPECT_EQ(with_transformed_images(split(), 3, false).images->image(image),
              apply_transform(split().images->image(image), draw_transform(3, image, false)));
  }
  EXPECT_GT(flipped_as_published, 0);
}

TEST(Paraphrase, AsksTheSameInOtherWords) {
  std::set<std::string> ways;
  for (std::int64_t i = 0; i < 40; ++i) ways.insert(paraphrase("what color is the star?", 1, i));
  EXPECT_EQ(ways,
            (std::set<std::string>{"what is the color of the star?",
                                   "which color does the star have?", "which color is the star?"}));
  EXPECT_EQ(paraphrase("is there not a red shape?", 1, 0).find("not") == std::string::npos, false);
  EXPECT_EQ(paraphrase("is the star left of the circle?", 1, 0), "is the star left of the circle?");
}

TEST(Paraphrase, LeavesAnswersAlone) {
  const Split other = with_paraphrased_questions(split(), 4);
  int changed = 0;
  for (std::size_t i = 0; i < other.examples.size(); ++i) {
    EXPECT_EQ(other.examples[i].turns[0].answer, split().examples[i].turns[0].answer);
    changed += other.examples[i].turns[0].question != split().examples[i].turns[0].question;
  }
  EXPECT_GT(changed, 150);  // of 240: all but questions of relation and size have other words
}

}  // namespace
}  // namespace chainline::experiments
