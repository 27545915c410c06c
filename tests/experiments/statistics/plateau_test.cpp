#include "experiments/statistics/plateau.h"

#include <cmath>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

const std::vector<double> kSizes = {1, 2, 4, 8, 16, 32, 64, 128};

std::vector<double> of_squares(const std::vector<double>& y) {
  std::vector<double> weights;
  for (const double value : y) weights.push_back(1 / (value * value));
  return weights;
}

TEST(PredictedCosine, HasTheShortFormWhereTheChangeHasNoMean) {
  const CosineMoments m{.g_square = 2, .g_variance = 30, .d_variance = 5};
  for (const double b : kSizes) {
    // 1/cos^2 - 1 = Sd / (b |G|^2 + S); the cosine is rounded a few times, and 1/cos^2 - 1 takes
    // the digits that it shares with 1.
    EXPECT_NEAR(squared_tangent(predicted_cosine(m, b)), 5 / (b * 2 + 30), 1e-14) << b;
  }
  EXPECT_EQ(predicted_cosine({.g_square = 2, .g_variance = 30}, 4), 1);
}

TEST(PredictedCosine, FallsWithTheBatchWhereTheChangeIsSystematic) {
  // D across G, |D|^2 = |G|^2: 45 degrees between the means, but all noise is shared.
  const CosineMoments m{.g_square = 1, .d_square = 1, .g_variance = 50};
  EXPECT_NEAR(predicted_cosine(m, 1), 51 / std::sqrt(51.0 * 52), 1e-15);
  EXPECT_GT(predicted_cosine(m, 1), predicted_cosine(m, 64));
  EXPECT_NEAR(predicted_cosine(m, 1e12), std::sqrt(0.5), 1e-9);
}

TEST(PredictedCosine, IsThatOfSimulatedBatches) {
  // A batch gradient of b normal samples is normal with a b-th of the covariance, so it is drawn at
  // once. In 400 directions |g|^2 and the product spread by at most sqrt(2 / 400) each, so the mean
  // ratio is within some 4 / 400 (second order) of the ratio of expectations; the mean of 150
  // cosines has the standard error that they show, and 4.5 times that is allowed.
  constexpr int directions = 400, batches = 150;
  const auto simulate = [&](double d_along, double d_across, double b, std::uint32_t stream) {
    // G is of length 1 along the first direction, the noise of g has S = 12; d takes -0.2 of g's
    // noise and a noise of its own of 3: C = -0.2 S, Sd = 3 + 0.04 S.
    std::vector<double> cosines;
    RandomSequence random = Generator(1, "test gradients").sequence(0, stream);
    for (int k = 0; k < batches; ++k) {
      double gg = 0, hh = 0, gh = 0;
      for (int i = 0; i < directions; ++i) {
        const double noise = std::sqrt(12 / b / directions) * random.normal();
        const double own = std::sqrt(3 / b / directions) * random.normal();
        const double g = (i == 0) + noise;
        const double h = g + (i == 0 ? d_along : i == 1 ? d_across : 0) - 0.2 * noise + own;
        gg += g * g;
        hh += h * h;
        gh += g * h;
      }
      cosines.push_back(gh / std::sqrt(gg * hh));
    }
    const CosineMoments m{.g_square = 1,
                          .d_square = d_along * d_along + d_across * d_across,
                          .product = d_along,
                          .g_variance = 12,
                          .d_variance = 3 + 0.04 * 12,
                          .covariance = -0.2 * 12};
    const double error = standard_deviation(cosines) / std::sqrt(static_cast<double>(batches));
    EXPECT_NEAR(mean(cosines), predicted_cosine(m, b), 4.5 * error + 0.01)
        << "D = (" << d_along << ", " << d_across << "), b = " << b;
  };
  std::uint32_t stream = 0;
  for (const double b : {1.0, 8.0, 64.0, 512.0}) {
    simulate(0, 0, b, stream++);
    simulate(0, 0.7, b, stream++);
    simulate(-0.4, 0.5, b, stream++);
  }
}

TEST(CosineMoments, AreUnbiased) {
  // Mean moments of 4,000 sets of 4 samples in 3 directions; each must lie within 4.5 of its own
  // standard errors of the truth. Taken as they are, |mean g|^2 would be off by S / 4.
  const double g_mean[3] = {1, 0, -0.5}, d_mean[3] = {0.2, 0.3, 0};
  std::vector<double> found[6];
  for (std::uint32_t set = 0; set < 4000; ++set) {
    RandomSequence random = Generator(2, "test gradients").sequence(0, set);
    GradientSums sums;
    sums.samples = 4;
    double g_sum[3] = {0, 0, 0}, d_sum[3] = {0, 0, 0};
    for (int s = 0; s < 4; ++s) {
      for (int i = 0; i < 3; ++i) {
        const double noise = random.normal();
        const double g = g_mean[i] + noise;
        const double d = d_mean[i] + 0.5 * noise + 0.3 * random.normal();
        g_sum[i] += g;
        d_sum[i] += d;
        sums.g_mean += g * g / 4;
        sums.d_mean += d * d / 4;
        sums.product_mean += g * d / 4;
      }
    }
    for (int i = 0; i < 3; ++i) {
      sums.g_of_mean += g_sum[i] * g_sum[i] / 16;
      sums.d_of_mean += d_sum[i] * d_sum[i] / 16;
      sums.product_of_mean += g_sum[i] * d_sum[i] / 16;
    }
    const CosineMoments m = cosine_moments(sums);
    const double values[6] = {m.g_square,   m.d_square,   m.product,
                              m.g_variance, m.d_variance, m.covariance};
    for (int k = 0; k < 6; ++k) found[k].push_back(values[k]);
  }
  const double truth[6] = {1.25, 0.13, 0.2, 3, 3 * (0.25 + 0.09), 1.5};
  for (int k = 0; k < 6; ++k)
    EXPECT_NEAR(mean(found[k]), truth[k], 4.5 * standard_deviation(found[k]) / std::sqrt(4000.0))
        << k;
}

