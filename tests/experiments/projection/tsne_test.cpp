#include "experiments/projection/tsne.h"

#include <cmath>

#include "experiments/projection/trustworthiness.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/projection/points.h"

namespace chainline::experiments {
namespace {

TEST(Tsne, ReachesTheDivergenceOfScikitLearn) {
  // scikit-learn 1.9.1, TSNE(method="exact", perplexity=30) of the same points: 0.1107 from the
  // PCA (in f32), and 0.1053, 0.1055, 0.1055, 0.1056, 0.1202 from five random starts; its
  // trustworthiness is 0.9892 to 0.9897. The descent is chaotic, so the minimum that a rounding
  // leads to is one of these kinds: the range is theirs, and a tenth of it at either end.
  const Tensor points = scattered(200, 20, 4, 0.8, 3);
  const Tsne found = tsne(points);
  EXPECT_GT(found.kl_divergence, 0.1038);
  EXPECT_LT(found.kl_divergence, 0.1217);
  EXPECT_GT(trustworthiness(points, found.points), 0.988);
  EXPECT_EQ(found.components, 20);
}

TEST(Tsne, StepsAsScikitLearnDoes) {
  // scikit-learn 1.9.1 in f64: _joint_probabilities, the start by PCA, then _kl_divergence after
  // _gradient_descent of so many steps with 12 p and momentum 0.5, and of p and 0.8, both at a rate
  // of 50. Its search for the perplexity is in f32, which leaves some 1e-8 of the affinities; the
  // descent makes ten times as much of a difference in every step at the beginning.
  const Tensor points = scattered(61, 12, 3, 1, 5);
  const auto divergence = [&](int exaggerated, int plain) {
    TsneOptions options;
    options.perplexity = 10;
    options.exaggerated_steps = exaggerated;
    options.steps = exaggerated + plain;
    return tsne(points, options).kl_divergence;
  };
  EXPECT_NEAR(divergence(0, 0), 1.745233555513852, 1e-9);
  EXPECT_NEAR(divergence(5, 0), 2.7270796644388384, 1e-6);
  EXPECT_NEAR(divergence(2, 3), 1.6503379600467536, 1e-6);
}

TEST(Tsne, KeepsTwoBlobsApart) {
  // 60 + 60 points, 6 radii between them: in the picture each point's class is that of its nearest
  // neighbour, and the classes' centres are further apart than any point is from its own.
  const Tensor points = scattered(120, 8, 2, 3, 4);
  TsneOptions options;
  options.perplexity = 15;
  options.steps = 500;
  const std::vector<double> y = tsne(points, options).points.to_vector<double>();
  const auto distance = [&](std::size_t i, double cx, double cy) {
    return std::hypot(y[2 * i] - cx, y[2 * i + 1] - cy);
  };
  double centre[2][2] = {};
  for (std::size_t i = 0; i < 120; ++i)
    for (std::size_t c = 0; c < 2; ++c) centre[i % 2][c] += y[2 * i + c] / 60;
  for (std::size_t i = 0; i < 120; ++i) {
    const double own = distance(i, centre[i % 2][0], centre[i % 2][1]);
    const double other = distance(i, centre[1 - i % 2][0], centre[1 - i % 2][1]);
    EXPECT_LT(own, other) << i;
  }
}

TEST(Tsne, OfThreePointsIsATriangle) {
  // The points of an equilateral triangle have equal affinities: p = 1/6 each, and the picture with
  // q = p is equilateral too, of divergence 0. It is reached to where steps lose themselves.
  const Tensor points = Tensor::from(std::vector<double>{0, 0, 1, 0, 0.5, std::sqrt(0.75)}, {3, 2});
  TsneOptions options;
  options.perplexity = 2;
  options.learning_rate = 1;
  const Tsne found = tsne(points, options);
  EXPECT_LT(found.kl_divergence, 1e-9);
  EXPECT_LT(found.gradient_norm, 1e-5);
}

TEST(Tsne, KeepsItsBitsWithEveryInstructionSetAndNumberOfThreads) {
  const Isa best = isa();
  const int before = threads();
  const Tensor points = scattered(61, 12, 3, 1, 5);
  TsneOptions options;
  options.perplexity = 10;
  options.steps = 60;
  options.exaggerated_steps = 30;
  set_isa(Isa::scalar);
  set_threads(1);
  const Tsne plain = tsne(points, options);
  for (const Isa set : available_isas()) {
    for (const int n : {1, 2, 3}) {
      set_isa(set);
      set_threads(n);
      const Tsne other = tsne(points, options);
      EXPECT_TRUE(same_bits(other.points, plain.points)) << name(set) << ", " << n;
      EXPECT_EQ(other.kl_divergence, plain.kl_divergence) << name(set) << ", " << n;
    }
  }
  set_isa(best);
  set_threads(before);
}

TEST(Tsne, TakesTheFirstComponentsAlone) {
  const Tensor points = scattered(40, 12, 3, 1, 6);
  TsneOptions options;
  options.perplexity = 10;
  options.steps = 20;
  options.exaggerated_steps = 10;
  options.components = 5;
  EXPECT_EQ(tsne(points, options).components, 5);
  options.components = 100;
  EXPECT_EQ(tsne(points, options).components, 12);
}

TEST(Tsne, StandsPointsThatAreEqual) {
  // With more twins than the perplexity no width of the neighbourhood gives it: they share evenly.
  std::vector<double> values;
  for (int i = 0; i < 40; ++i)
    for (int j = 0; j < 3; ++j) values.push_back(i % 4 == j ? 1 : 0);
  TsneOptions options;
  options.perplexity = 5;
  options.steps = 50;
  options.exaggerated_steps = 25;
  for (const double y : tsne(Tensor::from(values, {40, 3}), options).points.to_vector<double>())
    EXPECT_TRUE(std::isfinite(y));
}

TEST(Tsne, RefusesOptionsWithoutSense) {
  const auto refused = [](const std::function<void(TsneOptions&)>& change, std::int64_t d = 3) {
    TsneOptions options;
    options.perplexity = 5;
    change(options);
    return refusal<Error>([&] { tsne(scattered(20, d, 1, 0, 7), options); });
  };
  EXPECT_EQ(refused([](TsneOptions& o) { o.perplexity = 20; }),
            "tsne: perplexity: expected at least 1 and at most 19, the others of 20 points, got "
            "20");
  EXPECT_EQ(refused([](TsneOptions& o) { o.steps = 100; }),
            "tsne: steps: expected at least the 250 exaggerated ones, got 100");
  EXPECT_EQ(refused([](TsneOptions& o) { o.components = 1; }),
            "tsne: components, exaggeration: expected at least 2 and 1, got 1, 12");
  EXPECT_EQ(refused([](TsneOptions& o) { o.learning_rate = -1; }),
            "tsne: learning_rate: expected 0 (automatic) or more, got -1");
  EXPECT_EQ(refused([](TsneOptions&) {}, 1),
            "tsne: points: expected points that fill at least 2 dimensions, got 1");
}

TEST(Trustworthiness, AgreesWithScikitLearn) {
  // scikit-learn 1.9.1, trustworthiness(x, x[:, :k], n_neighbors=...): a ratio of integers.
  const Tensor x = scattered(30, 3, 3, 0.5, 2);
  EXPECT_NEAR(trustworthiness(x, x.narrow(1, 0, 1)), 0.7993939393939394, 1e-15);
  EXPECT_NEAR(trustworthiness(x, x.narrow(1, 0, 2)), 0.9548484848484848, 1e-15);
  EXPECT_NEAR(trustworthiness(x, x.narrow(1, 0, 2), 1), 0.9392857142857143, 1e-15);
  EXPECT_NEAR(trustworthiness(x, x.narrow(1, 0, 1), 14), 0.8495798319327731, 1e-15);
  EXPECT_EQ(trustworthiness(x, x), 1);
}

TEST(Trustworthiness, RefusesPicturesOfOtherPoints) {
  const Tensor x = scattered(30, 3, 3, 0.5, 2);
  EXPECT_EQ(refusal<ShapeError>([&] { trustworthiness(x, x.narrow(0, 0, 29)); }),
            "trustworthiness: picture: expected 30 points, got 29");
  EXPECT_EQ(refusal<ValueError>([&] { trustworthiness(x, x, 15); }),
            "trustworthiness: neighbours: expected at least 1 and less than half of the 30 points, "
            "got 15");
}

}  // namespace
}  // namespace chainline::experiments
