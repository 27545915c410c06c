#include "tensor/ops/dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/ops/binary.h"
#include "tensor/parallel.h"
#include "tests/fast_class.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

const Generator kGenerator(5, "dropout");
using Samples = std::vector<std::int64_t>;

// With p = 1/2 a kept element doubles, and an element is dropped when its word's top bit is 0.
TEST(Dropout, DoublesOrDropsByTheTopBitOfEachWord) {
  const Tensor y = ops::dropout(test::full({1, 8}, 3, DType::f32), 0.5, kGenerator, 2, Samples{7});
  const std::vector<float> got = y.to_vector<float>();
  for (std::uint64_t i = 0; i < 8; ++i) {
    const bool kept = kGenerator.block(2, 7, i / 4)[i % 4] >> 31 != 0;
    EXPECT_EQ(got[i], kept ? 6.0f : 0.0f) << i;
  }
}

// The formula, word by word from a cursor. 70,001 elements are several chunks and no multiple of 4;
// from this position on, the number of the block passes 2^32.
TEST(Dropout, FollowsItsFormulaForAnyThreads) {
  const Tensor x = randn({2, 70001}, 1, DType::f32);
  const std::vector<float> from = x.to_vector<float>();
  const Samples samples{3, 4000000000};
  const std::uint64_t position = (std::uint64_t{1} << 34) - 30;
  const float scale = static_cast<float>(1 / (1 - 0.1));
  const int before = threads();
  for (const int n : test::thread_counts()) {
    set_threads(n);
    const std::vector<float> y =
        ops::dropout(x, 0.1, kGenerator, 9, samples, position).to_vector<float>();
    for (std::int64_t b = 0; b < 2; ++b) {
      RandomSequence words =
          kGenerator.sequence(9, static_cast<std::uint32_t>(samples[static_cast<std::size_t>(b)]));
      words.seek(position);
      std::int64_t wrong = 0;
      for (auto i = static_cast<std::size_t>(b * 70001), end = i + 70001; i < end; ++i) {
        const bool dropped = words.next_u32() < probability_threshold(0.1);
        const float expected = from[i] * (dropped ? 0.0f : scale);
        wrong += y[i] != expected;
      }
      EXPECT_EQ(wrong, 0) << n;
    }
  }
  set_threads(before);
}

// 400,000 draws with p = 0.3: the standard deviation of the dropped share is
// sqrt(0.3 * 0.7 / 400000) = 0.00072; five of them are 0.0036.
TEST(Dropout, DropsTheShareThatWasAskedFor) {
  const Tensor y =
      ops::dropout(test::full({4, 100000}, 1, DType::f64), 0.3, kGenerator, 0, Samples{0, 1, 2, 3});
  double dropped = 0;
  for (const double v : y.to_vector<double>()) dropped += v == 0;
  EXPECT_NEAR(dropped / 400000, 0.3, 0.0036);
}

TEST(Dropout, GivesASampleTheSameMaskInEveryBatch) {
  const Tensor x = randn({3, 5, 7}, 1, DType::f32);
  const Tensor whole = ops::dropout(x, 0.4, kGenerator, 1, Samples{11, 12, 13});
  const Tensor alone = ops::dropout(x.narrow(0, 1, 1), 0.4, kGenerator, 1, Samples{12});
  EXPECT_TRUE(same_bits(alone, whole.narrow(0, 1, 1)));
}

TEST(Dropout, DrawsAnewForEachEpochSamplePositionAndStream) {
  const Tensor x = test::full({1, 64}, 1, DType::f32);
  const Tensor y = ops::dropout(x, 0.5, kGenerator, 0, Samples{0});
  EXPECT_FALSE(same_bits(y, ops::dropout(x, 0.5, kGenerator, 1, Samples{0})));
  EXPECT_FALSE(same_bits(y, ops::dropout(x, 0.5, kGenerator, 0, Samples{1})));
  EXPECT_FALSE(same_bits(y, ops::dropout(x, 0.5, Generator(5, "other"), 0, Samples{0})));
  // A later position continues the same words.
  const Tensor later = ops::dropout(x, 0.5, kGenerator, 0, Samples{0}, 21);
  EXPECT_TRUE(same_bits(later.narrow(1, 0, 43), y.narrow(1, 21, 43)));
}

