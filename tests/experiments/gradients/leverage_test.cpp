#include "experiments/gradients/leverage.h"

#include <gtest/gtest.h>

#include "experiments/gradients/comparison.h"
#include "tests/experiments/small_model.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;
using test::SmallWorld;

TEST(GradientLeverages, AreThoseByHand) {
  // K + I = (3 1; 1 4), its inverse (4 -1; -1 3) / 11, K times it has 7 / 11 and 8 / 11 on the
  // diagonal. Five roundings of numbers below 4.
  const std::vector<GradientLeverage> l = gradient_leverages({2, 1, 1, 3}, 2, 1);
  EXPECT_NEAR(l[0].leverage, 7.0 / 11, 1e-15);
  EXPECT_NEAR(l[1].leverage, 8.0 / 11, 1e-15);
  EXPECT_NEAR(l[0].uniqueness, 7.0 / 4, 1e-14);
  EXPECT_NEAR(l[1].uniqueness, 8.0 / 3, 1e-14);
}

TEST(GradientLeverages, OfSamplesAtRightAnglesAreTheirOwnAndOfEqualOnesShared) {
  // k / (k + ridge) each, and 1 / (2 + ridge) for two equal ones of length 1.
  const double ridge = 1.0 / 1024;
  const std::vector<GradientLeverage> l = gradient_leverages({1, 1, 0, 1, 1, 0, 0, 0, 1}, 3, ridge);
  EXPECT_NEAR(l[0].leverage, 1 / (2 + ridge), 1e-12);
  EXPECT_NEAR(l[1].leverage, 1 / (2 + ridge), 1e-12);
  EXPECT_NEAR(l[2].leverage, 1 / (1 + ridge), 1e-15);
  EXPECT_NEAR(l[2].uniqueness, 1 / ridge, 1e-9);
}

TEST(GradientLeverages, RefuseARidgeThatIsNoneAndAMatrixThatIsNotSquare) {
  EXPECT_EQ(message_of<ValueError>([] { gradient_leverages({1}, 1, 0); }),
            "gradient_leverages: ridge: expected above 0, got 0");
  EXPECT_EQ(message_of<ValueError>([] {
              gradient_leverages({1, 1, 1, 1}, 2, 1e-30);
            }),
            "gradient_leverages: ridge: expected one that rounding does not outweigh, got 1e-30 "
            "beside a square of 1");
  EXPECT_EQ(message_of<ShapeError>([] {
              gradient_leverages({1, 2, 3}, 2, 1);
            }),
            "gradient_leverages: gram: expected 2 x 2 entries, got 3");
}

TEST(GradientGram, HoldsTheProductsOfTheSamplesGradients) {
  const SmallWorld world;
  const Samples samples(world.data.train, 0, 24, world.conversation, 64, nullptr);
  nn::Mllm model = world.model();
  const std::vector<std::int64_t> which = {2, 5, 5, 11};
  SampleGradientOptions options;
  options.normalization = Normalization::sum;
  options.micro_batch = 3;
  const std::vector<double> gram = gradient_gram(model, samples, which, options);
  GradientOptions of_batch(1);
  of_batch.normalization = Normalization::sum;
  std::vector<std::vector<float>> flat;
  for (const std::int64_t sample : which) {
    flat.emplace_back();
    for (const Tensor& g : batch_gradients(model, samples, {sample}, of_batch)) {
      const std::vector<float> values = g.to_vector<float>();
      flat.back().insert(flat.back().end(), values.begin(), values.end());
    }
  }
  for (std::size_t a = 0; a < 4; ++a) {
    for (std::size_t b = 0; b < 4; ++b) {
      double product = 0, absolute = 0;
      for (std::size_t e = 0; e < flat[a].size(); ++e) {
        product += double{flat[a][e]} * flat[b][e];
        absolute += std::abs(double{flat[a][e]} * flat[b][e]);
      }
      // The same exact products in f64, summed by parameter and in one: n 2^-53 with n below 2^16.
      EXPECT_NEAR(gram[a * 4 + b], product, 0x1p-37 * absolute);
    }
  }
  const std::vector<GradientLeverage> l = gradient_leverages(gram, 4, 1e-6 * gram[0]);
  EXPECT_NEAR(l[1].leverage, 0.5, 0.01);  // the sample that is there twice
  EXPECT_NEAR(l[1].leverage, l[2].leverage, 1e-6);
  EXPECT_GT(l[0].leverage, 0.9);
  EXPECT_GT(l[3].leverage, 0.9);
}

}  // namespace
}  // namespace chainline::experiments