TEST(FitPlateau, HasTheValuesOfSciPy) {
  // scipy.optimize.least_squares(lambda q: sqrt(w) (q[0] + q[1] / (b + q[2]) - y), ...,
  //   bounds=([0, 0, 0], [inf, inf, 128]), xtol=ftol=gtol=1e-15), and without q[0].
  const std::vector<double> y = {0.93, 0.85, 0.66, 0.55, 0.37, 0.25, 0.19, 0.15};
  const auto expect = [&](const std::vector<double>& weights, double plateau, double decay,
                          double offset, double residual, double other_offset,
                          double other_residual) {
    // The flat minimum places parameters to some 1e-8 of themselves.
    const PlateauFit fit = fit_plateau(kSizes, y, weights);
    EXPECT_NEAR(fit.plateau, plateau, 1e-6 * plateau);
    EXPECT_NEAR(fit.decay, decay, 1e-6 * decay);
    EXPECT_NEAR(fit.offset, offset, 1e-6 * offset);
    EXPECT_NEAR(fit.residual, residual, 1e-11);
    EXPECT_NEAR(fit.ratio(), plateau / (plateau + decay), 1e-6);
    EXPECT_FALSE(fit.rises);
    const PlateauFit without = fit_without_plateau(kSizes, y, weights);
    EXPECT_EQ(without.plateau, 0);
    EXPECT_NEAR(without.offset, other_offset, 1e-6 * other_offset);
    EXPECT_NEAR(without.residual, other_residual, 1e-11);
  };
  expect(of_squares(y), 0.10581334974828105, 0.8314110774937146, 5.968098157386426,
         0.006225964146493447, 17.172542012057686, 0.21629640605758935);
  expect(std::vector<double>(8, 1.0), 0.1024268978024124, 0.8314999261606774, 6.233351000500147,
         0.001956820836576574, 10.227705980364767, 0.013033392093688352);
}

TEST(FitPlateau, FindsTheMomentsBehindExactValues) {
  // With D across G the family is exact: plateau = |D|^2 / |G|^2, offset = S / |G|^2.
  const CosineMoments m{.g_square = 2, .d_square = 0.1, .g_variance = 30, .d_variance = 9};
  std::vector<double> y;
  for (const double b : kSizes) y.push_back(squared_tangent(predicted_cosine(m, b)));
  const PlateauFit fit = fit_plateau(kSizes, y, of_squares(y));
  EXPECT_NEAR(fit.plateau, 0.05, 1e-7);
  EXPECT_NEAR(fit.offset, 15, 1e-4);
  EXPECT_NEAR(fit.decay * 16, 4.5 - 0.05 * 15, 1e-4);
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(fit.at(kSizes[i]), y[i], 1e-8);
}

TEST(FitPlateau, HasNoNegativePart) {
  const std::vector<double> ones(8, 1.0);
  // Steeper than 1/b: the free line would need a negative plateau.
  std::vector<double> steep, rising, none(8, 0.0);
  for (const double b : kSizes) {
    steep.push_back(1 / (b * b));
    rising.push_back(std::sqrt(b));
  }
  const PlateauFit steep_fit = fit_plateau(kSizes, steep, ones);
  EXPECT_EQ(steep_fit.plateau, 0);
  EXPECT_EQ(steep_fit.offset, 0);
  EXPECT_EQ(steep_fit.residual, fit_without_plateau(kSizes, steep, ones).residual);
  const PlateauFit rising_fit = fit_plateau(kSizes, rising, ones);
  EXPECT_TRUE(rising_fit.rises);
  EXPECT_EQ(rising_fit.decay, 0);
  EXPECT_EQ(rising_fit.ratio(), 1);
  const PlateauFit equal_fit = fit_plateau(kSizes, std::vector<double>(8, 0.3), ones);
  EXPECT_NEAR(equal_fit.plateau, 0.3, 1e-15);
  EXPECT_FALSE(equal_fit.rises);
  const PlateauFit no_fit = fit_plateau(kSizes, none, ones);
  EXPECT_EQ(no_fit.plateau, 0);
  EXPECT_EQ(no_fit.decay, 0);
  EXPECT_TRUE(std::isnan(no_fit.ratio()));
}

