#include "tensor/ops/dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/parallel.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

const Generator kGenerator(5, "dropout");
using Samples = std::vector<std::int64_t>;

// With p = 1/2 a kept element doubles, and an element is dropped when its word's top bit is 0.
TEST(Dropout, DoublesOrDropsByTheTopBitOfEachWord) {
  const Tensor y =
      ops::dropout(Tensor::full({1, 8}, 3, DType::f32), 0.5, kGenerator, 2, Samples{7});
  for (std::uint64_t i = 0; i < 8; ++i) {
    const bool kept = kGenerator.block(2, 7, i / 4)[i % 4] >> 31 != 0;
    EXPECT_EQ(y.data<float>()[i], kept ? 6.0f : 0.0f) << i;
  }
}

// The formula, word by word from a cursor. 70,001 elements are several chunks and no multiple of 4;
// from this position on, the number of the block passes 2^32.
TEST(Dropout, FollowsItsFormulaForAnyThreads) {
  const Tensor x = randn({2, 70001}, 1, DType::f32);
  const Samples samples{3, 4000000000};
  const std::uint64_t position = (std::uint64_t{1} << 34) - 30;
  const float scale = static_cast<float>(1 / (1 - 0.1));
  const int before = threads();
  for (const int n : {1, 2, 3}) {
    set_threads(n);
    const Tensor y = ops::dropout(x, 0.1, kGenerator, 9, samples, position);
    for (std::int64_t b = 0; b < 2; ++b) {
      RandomSequence words =
          kGenerator.sequence(9, static_cast<std::uint32_t>(samples[static_cast<std::size_t>(b)]));
      words.seek(position);
      std::int64_t wrong = 0;
      for (std::int64_t i = b * 70001; i < (b + 1) * 70001; ++i) {
        const bool dropped = words.next_u32() < probability_threshold(0.1);
        const float expected = x.data<float>()[i] * (dropped ? 0.0f : scale);
        wrong += y.data<float>()[i] != expected;
      }
      EXPECT_EQ(wrong, 0) << n;
    }
  }
  set_threads(before);
}

// 400,000 draws with p = 0.3: the standard deviation of the dropped share is
// sqrt(0.3 * 0.7 / 400000) = 0.00072; five of them are 0.0036.
TEST(Dropout, DropsTheShareThatWasAskedFor) {
  const Tensor y = ops::dropout(Tensor::full({4, 100000}, 1, DType::f64), 0.3, kGenerator, 0,
                                Samples{0, 1, 2, 3});
  double dropped = 0;
  for (std::int64_t i = 0; i < y.numel(); ++i) dropped += y.data<double>()[i] == 0;
  EXPECT_NEAR(dropped / 400000, 0.3, 0.0036);
}

TEST(Dropout, GivesASampleTheSameMaskInEveryBatch) {
  const Tensor x = randn({3, 5, 7}, 1, DType::f32);
  const Tensor whole = ops::dropout(x, 0.4, kGenerator, 1, Samples{11, 12, 13});
  const Tensor alone = ops::dropout(x.narrow(0, 1, 1), 0.4, kGenerator, 1, Samples{12});
  EXPECT_TRUE(same_bits(alone, whole.narrow(0, 1, 1)));
}

TEST(Dropout, DrawsAnewForEachEpochSamplePositionAndStream) {
  const Tensor x = Tensor::full({1, 64}, 1, DType::f32);
  const Tensor y = ops::dropout(x, 0.5, kGenerator, 0, Samples{0});
  EXPECT_FALSE(same_bits(y, ops::dropout(x, 0.5, kGenerator, 1, Samples{0})));
  EXPECT_FALSE(same_bits(y, ops::dropout(x, 0.5, kGenerator, 0, Samples{1})));
  EXPECT_FALSE(same_bits(y, ops::dropout(x, 0.5, Generator(5, "other"), 0, Samples{0})));
  // A later position continues the same words.
  const Tensor later = ops::dropout(x, 0.5, kGenerator, 0, Samples{0}, 21);
  EXPECT_TRUE(same_bits(later.narrow(1, 0, 43), y.narrow(1, 21, 43)));
}

TEST(Dropout, IsItsOwnGradient) {
  const Tensor x = randn({2, 6}, 1), grad = Tensor::full({2, 6}, 1, DType::f64);
  const Tensor y = ops::dropout(x, 0.5, kGenerator, 0, Samples{0, 1});
  const Tensor dx = ops::dropout(grad, 0.5, kGenerator, 0, Samples{0, 1});
  for (std::int64_t i = 0; i < 12; ++i) {
    EXPECT_EQ(y.data<double>()[i], x.data<double>()[i] * dx.data<double>()[i]);
  }
}

TEST(Dropout, KeepsItsInputsBitsForProbabilityZero) {
  const Tensor x = Tensor::from<float>({-0.0f, 1, std::numeric_limits<float>::quiet_NaN()}, {1, 3});
  EXPECT_TRUE(same_bits(ops::dropout(x, 0, kGenerator, 0, Samples{0}), x));
}

TEST(Dropout, DoesNotSwallowInfinity) {
  const Tensor x = Tensor::full({1, 32}, std::numeric_limits<double>::infinity(), DType::f64);
  const Tensor y = ops::dropout(x, 0.5, kGenerator, 0, Samples{0});
  for (std::int64_t i = 0; i < 32; ++i) EXPECT_FALSE(std::isfinite(y.data<double>()[i]));
}

TEST(Dropout, TakesViewsAndEmptyTensors) {
  const Tensor x = randn({6, 2}, 1).transpose(0, 1);
  EXPECT_TRUE(same_bits(ops::dropout(x, 0.5, kGenerator, 0, Samples{0, 1}),
                        ops::dropout(x.contiguous(), 0.5, kGenerator, 0, Samples{0, 1})));
  EXPECT_EQ(ops::dropout(Tensor::zeros({0, 3}, DType::f32), 0.5, kGenerator, 0, Samples{}).shape(),
            (Shape{0, 3}));
  EXPECT_EQ(ops::dropout(Tensor::zeros({1, 0}, DType::f32), 0.5, kGenerator, 0, Samples{0}).shape(),
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
                [&] { ops::dropout(Tensor::zeros({}, DType::f32), 0.5, kGenerator, 0, two); }),
            "dropout: x: expected a leading sample dimension, got ()");
  EXPECT_EQ(
      message_of<DTypeError>([&] { ops::dropout(x.to(DType::i64), 0.5, kGenerator, 0, two); }),
      "dropout: x: expected dtype f32 or f64, got i64");
}

}  // namespace
}  // namespace chainline
