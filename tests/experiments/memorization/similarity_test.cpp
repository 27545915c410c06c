#include "experiments/memorization/similarity.h"

#include <cmath>

#include "tensor/random.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

const std::vector<float> kX = {1, 2, 3, 1, 0, 1, 2, 5};
const std::vector<float> kY = {1, 0, 2, 2, 2, 1, 0, 1, 1, 3, 1, 4};

TEST(LinearCka, IsThatOfItsFormula) {
  // NumPy with centred X and Y: norm(X.T @ Y)**2 / (norm(X.T @ X) norm(Y.T @ Y))
  EXPECT_NEAR(linear_cka({kX, 4, 2}, {kY, 4, 3}), 0.9604056266779133, 1e-14);
  EXPECT_NEAR(linear_cka({kY, 4, 3}, {kX, 4, 2}), 0.9604056266779133, 1e-14);
}

TEST(LinearCka, DoesNotSeeRotationScaleAndShift) {
  std::vector<float> turned;  // by the angle of (3, 4) / 5 times 5, and moved; exact in f32
  for (std::size_t i = 0; i < 4; ++i) {
    turned.push_back(3 * kX[2 * i] - 4 * kX[2 * i + 1] + 100);
    turned.push_back(4 * kX[2 * i] + 3 * kX[2 * i + 1] - 7);
  }
  EXPECT_NEAR(linear_cka({kX, 4, 2}, {turned, 4, 2}), 1, 1e-14);
}

TEST(LinearCka, IsLowForUnrelatedRepresentationsOfManyItems) {
  RandomSequence random = Generator(8, "similarity test").sequence(0, 0);
  std::vector<float> x, y;
  for (int i = 0; i < 400 * 4; ++i) {
    x.push_back(static_cast<float>(random.normal()));
    y.push_back(static_cast<float>(random.normal()));
  }
  // 16 squared correlations of expectation 1 / 400, over 4: 0.01; it seldom doubles.
  EXPECT_LT(linear_cka({x, 400, 4}, {y, 400, 4}), 0.03);
}

TEST(LinearCka, HasNoNumberForAConstantRepresentation) {
  const std::vector<float> constant(8, 3);
  EXPECT_TRUE(std::isnan(linear_cka({kX, 4, 2}, {constant, 4, 2})));
}

TEST(LinearCka, RefusesItemsThatDoNotPair) {
  EXPECT_EQ(refusal<ShapeError>([] {
              linear_cka({kX, 4, 2}, {kY, 6, 2});
            }),
            "linear_cka: y: expected 4 items as x has, got 6");
  EXPECT_EQ(refusal<ShapeError>([] {
              linear_cka({kX, 4, 2}, {kY, 4, 2});
            }),
            "linear_cka: y: expected 4 x 2 values, got 12");
  std::vector<float> broken = kX;
  broken[3] = NAN;
  EXPECT_EQ(refusal<ValueError>([&] {
              linear_cka({broken, 4, 2}, {kX, 4, 2});
            }),
            "linear_cka: x: item 1, feature 1: expected a finite number, got nan");
}

}  // namespace
}  // namespace chainline::experiments