TEST(FitPlateau, CallsAPartThatHardlyFallsAPlateau) {
  // Offset 100,000: over the sizes up to 128 it falls by 1.3 permille. Nobody can tell where it
  // ends.
  std::vector<double> y;
  for (const double b : kSizes) y.push_back(1e5 / (b + 1e5));
  EXPECT_GT(fit_plateau(kSizes, y, of_squares(y)).ratio(), 0.99);
}

/// Values of some batches per size that spread by a fifth about plateau + decay 6 / (b + 5).
std::vector<std::vector<double>> simulated(double plateau, double decay, RandomSequence random) {
  std::vector<std::vector<double>> values;
  for (const double b : kSizes) {
    values.emplace_back();
    for (int k = 0; k < 12; ++k)
      values.back().push_back((plateau + decay * 6 / (b + 5)) * std::exp(0.2 * random.normal()) /
                              std::exp(0.02));
  }
  return values;
}

TEST(StudyPlateau, FindsThePartsOfSimulatedBatchesAndCoversThem) {
  // 120 studies with nominal 90 % intervals. Their coverage isn't known exactly: bootstrap
  // variances have the factor 11/12 (|Z| < 1.645 * 0.957: 88 %), fits of few noisy sizes skew the
  // estimate. Between 80 % and 98 %, and 4.5 sqrt(120 * 0.88 * 0.12) = 16 beyond, it must lie.
  int plateau = 0, decay = 0;
  constexpr int studies = 120;
  std::vector<double> ratios;
  for (std::uint32_t i = 0; i < studies; ++i) {
    const PlateauStudy study =
        study_plateau(kSizes, simulated(0.1, 0.8, Generator(3, "test data").sequence(0, i)), 100,
                      Generator(i, "test"), 0.9);
    plateau += study.plateau.low <= 0.1 && 0.1 <= study.plateau.high;
    decay += study.decay.low <= 0.8 && 0.8 <= study.decay.high;
    ratios.push_back(study.fit.ratio());
    EXPECT_LE(study.fit.residual, study.without_plateau.residual);
  }
  EXPECT_GE(plateau, 0.8 * studies - 16);
  EXPECT_GE(decay, 0.8 * studies - 16);
  // Within 4.5 standard errors and a tenth of itself, for the skew.
  EXPECT_NEAR(mean(ratios), 1.0 / 9,
              0.1 / 9 + 4.5 * standard_deviation(ratios) / std::sqrt(studies * 1.0));
}

TEST(StudyPlateau, TellsNoPlateauFromOne) {
  const Generator data(4, "test data");
  const PlateauStudy without =
      study_plateau(kSizes, simulated(0, 0.9, data.sequence(0, 0)), 400, Generator(1, "test"));
  EXPECT_LT(without.ratio.high, 0.1);
  const PlateauStudy with =
      study_plateau(kSizes, simulated(0.4, 0.5, data.sequence(0, 1)), 400, Generator(1, "test"));
  EXPECT_GT(with.ratio.low, 0.25);
}

TEST(StudyPlateau, TakesTheWholeSetAsASizeOfOneBatchAndNoChangeAtAll) {
  std::vector<std::vector<double>> values =
      simulated(0.1, 0.8, Generator(5, "test").sequence(0, 0));
  values.back() = {0.13};
  EXPECT_GT(study_plateau(kSizes, values, 50, Generator(1, "test")).plateau.high, 0);
  const PlateauStudy none =
      study_plateau(kSizes, std::vector<std::vector<double>>(8, {0, 0}), 50, Generator(1, "test"));
  EXPECT_EQ(none.plateau.high, 0);
  EXPECT_EQ(none.decay.high, 0);
  EXPECT_TRUE(std::isnan(none.ratio.low));
}

TEST(Plateau, RefusesWhatHasNoFit) {
  const std::vector<double> ones(3, 1.0);
  EXPECT_EQ(refusal<ValueError>([&] {
              fit_plateau(std::vector<double>{1, 2, 2}, ones, ones);
            }),
            "fit_plateau: batch_sizes: expected 3 or more that differ, got 2");
  EXPECT_EQ(refusal<ShapeError>([&] {
              fit_plateau(std::vector<double>{1, 2}, ones, ones);
            }),
            "fit_plateau: y: expected values and weights of 2 batch sizes, got 3 and 3");
  EXPECT_EQ(refusal<ValueError>([&] {
              fit_plateau(std::vector<double>{1, 2, 4}, std::vector<double>{1, -1, 1}, ones);
            }),
            "fit_plateau: y: expected finite values of 0 or more, got -1");
  EXPECT_EQ(refusal<ValueError>([] { squared_tangent(0); }),
            "squared_tangent: cosine: expected a number but 0, got 0");
  EXPECT_EQ(refusal<ValueError>([] { cosine_moments({}); }),
            "cosine_moments: samples: expected at least 2, got 0");
  EXPECT_EQ(squared_tangent(1 + 1e-15), 0);
}

}  // namespace
}  // namespace chainline::experiments
