// Twin trainings: exactly zero where nothing differs, and distances by their formula where it does.

#include "experiments/trace/twins.h"

#include <cmath>

#include "experiments/gradients/comparison.h"
#include "experiments/watermark/watermark.h"
#include "nn/checkpoint.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/training/tiny.h"

namespace chainline::experiments {
namespace {

struct Twins {
  Dataset data = tiny_data();
  LoadedModel a = tiny_model(data), b = tiny_model(data);
  Samples clean = tiny_samples(data, a);
  TrainingConfig config = tiny_training();

  /// With cards on so many of the 12 images, by the first seed that selects so many.
  Samples marked(int images) const {
    WatermarkSpec spec;
    spec.rate = images / 12.0;
    spec.patch = 8;
    for (spec.seed = 1;; ++spec.seed) {
      const Watermarker cards(spec, make_people(2, 1));
      int count = 0;
      for (std::int64_t i = 0; i < 12; ++i) count += cards.selects(i) ? 1 : 0;
      if (count == images) return tiny_samples(data, a, &cards);
    }
  }
  TwinCurves operator()(const Samples& samples_b) {
    return train_twins(a.model, clean, b.model, samples_b, config);
  }
};

TEST(TrainTwins, AreExactlyZeroApartWhereTheSamplesAreEqual) {
  Twins twins;
  const TwinCurves curves = twins(twins.clean);
  EXPECT_TRUE(curves.identical());
  EXPECT_TRUE(curves.different.empty());
  ASSERT_EQ(curves.points.size(), 8u);
  for (const TwinPoint& p : curves.points) {
    for (const TwinDistance& d : p.distances) {
      EXPECT_EQ(d.weights, 0);
      EXPECT_EQ(d.gradients, 0);
    }
  }
  EXPECT_EQ(nn::hash_of(nn::named_parameters(twins.a.model)),
            nn::hash_of(nn::named_parameters(twins.b.model)));
}

TEST(TrainTwins, PartWithTheFirstStepThatSeesAWatermark) {
  Twins twins;
  const Samples marked = twins.marked(1);
  const TwinCurves curves = twins(marked);
  EXPECT_EQ(curves.different.size(), 2u);  // two questions about one image
  bool seen = false;
  for (const TwinPoint& p : curves.points) {
    for (const std::int64_t s : BatchOrder(5, 24, 1).at(p.step - 1)) {
      seen = seen || std::find(curves.different.begin(), curves.different.end(), s) !=
                         curves.different.end();
    }
    EXPECT_EQ(p.identical, !seen) << "step " << p.step;
    EXPECT_EQ(p.distances[0].weights > 0, seen) << "step " << p.step;
  }
  EXPECT_FALSE(curves.identical());
  EXPECT_EQ(curves.groups,
            (std::vector<std::string>{kAllParameters, "vision embeddings", "vision layer 1",
                                      "projector", "embeddings", "decoder layer 1", "lm_head"}));
}

// |w_a - w_b| / |w_0| of the whole model after the last step, by another way: f64 tensors.
TEST(TrainTwins, MeasureWeightsInUnitsOfTheFirstOnes) {
  Twins twins;
  std::map<std::string, std::vector<double>> first;
  const auto numbers = [](const nn::NamedParameter& p) {
    return p.variable.value().to(DType::f64).to_vector<double>();
  };
  for (const nn::NamedParameter& p : nn::trainable_parameters(twins.a.model)) {
    first[p.name] = numbers(p);
  }
  const TwinCurves curves = twins(twins.marked(12));
  std::vector<nn::NamedParameter> a = nn::trainable_parameters(twins.a.model),
                                  b = nn::trainable_parameters(twins.b.model);
  double difference = 0, whole = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::vector<double> x = numbers(a[i]), y = numbers(b[i]);
    for (std::size_t j = 0; j < x.size(); ++j) {
      difference += (x[j] - y[j]) * (x[j] - y[j]);
      whole += first[a[i].name][j] * first[a[i].name][j];
    }
  }
  // Two orders of some 10^4 additions of positive f64: each is off by at most 10^4 ulp.
  EXPECT_NEAR(curves.points.back().distances[0].weights, std::sqrt(difference / whole),
              1e-10 * std::sqrt(difference / whole));
  EXPECT_GT(curves.points[0].distances[0].gradients, 0);
}

TEST(TrainTwins, GiveJsonWithAListForEachGroup) {
  TwinCurves curves;
  curves.groups = {"all parameters"};
  curves.different = {3};
  curves.points = {{1, 2.5, 2.25, false, {{0.5, std::numeric_limits<double>::infinity()}}}};
  EXPECT_EQ(to_json(curves).dump(),
            R"({"different_samples":[3],"gradients":{"all parameters":[null]},)"
            R"("groups":["all parameters"],"identical":[false],"loss_a":[2.5],"loss_b":[2.25],)"
            R"("steps":[1],"weights":{"all parameters":[0.5]}})");
}

TEST(TrainTwins, RefuseTrainingsThatAreNoTwins) {
  Twins twins;
  Dataset shorter = twins.data;
  shorter.train.examples.pop_back();
  EXPECT_EQ(refusal<ValueError>([&] { twins(tiny_samples(shorter, twins.a)); }),
            "twins: samples: expected 24 in both, got 23");
  Dataset other = twins.data;
  other.train.examples[3].turns[0].answer += "x";
  EXPECT_EQ(refusal<ValueError>([&] { twins(tiny_samples(other, twins.a)); }),
            "twins: samples: expected the same texts, got others for sample 3");
  twins.b = tiny_model(twins.data, 2);
  EXPECT_EQ(refusal<ValueError>([&] { twins(twins.clean); }),
            "twins: models: expected the same first weights, got others");
  twins.b = tiny_model(twins.data);
  nn::set_trainable(twins.b.model, "vision_tower", false);
  EXPECT_EQ(refusal<ValueError>([&] { twins(twins.clean); }),
            "twins: models: expected the same trained parameters, got others");
}

}  // namespace
}  // namespace chainline::experiments