TEST(Dropout, IsItsOwnGradient) {
  const Tensor x = randn({2, 6}, 1), grad = test::full({2, 6}, 1, DType::f64);
  const Tensor y = ops::dropout(x, 0.5, kGenerator, 0, Samples{0, 1});
  const Tensor dx = ops::dropout(grad, 0.5, kGenerator, 0, Samples{0, 1});
  EXPECT_TRUE(same_bits(y, ops::mul(x, dx)));
}

TEST(Dropout, KeepsItsInputsBitsForProbabilityZero) {
  const Tensor x = test::from<float>({-0.0f, 1, std::numeric_limits<float>::quiet_NaN()}, {1, 3});
  EXPECT_TRUE(same_bits(ops::dropout(x, 0, kGenerator, 0, Samples{0}), x));
}

TEST(Dropout, DoesNotSwallowInfinity) {
  const Tensor x = test::full({1, 32}, std::numeric_limits<double>::infinity(), DType::f64);
  const Tensor y = ops::dropout(x, 0.5, kGenerator, 0, Samples{0});
  for (const double v : y.to_vector<double>()) EXPECT_FALSE(std::isfinite(v));
}

TEST(Dropout, TakesViewsAndEmptyTensors) {
  const Tensor x = randn({6, 2}, 1).transpose(0, 1);
  EXPECT_TRUE(same_bits(ops::dropout(x, 0.5, kGenerator, 0, Samples{0, 1}),
                        ops::dropout(x.contiguous(), 0.5, kGenerator, 0, Samples{0, 1})));
  EXPECT_EQ(ops::dropout(test::zeros({0, 3}, DType::f32), 0.5, kGenerator, 0, Samples{}).shape(),
            (Shape{0, 3}));
  EXPECT_EQ(ops::dropout(test::zeros({1, 0}, DType::f32), 0.5, kGenerator, 0, Samples{0}).shape(),
            (Shape{1, 0}));
}

TEST(Dropout, RefusesWhatIsNotAProbabilityOrASample) {
  const Tensor x = randn({2, 3}, 1);
  const Samples two{0, 1};
  EXPECT_EQ(message_of<ValueError>([&] { ops::dropout(x, 1, kGenerator, 0, two); }),
            "dropout: p: expected a number of [0, 1), got 1");
  EXPECT_EQ(message_of<ValueError>([&] { ops::dropout(x, std::nan(""), kGenerator, 0, two); }),
            "dropout: p: expected a number of [0, 1), got nan");
  EXPECT_EQ(message_of<ShapeError>([&] { ops::dropout(x, 0.5, kGenerator, 0, Samples{0}); }),
            "dropout: samples: expected 2 numbers for x (2, 3), got 1");
  EXPECT_EQ(message_of<ValueError>([&] {
              ops::dropout(x, 0.5, kGenerator, 0, Samples{0, -1});
            }),
            "dropout: samples: expected numbers of [0, 2^32), got -1");
  EXPECT_EQ(message_of<ShapeError>(
                [&] { ops::dropout(test::zeros({}, DType::f32), 0.5, kGenerator, 0, two); }),
            "dropout: x: expected a leading sample dimension, got ()");
  EXPECT_EQ(
      message_of<DTypeError>([&] { ops::dropout(x.to(DType::i64), 0.5, kGenerator, 0, two); }),
      "dropout: x: expected dtype f32 or f64, got i64");
}

TEST(Dropout, OfBf16IsThatOfF32RoundedOnce) {
  test::expect_f32_rounded_once(
      [](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{ops::dropout(x[0], 0.3, kGenerator, 1, Samples{4, 5, 9})};
      },
      {randn({3, 50}, 1)}, "dropout: x: expected dtype f32 or f64, got bf16");
}

}  // namespace
}  // namespace chainline
