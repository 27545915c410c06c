// Moments of per-sample gradients: by hand, against the formulas in two passes, unbiased, and of
// neither micro-batches nor threads.

#include "experiments/gradients/moments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/parallel.h"
#include "tensor/random.h"
#include "tests/experiments/small_model.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;
using test::SmallWorld;

Tensor f32(const std::vector<float>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

/// Parameters of the projector and of the head with so many elements.
std::vector<nn::NamedParameter> two_parts(std::int64_t projector, std::int64_t head) {
  return {
      {"multi_modal_projector.linear_1.bias", Variable(Tensor::zeros({projector}, DType::f32)), {}},
      {"language_model.lm_head.weight", Variable(Tensor::zeros({head}, DType::f32)), {}}};
}

std::vector<Tensor> sum_of(const std::vector<Tensor>& g, const std::vector<Tensor>& d) {
  std::vector<Tensor> result;
  for (std::size_t p = 0; p < g.size(); ++p) {
    std::vector<float> values = g[p].to_vector<float>();
    const std::vector<float> added = d[p].to_vector<float>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += added[i];
    result.push_back(f32(values));
  }
  return result;
}

TEST(GradientMoments, AreThoseByHand) {
  GradientMomentSums sums(two_parts(2, 1));
  const auto add = [&](const std::vector<Tensor>& g, const std::vector<Tensor>& d) {
    sums.add(g, sum_of(g, d));
  };
  // Mean gradient (2, 2 | 1), mean change (1, 1 | 1). Deviations of the gradients
  // (-1, -2 | 1), (1, 0 | -1), (0, 2 | 0), of the changes (0, 0 | -1), (-1, 0 | 2), (1, 0 | -1).
  add({f32({1, 0}), f32({2})}, {f32({1, 1}), f32({0})});
  add({f32({3, 2}), f32({0})}, {f32({0, 1}), f32({3})});
  add({f32({2, 4}), f32({1})}, {f32({2, 1}), f32({0})});
  const std::vector<GradientMoments> moments = sums.moments();
  ASSERT_EQ(moments.size(), 3u);
  const double tiny = 1e-14;  // some ten roundings of numbers below 16
  const GradientMoments& all = moments[0];
  EXPECT_EQ(all.group, kAllParameters);
  EXPECT_EQ(all.samples, 3);
  EXPECT_NEAR(all.trace, 6, tiny);
  EXPECT_NEAR(all.gradient, 9 - 6.0 / 3, tiny);
  EXPECT_NEAR(all.change_trace, 4, tiny);
  EXPECT_NEAR(all.change, 3 - 4.0 / 3, tiny);
  EXPECT_NEAR(all.cross_trace, -2, tiny);
  EXPECT_NEAR(all.along, 5 + 2.0 / 3, tiny);
  EXPECT_NEAR(all.noise_scale(), 6.0 / 7, tiny);
  EXPECT_EQ(all.clean_norms,
            (std::vector<double>{std::sqrt(5.0), std::sqrt(13.0), std::sqrt(21.0)}));
  EXPECT_EQ(all.marked_norms, (std::vector<double>{3, std::sqrt(27.0), std::sqrt(42.0)}));
  const GradientMoments& projector = moments[1];
  EXPECT_EQ(projector.group, "projector");
  EXPECT_NEAR(projector.trace, 5, tiny);
  EXPECT_NEAR(projector.gradient, 8 - 5.0 / 3, tiny);
  EXPECT_NEAR(projector.change_trace, 1, tiny);
  EXPECT_NEAR(projector.cross_trace, -0.5, tiny);
  EXPECT_NEAR(projector.along, 4 + 0.5 / 3, tiny);
  EXPECT_EQ(moments[2].group, "lm_head");
  EXPECT_NEAR(moments[2].trace, 1, tiny);
  EXPECT_NEAR(moments[2].change_trace, 3, tiny);
}

TEST(GradientMoments, OfEqualSamplesAndVersionsHaveNoSpreadExactly) {
  GradientMomentSums sums(two_parts(3, 1));
  for (int i = 0; i < 7; ++i) {
    const std::vector<Tensor> g = {f32({0.1F, -0.3F, 0.7F}), Tensor()};
    sums.add(g, g);
  }
  const GradientMoments all = sums.moments()[0];
  EXPECT_EQ(all.trace, 0);
  EXPECT_EQ(all.change, 0);
  EXPECT_EQ(all.change_trace, 0);
  EXPECT_EQ(all.along, 0);
  EXPECT_EQ(all.cross_trace, 0);
  EXPECT_EQ(predicted_cosine(all, 1), 1);
  EXPECT_TRUE(std::isnan(sums.moments()[2].noise_scale()));
}

/// Draws of gradients in n dimensions: g = G + x with G = 0.3 and x standard normal everywhere, d =
/// D + 0.5 x + y with D = 0.1 everywhere and y of deviation 0.4. So per dimension |G|^2 = 0.09,
/// S = 1, |D|^2 = 0.01, Sd = 0.25 + 0.16, G.D = 0.03, X = 0.5.
struct Draws {
  std::int64_t n;
  RandomSequence random;

  std::pair<std::vector<Tensor>, std::vector<Tensor>> next() {
    std::vector<float> g, h;
    for (std::int64_t i = 0; i < n; ++i) {
      const double x = random.normal(), y = 0.4 * random.normal();
      g.push_back(static_cast<float>(0.3 + x));
      h.push_back(static_cast<float>(0.3 + x + 0.1 + 0.5 * x + y));
    }
    return {{f32(g), f32({0})}, {f32(h), f32({0})}};
  }
};

TEST(GradientMoments, AreUnbiased) {
  Draws draws{8, Generator(5, "moments test").sequence(0, 0)};
  const std::vector<double> truth = {8 * 0.09, 8.0, 8 * 0.01, 8 * 0.41, 8 * 0.03, 8 * 0.5};
  std::vector<double> sum(6), squares(6);
  const double sets = 3000;
  for (int set = 0; set < 3000; ++set) {
    GradientMomentSums sums(two_parts(8, 1));
    for (int b = 0; b < 4; ++b) {
      const auto [g, h] = draws.next();
      sums.add(g, h);
    }
    const GradientMoments m = sums.moments()[0];
    const double found[] = {m.gradient, m.trace, m.change, m.change_trace, m.along, m.cross_trace};
    for (std::size_t i = 0; i < 6; ++i) sum[i] += found[i], squares[i] += found[i] * found[i];
  }
  for (std::size_t i = 0; i < 6; ++i) {
    const double mean = sum[i] / sets, deviation = std::sqrt(squares[i] / sets - mean * mean);
    EXPECT_NEAR(mean, truth[i], 5 * deviation / std::sqrt(sets)) << i;  // five standard errors
    EXPECT_LT(5 * deviation / std::sqrt(sets), 0.7 * truth[i]) << i;    // and the test has power
  }
}

TEST(PredictedCosine, IsThatOfBatchesOfThatSize) {
  Draws draws{200, Generator(6, "moments test").sequence(0, 0)};
  GradientMoments m;
  m.gradient = 200 * 0.09, m.trace = 200, m.change = 200 * 0.01, m.change_trace = 200 * 0.41;
  m.along = 200 * 0.03, m.cross_trace = 200 * 0.5;
  for (const int size : {2, 16}) {
    const double batches = 100;
    double sum = 0, squares = 0;
    for (int k = 0; k < 100; ++k) {
      std::vector<double> g(200), h(200);
      for (int b = 0; b < size; ++b) {
        const auto [clean, marked] = draws.next();
        for (std::size_t i = 0; i < 200; ++i) {
          g[i] += clean[0].data<float>()[i], h[i] += marked[0].data<float>()[i];
        }
      }
      double gg = 0, gh = 0, hh = 0;
      for (std::size_t i = 0; i < 200; ++i) gg += g[i] * g[i], gh += g[i] * h[i], hh += h[i] * h[i];
      const double cosine = gh / std::sqrt(gg * hh);
      sum += cosine, squares += cosine * cosine;
    }
    const double mean = sum / batches,
                 error = std::sqrt((squares / batches - mean * mean) / batches);
    // Five standard errors, and what a quotient of expectations leaves out: of squares over 200
    // dimensions each spreads by sqrt(2 / 200) of itself or less, and second-order terms of three
    // such factors are below 4 / 200 of the distance from 1.
    EXPECT_NEAR(mean, predicted_cosine(m, size), 5 * error + (1 - mean) / 200 * 4) << size;
  }
}

TEST(PredictedCosine, FallsAsTheNoiseOfTheChangeOverThatOfTheBatchWithoutAMeanChange) {
  GradientMoments m;
  m.gradient = 2, m.trace = 3, m.change_trace = 5;
  for (const double b : {1.0, 4.0, 256.0}) {
    const double cosine = predicted_cosine(m, b);
    EXPECT_NEAR(1 / (cosine * cosine) - 1, 5 / (b * 2 + 3), 1e-12);
  }
  EXPECT_EQ(predicted_cosine(m, std::numeric_limits<double>::infinity()), 1);
  m.change = 2;  // at right angles to the gradient: 45 degrees remain
  EXPECT_NEAR(predicted_cosine(m, std::numeric_limits<double>::infinity()), std::sqrt(0.5), 1e-15);
  m.gradient = -4;
  EXPECT_TRUE(std::isnan(predicted_cosine(m, 1)));
}

TEST(TwoSizes, OfOneSampleAndAllAreTheMoments) {
  Draws draws{5, Generator(7, "moments test").sequence(0, 0)};
  GradientMomentSums sums(two_parts(5, 1));
  for (int b = 0; b < 6; ++b) {
    const auto [g, h] = draws.next();
    sums.add(g, h);
  }
  const GradientMoments m = sums.moments()[0];
  double squared = 0;
  for (const double norm : m.clean_norms) squared += norm * norm / 6;
  const TwoSizes sizes = gradient_of_two_sizes(1, squared, 6, m.gradient + m.trace / 6);
  EXPECT_NEAR(sizes.gradient, m.gradient, 1e-12 * squared);
  EXPECT_NEAR(sizes.trace, m.trace, 1e-12 * squared);
  EXPECT_EQ(message_of<ValueError>([] { gradient_of_two_sizes(4, 1, 4, 1); }),
            "gradient_of_two_sizes: expected 1 <= small < large, got 4 and 4");
}

struct Versions {
  SmallWorld world;
  Samples clean, marked;
  std::vector<std::int64_t> which = {3, 7, 8, 20, 41};

  explicit Versions(bool tied = false)
      : clean(world.data.train, 0, 48, world.conversation, 64, nullptr),
        marked(marked_samples(world)) {
    world.config.text.tie_word_embeddings = tied;
  }
  static Samples marked_samples(const SmallWorld& world) {
    WatermarkSpec spec;
    spec.rate = 1;
    const Watermarker marker(spec, make_people(4, 1));
    return Samples(world.data.train, 0, 48, world.conversation, 64, &marker);
  }
  SampleGradientOptions options(std::int64_t micro_batch) const {
    SampleGradientOptions o;
    o.micro_batch = micro_batch;
    return o;
  }
};

TEST(SampleGradients, HaveTheGradientOfTheBatchAsTheirMean) {
  const Versions v;
  nn::Mllm model = v.world.model();
  const std::vector<std::int64_t> four = {3, 7, 8, 20};
  for (const Normalization normalization :
       {Normalization::per_token, Normalization::per_sample, Normalization::sum}) {
    SampleGradientOptions options = v.options(3);
    options.normalization = normalization;
    GradientOptions of_batch(1);
    of_batch.normalization = normalization;
    const std::vector<Tensor> batch = batch_gradients(model, v.clean, four, of_batch);
    std::vector<std::vector<float>> sums;
    for (const Tensor& g : batch) sums.emplace_back(static_cast<std::size_t>(g.numel()));
    const SampleGradients gradients(model, v.clean, four, options);
    EXPECT_EQ(gradients.parts(), 2);
    for (std::int64_t i = 0; i < gradients.parts(); ++i) {
      for (const std::vector<Tensor>& own : gradients.part(i)) {
        for (std::size_t p = 0; p < own.size(); ++p) {
          for (std::size_t e = 0; e < sums[p].size(); ++e) sums[p][e] += own[p].data<float>()[e];
        }
      }
    }
    // Exactly: a batch's gradient is the sum of its samples' in their order (rule 4), and the scales
    // are four times the batch's, a power of two, or the same.
    const float times = normalization == Normalization::sum ? 1 : 4;
    for (std::size_t p = 0; p < batch.size(); ++p) {
      std::vector<float> expected = batch[p].to_vector<float>();
      for (float& x : expected) x *= times;
      EXPECT_EQ(sums[p], expected) << p;
    }
  }
}

TEST(GradientMoments, OfAModelAreThoseOfTwoPasses) {
  const Versions v;
  nn::Mllm model = v.world.model();
  const GradientMoments m = gradient_moments(model, v.clean, v.marked, v.which, v.options(2))[0];
  std::vector<std::vector<double>> g, d;
  const SampleGradients clean(model, v.clean, v.which, v.options(5));
  const SampleGradients marked(model, v.marked, v.which, v.options(5));
  const auto all = clean.part(0), all_marked = marked.part(0);
  for (std::size_t b = 0; b < 5; ++b) {
    g.emplace_back(), d.emplace_back();
    for (std::size_t p = 0; p < all[b].size(); ++p) {
      const std::vector<float> x = all[b][p].to_vector<float>(),
                               y = all_marked[b][p].to_vector<float>();
      for (std::size_t e = 0; e < x.size(); ++e) {
        g.back().push_back(x[e]), d.back().push_back(double{y[e]} - x[e]);
      }
    }
  }
  double mm = 0, dd = 0, md = 0, trace = 0, change_trace = 0, cross_trace = 0;
  for (std::size_t e = 0; e < g[0].size(); ++e) {
    double mean = 0, change = 0;
    for (std::size_t b = 0; b < 5; ++b) mean += g[b][e] / 5, change += d[b][e] / 5;
    mm += mean * mean, dd += change * change, md += mean * change;
    for (std::size_t b = 0; b < 5; ++b) {
      trace += (g[b][e] - mean) * (g[b][e] - mean) / 4;
      change_trace += (d[b][e] - change) * (d[b][e] - change) / 4;
      cross_trace += (g[b][e] - mean) * (d[b][e] - change) / 4;
    }
  }
  // Sums of some ten thousand products in f64, in two orders: below 1e4 2^-53 of the absolute sums.
  EXPECT_NEAR(m.trace, trace, 1e-11 * trace);
  EXPECT_NEAR(m.change_trace, change_trace, 1e-11 * change_trace);
  EXPECT_NEAR(m.cross_trace, cross_trace, 1e-11 * trace);
  EXPECT_NEAR(m.gradient, mm - trace / 5, 1e-11 * (mm + trace));
  EXPECT_NEAR(m.change, dd - change_trace / 5, 1e-11 * (dd + change_trace));
  EXPECT_NEAR(m.along, md - cross_trace / 5, 1e-11 * (mm + trace));
}

TEST(GradientMoments, DependOnNeitherMicroBatchesNorThreads) {
  for (const bool tied : {false, true}) {
    const Versions v(tied);
    nn::Mllm model = v.world.model();
    const int before = threads();
    const Json expected =
        to_json(gradient_moments(model, v.clean, v.marked, v.which, v.options(5)));
    EXPECT_GT(expected[0]["change_trace"], 0);
    for (const auto& [thread_count, micro_batch] :
         std::vector<std::pair<int, std::int64_t>>{{1, 1}, {2, 2}, {3, 3}}) {
      set_threads(thread_count);
      EXPECT_EQ(
          to_json(gradient_moments(model, v.clean, v.marked, v.which, v.options(micro_batch))),
          expected)
          << thread_count << " threads, micro-batches of " << micro_batch;
    }
    set_threads(before);
  }
}

TEST(GradientMoments, RefuseASingleSampleAndOtherShapes) {
  GradientMomentSums sums(two_parts(2, 1));
  const std::vector<Tensor> g = {f32({1, 2}), f32({3})};
  sums.add(g, g);
  EXPECT_EQ(message_of<ValueError>([&] { sums.moments(); }),
            "gradient_moments: expected at least 2 samples, got 1");
  EXPECT_EQ(message_of<ShapeError>([&] {
              sums.add(g, {f32({1, 2, 3}), f32({3})});
            }),
            "gradient_moments: gradient 0: expected shape (2), got (3)");
  EXPECT_EQ(message_of<ShapeError>([&] { sums.add(g, {f32({1})}); }),
            "gradient_moments: expected 2 gradients of both, got 2 and 1");
  const Versions v;
  nn::Mllm model = v.world.model();
  EXPECT_EQ(message_of<ValueError>([&] { SampleGradients(model, v.clean, {}, v.options(1)); }),
            "sample_gradients: expected at least 1 sample, got 0");
  EXPECT_EQ(message_of<ValueError>([&] { SampleGradients(model, v.clean, {1}, v.options(0)); }),
            "sample_gradients: micro_batch: expected at least 1, got 0");
}

}  // namespace
}  // namespace chainline::experiments
