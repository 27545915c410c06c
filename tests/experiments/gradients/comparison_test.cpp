#include "experiments/gradients/comparison.h"

#include <gtest/gtest.h>

#include <cmath>

#include "experiments/watermark/watermark.h"
#include "tests/experiments/small_model.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;
using test::SmallWorld;

Tensor f32(const std::vector<float>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

TEST(Compare, GivesCosineAndRatioOfGradientsByHand) {
  // (3, 4, 0) and (0, 8, 6): product 32, norms 5 and 10.
  const Agreement a = compare({f32({3, 4}), f32({0})}, {f32({0, 8}), f32({6})});
  EXPECT_EQ(a.cosine, 32.0 / 50.0);
  EXPECT_EQ(a.norm_ratio, 2.0);
}

TEST(Compare, HasNoCosineWithAGradientOfZeros) {
  EXPECT_TRUE(std::isnan(compare({f32({1, 2})}, {f32({0, 0})}).cosine));
}

TEST(GradientGroup, CountsLayersFromOneAndRefusesUnknownNames) {
  EXPECT_EQ(gradient_group("vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight"),
            "vision layer 1");
  EXPECT_EQ(gradient_group("language_model.model.layers.11.mlp.up_proj.weight"),
            "decoder layer 12");
  EXPECT_EQ(gradient_group("language_model.model.norm.weight"), "lm_head");
  EXPECT_EQ(message_of<ValueError>([] { gradient_group("head.weight"); }),
            "gradients: parameter head.weight belongs to no known part of the model");
}

struct Versions {
  SmallWorld world;
  Samples clean, marked;

  Versions()
      : clean(world.data.train, 0, 48, world.conversation, 64, nullptr),
        marked(marked_samples(world)) {}
  static Samples marked_samples(const SmallWorld& world) {
    WatermarkSpec spec;
    spec.rate = 1;
    const Watermarker marker(spec, make_people(4, 1));
    return Samples(world.data.train, 0, 48, world.conversation, 64, &marker);
  }
  GradientOptions options() const {
    GradientOptions o(7);
    o.batch_sizes = {1, 8};
    o.batches = 3;
    return o;
  }
};

TEST(CompareGradients, OfIdenticalDataAreExactlyOne) {
  const Versions v;
  nn::Mllm model = v.world.model();
  for (const GradientPoint& p : compare_gradients(model, v.clean, v.clean, v.options())) {
    for (const double cosine : p.cosine.values) EXPECT_EQ(cosine, 1.0) << p.group;
    for (const double ratio : p.norm_ratio.values) EXPECT_EQ(ratio, 1.0) << p.group;
    EXPECT_EQ(p.cosine.mean, 1.0) << p.group;
  }
}

TEST(CompareGradients, SeesTheWatermarkInEveryPartOfTheModel) {
  const Versions v;
  nn::Mllm model = v.world.model();
  const std::vector<GradientPoint> points =
      compare_gradients(model, v.clean, v.marked, v.options());
  // all, vision embeddings, 2 + 2 layers, projector, embeddings, lm_head; two batch sizes each.
  ASSERT_EQ(points.size(), 2u * 9u);
  EXPECT_EQ(points[0].group, kAllParameters);
  EXPECT_EQ(points[0].batch_size, 1);
  EXPECT_EQ(points[1].batch_size, 8);
  for (const GradientPoint& p : points) {
    EXPECT_LT(p.cosine.mean, 1.0) << p.group;
    EXPECT_LE(p.cosine.interval.low, p.cosine.mean) << p.group;
    EXPECT_GE(p.cosine.interval.high, p.cosine.mean) << p.group;
    EXPECT_EQ(p.cosine.values.size(), 3u) << p.group;
    EXPECT_EQ(p.other_batch.values.size(), 2u) << p.group;
  }
}

TEST(CompareGradients, DoesNotDependOnMicroBatches) {
  const Versions v;
  nn::Mllm model = v.world.model();
  GradientOptions small = v.options();
  small.micro_batch = 3;
  EXPECT_EQ(to_json(compare_gradients(model, v.clean, v.marked, v.options())),
            to_json(compare_gradients(model, v.clean, v.marked, small)));
}

TEST(CompareGradients, RefusesBatchesThatTheSamplesDoNotFill) {
  const Versions v;
  nn::Mllm model = v.world.model();
  GradientOptions o = v.options();
  o.batch_sizes = {64};
  EXPECT_EQ(message_of<ValueError>([&] { compare_gradients(model, v.clean, v.marked, o); }),
            "gradients: 3 disjoint batches of 64 need 192 samples, there are 48");
}

}  // namespace
}  // namespace chainline::experiments
