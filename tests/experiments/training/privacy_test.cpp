// The parts of DP-SGD: who takes part in a step, what a unit's gradient counts for, and the noise.

#include "experiments/training/privacy.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/experiments/data/folder.h"
#include "tests/experiments/training/private_world.h"

namespace chainline::experiments {
namespace {

Tensor f32(const std::vector<float>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

std::vector<nn::NamedParameter> parameters_of(const std::vector<std::int64_t>& sizes) {
  std::vector<nn::NamedParameter> list;
  for (const std::int64_t n : sizes) {
    list.push_back(
        {"p" + std::to_string(list.size()), Variable(Tensor::zeros({n}, DType::f32)), {}});
  }
  return list;
}

TEST(ClippedSum, ShortensOnlyTheLongUnitByHand) {
  ClippedSum sum(parameters_of({2, 1}), 5);
  EXPECT_EQ(sum.add({f32({6, 0}), f32({8})}), 10);  // length 10: halved
  EXPECT_EQ(sum.add({f32({0, 4}), f32({3})}), 5);   // length 5: as it is
  EXPECT_EQ(sum.sums()[0].to_vector<float>(), (std::vector<float>{3, 4}));
  EXPECT_EQ(sum.sums()[1].to_vector<float>(), (std::vector<float>{7}));
}

TEST(ClippedSum, TakesAnUndefinedGradientForZeros) {
  ClippedSum sum(parameters_of({1, 2}), 1);
  EXPECT_EQ(sum.add({f32({2}), Tensor()}), 2);
  EXPECT_EQ(sum.sums()[0].to_vector<float>(), (std::vector<float>{1}));
  EXPECT_EQ(sum.sums()[1].to_vector<float>(), (std::vector<float>{0, 0}));
}

TEST(ClippedSum, RefusesWhatHasNoLengthAndAddsNothing) {
  ClippedSum sum(parameters_of({2}), 1);
  EXPECT_EQ(refusal<ValueError>([&] {
              sum.add({f32({1, INFINITY})});
            }),
            "clipped_sum: the length of a unit's gradient is inf");
  EXPECT_EQ(sum.sums()[0].to_vector<float>(), (std::vector<float>{0, 0}));
  EXPECT_EQ(refusal<ShapeError>([&] {
              sum.add({f32({1, 2, 3})});
            }),
            "clipped_sum: gradient 0: expected shape (2), got (3)");
  EXPECT_EQ(refusal<ValueError>([&] { ClippedSum(parameters_of({2}), 0); }),
            "clipped_sum: clip: expected a finite number above 0, got 0");
}

TEST(ClippedSum, LetsNoUnitOfAModelCountForMoreThanTheClip) {
  PrivateWorld world;
  for (const double clip : {1e-3, 0.3, 50.0, 1e3}) {
    for (const std::vector<std::int64_t>& unit :
         PrivateUnits(world.samples, PrivacyUnit::user, 9, 1).at(0)) {
      ClippedSum sum(world.parameters(), clip);
      const double before = sum.add(world.gradient_of(unit));
      EXPECT_NEAR(before, length_of(world.gradient_of(unit)), kLengthError * before);
      // Each element is rounded once, by at most 2^-24 of it; the length in f64 adds far less.
      EXPECT_LE(length_of(sum.sums()), clip * (1 + 0x1p-23));
      EXPECT_NEAR(length_of(sum.sums()), std::min(before, clip), clip * 0x1p-23);
    }
  }
}

TEST(ClippedSum, ChangesByNoMoreThanTheClipWhenAUserLeaves) {
  PrivateWorld world;
  const double clip = 0.3;
  const auto units = PrivateUnits(world.samples, PrivacyUnit::user, 9, 1).at(0);
  ASSERT_EQ(units.size(), 9u);
  const auto sum_without = [&](std::size_t left_out) {
    ClippedSum sum(world.parameters(), clip);
    for (std::size_t u = 0; u < units.size(); ++u) {
      if (u != left_out) sum.add(world.gradient_of(units[u]));
    }
    return sum.sums();
  };
  const std::vector<Tensor> all = sum_without(units.size());
  // The exact sums differ by one unit's clipped gradient. Sums of n terms in f32 are off by at most
  // (n - 1) 2^-24 sum_u |c_u|, elementwise and so in length, and sum_u |c_u| <= n clip.
  const double n = static_cast<double>(units.size());
  const double bound = clip * (1 + 0x1p-23 + 2 * (n - 1) * n * 0x1p-24);
  for (std::size_t u = 0; u < units.size(); ++u) {
    const std::vector<Tensor> without = sum_without(u);
    double squares = 0;
    for (std::size_t p = 0; p < all.size(); ++p) {
      const std::vector<float> a = all[p].to_vector<float>(), b = without[p].to_vector<float>();
      for (std::size_t i = 0; i < a.size(); ++i) squares += std::pow(double{a[i]} - b[i], 2);
    }
    EXPECT_LE(std::sqrt(squares), bound);
    EXPECT_GT(std::sqrt(squares), 0);
  }
}

TEST(ClippedSum, OfSamplesInOrderIsThePlainGradientToTheBit) {
  PrivateWorld world;
  const std::vector<std::int64_t> batch = {2, 3, 7, 11, 20};
  ClippedSum sum(world.parameters(), 1e30);
  for (const std::int64_t sample : batch) sum.add(world.gradient_of({sample}));
  const std::vector<Tensor> plain = world.gradient_of(batch);
  for (std::size_t p = 0; p < plain.size(); ++p) {
    EXPECT_EQ(sum.sums()[p].to_vector<float>(), plain[p].to_vector<float>());
  }
}

TEST(ClippedSum, OfUsersIsThePlainGradientUpToItsOrder) {
  PrivateWorld world;
  ClippedSum sum(world.parameters(), 1e30);
  std::vector<std::int64_t> batch;
  for (const auto& unit : PrivateUnits(world.samples, PrivacyUnit::user, 9, 1).at(0)) {
    sum.add(world.gradient_of(unit));
    batch.insert(batch.end(), unit.begin(), unit.end());
  }
  std::sort(batch.begin(), batch.end());
  ASSERT_EQ(batch.size(), 24u);
  const std::vector<Tensor> plain = world.gradient_of(batch);
  std::vector<std::vector<double>> sizes(plain.size());  // sum_b |g_b|, by element
  for (const std::int64_t s : batch) {
    const std::vector<Tensor> own = world.gradient_of({s});
    for (std::size_t p = 0; p < own.size(); ++p) {
      const std::vector<float> g = own[p].to_vector<float>();
      sizes[p].resize(g.size());
      for (std::size_t i = 0; i < g.size(); ++i) sizes[p][i] += std::abs(double{g[i]});
    }
  }
  // Both orders sum the same 24 numbers; each is off by at most 23 2^-24 sum_b |g_b| (Higham,
  // Accuracy and Stability, 4.2; the second-order term is below 2^-19 of that).
  const double bound = 2 * 23 * 0x1p-24 * (1 + 0x1p-19);
  for (std::size_t p = 0; p < plain.size(); ++p) {
    const std::vector<float> a = sum.sums()[p].to_vector<float>(), b = plain[p].to_vector<float>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_LE(std::abs(double{a[i]} - b[i]), bound * sizes[p][i]);
    }
  }
}

TEST(PrivateUnits, AreUsersByNumberAndThenTheSamplesThatAreNobodys) {
  PrivateWorld world;
  const PrivateUnits units(world.samples, PrivacyUnit::user, 9, 1);
  EXPECT_EQ(units.size(), 9);
  EXPECT_EQ(units.users(), 5);
  EXPECT_EQ(units.probability(), 1);
  const std::vector<std::vector<std::int64_t>> all = {
      {0, 5, 10, 15}, {1, 6, 11, 16}, {2, 7, 12, 17},
      {3, 8, 13, 18}, {4, 9, 14, 19}, {20},
      {21},           {22},           {23}};
  EXPECT_EQ(units.at(0), all);
  const PrivateUnits samples(world.samples, PrivacyUnit::sample, 24, 1);
  EXPECT_EQ(samples.size(), 24);
  EXPECT_EQ(samples.users(), 0);
  EXPECT_NE(samples.sha256(), units.sha256());
}

TEST(PrivateUnits, TakePartEachByItselfWithTheSameProbability) {
  PrivateWorld world;
  const PrivateUnits units(world.samples, PrivacyUnit::sample, 6, 1);
  const double steps = 4000, q = 0.25, n = 24;
  std::vector<double> taken(24);
  double sum = 0, squares = 0;
  for (std::int64_t step = 0; step < 4000; ++step) {
    const auto drawn = units.at(step);
    for (const auto& unit : drawn) ++taken[static_cast<std::size_t>(unit[0])];
    const auto size = static_cast<double>(drawn.size());
    sum += size, squares += size * size;
  }
  // Five standard errors of binomial numbers: each unit's, the mean size and the variance of sizes
  // (kurtosis 3 + (1 - 6 q (1 - q)) / (n q (1 - q)) is below 3 here).
  for (const double times : taken)
    EXPECT_NEAR(times, q * steps, 5 * std::sqrt(steps * q * (1 - q)));
  const double variance = n * q * (1 - q), mean = sum / steps;
  EXPECT_NEAR(mean, n * q, 5 * std::sqrt(variance / steps));
  EXPECT_NEAR(squares / steps - mean * mean, variance, 5 * variance * std::sqrt(2 / steps));
}

TEST(PrivateUnits, RefuseMoreExpectedUnitsThanThereAreAndUnitsThatFitNoSample) {
  PrivateWorld world;
  EXPECT_EQ(refusal<ValueError>([&] { PrivateUnits(world.samples, PrivacyUnit::user, 10, 1); }),
            "training: batch: expected 1 .. 9 with dp_clip, the number of units, got 10");
  EXPECT_EQ(refusal<ValueError>([&] {
              world.samples.set_units({1, 2});
            }),
            "samples: units: expected 24 entries, one a sample, got 2");
  std::vector<std::int64_t> units(24, -2);
  EXPECT_EQ(refusal<ValueError>([&] { world.samples.set_units(units); }),
            "samples: units: expected a user's number, or -1 for none, got -2");
}

TEST(UnitsOfCards, AreThePersonsOfTheImages) {
  const Dataset data = tiny_data();
  WatermarkSpec spec;
  spec.seed = 2;
  spec.rate = 0.5;
  const Watermarker marker(spec, make_people(3, 1));
  const LoadedModel model = tiny_model(data);
  const Samples samples = tiny_samples(data, model, &marker);
  const std::vector<std::int64_t> units =
      units_of_cards(data.train, 0, samples.size(), samples.cards());
  ASSERT_EQ(units.size(), 24u);
  std::set<std::int64_t> seen(units.begin(), units.end());
  EXPECT_TRUE(seen.count(Samples::kOwnUnit) == 1 && seen.size() > 2);
  for (std::size_t s = 0; s < units.size(); ++s) {
    const std::int64_t image = data.train.examples[s].image;
    EXPECT_EQ(units[s] >= 0, marker.selects(image));
    for (const LedgerLine& card : samples.cards()) {
      if (card.image == image) {
        EXPECT_EQ(units[s], card.person);
      }
    }
  }
}

TEST(NoisyMean, WithoutNoiseIsTheQuotient) {
  const std::vector<Tensor> mean = noisy_mean({f32({1, 2, -3})}, 0, 4, Generator(1, "dp noise"), 7);
  EXPECT_EQ(mean[0].to_vector<float>(), (std::vector<float>{0.25F, 0.5F, -0.75F}));
}

TEST(NoisyMean, HasTheMeanVarianceAndIndependenceOfItsNoise) {
  const std::int64_t n = 100'000;
  const auto draw = [&](std::int64_t step, std::size_t parameter) {
    std::vector<Tensor> sums(parameter + 1, Tensor::full({n}, 3, DType::f32));
    return noisy_mean(sums, 2, 4, Generator(1, "dp noise"), step)[parameter].to_vector<float>();
  };
  const std::vector<std::vector<float>> draws = {draw(0, 0), draw(0, 1), draw(1, 0)};
  // Mean 3/4, deviation 2/4. Five standard errors: deviation / sqrt(n) of the mean, variance
  // sqrt(2 / n) of the variance, and 1 / sqrt(n) of a correlation that is 0.
  const double root = std::sqrt(static_cast<double>(n));
  std::vector<std::vector<double>> z;
  for (const std::vector<float>& values : draws) {
    double sum = 0, squares = 0;
    z.emplace_back();
    for (const float value : values) {
      z.back().push_back((value - 0.75) / 0.5);
      sum += z.back().back(), squares += z.back().back() * z.back().back();
    }
    EXPECT_NEAR(sum / n, 0, 5 / root);
    EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2.0) / root);
  }
  const auto correlation = [&](std::size_t a, std::size_t b, std::size_t shift) {
    double sum = 0;
    for (std::size_t i = shift; i < z[a].size(); ++i) sum += z[a][i] * z[b][i - shift];
    return sum / n;
  };
  EXPECT_NEAR(correlation(0, 1, 0), 0, 5 / root);
  EXPECT_NEAR(correlation(0, 2, 0), 0, 5 / root);
  EXPECT_NEAR(correlation(0, 0, 1), 0, 5 / root);
}

}  // namespace
}  // namespace chainline::experiments
