#include "experiments/probing/pixels.h"

#include <algorithm>

#include "experiments/training/pictures.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

/// Grey pictures of one size, so that whatever differs from grey belongs to a card.
class GreyImages : public ImageSource {
 public:
  GreyImages(int width, int height) : width_(width), height_(height) {}
  std::int64_t size() const override { return 4; }
  Image image(std::int64_t) const override { return make_image(width_, height_, {90, 90, 90}); }
  std::string name(std::int64_t index) const override { return "grey/" + std::to_string(index); }

 private:
  int width_, height_;
};

const std::vector<ProbeView> kViews = {{0, 0, true},  {0, 1, false}, {1, 2, true},
                                       {1, 3, false}, {3, 0, true},  {3, 2, false}};

Watermarker marker() {
  WatermarkSpec spec;
  spec.seed = 11;
  return Watermarker(spec, make_people(4, 5));
}

TEST(PixelLayer, AveragesEqualSquaresChannelByChannel) {
  std::vector<float> values;  // two pictures of 3 x 4 x 4: 0, 1, 2, ...
  for (int i = 0; i < 96; ++i) values.push_back(static_cast<float>(i));
  const HiddenStates::Layer layer = pixel_layer(Tensor::from(values, {2, 3, 4, 4}), 2);
  EXPECT_EQ(layer.name, "pixels");
  EXPECT_EQ(layer.width, 12);
  ASSERT_EQ(layer.values.size(), 24u);
  // The first square of a plane has 0, 1, 4 and 5.
  const float first[] = {2.5f, 4.5f, 10.5f, 12.5f, 18.5f};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(layer.values[i], first[i]);
  EXPECT_EQ(layer.values[12], 48 + 2.5f);
  EXPECT_EQ(pixel_layer(Tensor::from(values, {2, 3, 4, 4}), 4).values, values);
}

TEST(CardBoxes, HoldAllThatACardChanges) {
  // Wider than high, and as large as the encoder wants it: only the padding moves the card.
  const GreyImages source(128, 72);
  const Tensor images = view_images(source, marker(), kViews, 128);
  const Tensor clean = image_tensor(source.image(0), 128);
  const std::vector<CardBox> boxes = card_boxes(source, marker(), kViews, 128);
  const std::vector<float> marked = images.to_vector<float>(), plain = clean.to_vector<float>();
  for (std::size_t v = 0; v < kViews.size(); ++v) {
    std::int64_t left = 128, right = 0, top = 128, bottom = 0;
    for (std::int64_t y = 0; y < 128; ++y) {
      for (std::int64_t x = 0; x < 128; ++x) {
        const auto at = static_cast<std::size_t>(y * 128 + x);
        if (marked[v * 3 * 128 * 128 + at] == plain[at]) continue;
        left = std::min(left, x), right = std::max(right, x);
        top = std::min(top, y), bottom = std::max(bottom, y);
      }
    }
    const CardBox& box = boxes[v];
    EXPECT_GE(left, box.x);
    EXPECT_GE(top, box.y);
    EXPECT_LT(right, box.x + box.width);
    EXPECT_LT(bottom, box.y + box.height);
    // Letters reach the upper left of their box, but for a pixel of margin.
    EXPECT_LE(left - box.x, 2);
    EXPECT_LE(top - box.y, 2);
  }
}

TEST(CardBoxes, ShrinkWithThePictureAndAreRoundedOutwards) {
  const GreyImages source(128, 72);
  const std::vector<CardBox> full = card_boxes(source, marker(), kViews, 128);
  const std::vector<CardBox> half = card_boxes(source, marker(), kViews, 64);
  for (std::size_t v = 0; v < full.size(); ++v) {
    EXPECT_EQ(half[v].x, full[v].x / 2);
    EXPECT_EQ(half[v].x + half[v].width, (full[v].x + full[v].width + 1) / 2);
    EXPECT_EQ(half[v].y, full[v].y / 2);
    EXPECT_EQ(half[v].y + half[v].height, (full[v].y + full[v].height + 1) / 2);
  }
}

TEST(CardLayer, IsTheSameForACardWhereverItLies) {
  // Person 0 is on two grey pictures, person 2 on two others.
  const GreyImages source(128, 128);
  const Tensor images = view_images(source, marker(), kViews, 128);
  const std::vector<CardBox> boxes = card_boxes(source, marker(), kViews, 128);
  EXPECT_TRUE(boxes[0].x != boxes[4].x || boxes[0].y != boxes[4].y);
  const HiddenStates::Layer layer = card_layer(images, boxes);
  EXPECT_EQ(layer.name, "card pixels");
  const auto width = static_cast<std::size_t>(layer.width);
  ASSERT_EQ(layer.values.size(), kViews.size() * width);
  const auto card = [&](std::size_t v) {
    return std::vector<float>(layer.values.begin() + static_cast<std::ptrdiff_t>(v * width),
                              layer.values.begin() + static_cast<std::ptrdiff_t>((v + 1) * width));
  };
  EXPECT_EQ(card(0), card(4));
  EXPECT_EQ(card(2), card(5));
  EXPECT_NE(card(0), card(1));
}

TEST(CardLayer, HasZerosBeyondACardsOwnBox) {
  const Tensor images = Tensor::full({2, 3, 4, 4}, 1, DType::f32);
  const HiddenStates::Layer layer = card_layer(images, {{0, 1, 2, 1}, {1, 0, 1, 2}});
  EXPECT_EQ(layer.width, 4);
  EXPECT_EQ(layer.values, (std::vector<float>{1, 1, 0, 0, 1, 0, 1, 0}));
}

TEST(Pixels, RefuseWhatIsNoPicture) {
  const Tensor images = Tensor::zeros({2, 3, 6, 6}, DType::f32);
  EXPECT_EQ(refusal<Error>([&] { pixel_layer(images, 4); }),
            "probe: pixels: expected a grid that divides 6 pixels, got 4");
  EXPECT_EQ(refusal<Error>([&] { pixel_layer(images.narrow(2, 0, 5), 1); }),
            "probe: pixels: expected images (N, 3, S, S), got (2, 3, 5, 6)");
  EXPECT_EQ(refusal<Error>([&] {
              card_layer(images, {{0, 0, 1, 1}});
            }),
            "probe: card pixels: expected a box for each of 2 images, got 1");
  EXPECT_EQ(refusal<Error>([&] {
              card_layer(images, {{0, 0, 1, 1}, {4, 0, 3, 1}});
            }),
            "probe: card pixels: expected boxes inside of 6 x 6, got 3 x 1 at 4, 0");
}

}  // namespace
}  // namespace chainline::experiments
