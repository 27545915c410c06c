#include "tensor/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "tensor/error.h"

namespace chainline {
namespace {

template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing thrown";
}

// Known-answer vectors published with the paper (philox4x32 10).
TEST(Philox, GivesThePublishedKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, IsAConstantExpression) {
  static_assert(philox4x32({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5);
}

TEST(Generator, PlacesPositionSampleAndEpochInTheCounter) {
  const Generator generator(7, "dropout");
  EXPECT_EQ(generator.block(3, 5, 0x0000000200000001u), philox4x32({1, 2, 5, 3}, generator.key()));
}

TEST(Generator, KeysDifferByTheSeedAndByTheStream) {
  const PhiloxKey key = Generator(7, "dropout").key();
  EXPECT_EQ(key, Generator(7, "dropout").key());
  EXPECT_NE(key, Generator(8, "dropout").key());
  EXPECT_NE(key, Generator(7, "shuffle").key());
  EXPECT_NE(Generator(0, "a").key(), Generator(0, "b").key());
}

// The key is part of every recorded experiment: a change of the hash must not pass unseen.
TEST(Generator, KeepsItsKeyForEver) {
  EXPECT_EQ(Generator(0, "init").key(), (PhiloxKey{0x1ae174da, 0xf210eefd}));
  EXPECT_EQ(Generator(1234567890123456789u, "dropout").key(), (PhiloxKey{0x8aa489b7, 0x38fea6e0}));
}

TEST(Generator, UniformHas53BitsFromTwoWords) {
  const Generator generator(1, "u");
  const auto words = generator.block(2, 3, 4);
  const double expected = (words[0] >> 11) * 0x1p-53 + words[1] * 0x1p-32;
  EXPECT_EQ(generator.uniform(2, 3, 4), expected);
}

TEST(Generator, RefusesAnEmptyStreamName) {
  EXPECT_EQ(message_of<ValueError>([] { Generator(1, ""); }),
            "Generator: stream: expected a name, got an empty one");
}

TEST(RandomSequence, WalksOverTheWordsOfTheBlocks) {
  const Generator generator(11, "walk");
  RandomSequence sequence = generator.sequence(1, 2);
  for (std::uint64_t p = 0; p < 13; ++p) {
    EXPECT_EQ(sequence.position(), p);
    EXPECT_EQ(sequence.next_u32(), generator.block(1, 2, p / 4)[p % 4]);
  }
}

TEST(RandomSequence, ResumesAtEveryPosition) {
  const Generator generator(11, "walk");
  for (std::uint64_t stop = 0; stop < 9; ++stop) {
    RandomSequence whole = generator.sequence(0, 0);
    for (std::uint64_t p = 0; p < stop; ++p) whole.next_u32();
    RandomSequence resumed = generator.sequence(0, 0);
    resumed.seek(whole.position());
    for (int i = 0; i < 6; ++i) EXPECT_EQ(resumed.next_u32(), whole.next_u32());
  }
}

// Mean 1/2 and variance 1/12: over n draws the mean strays by sqrt(1 / 12n) (one sigma); the
// variance of (u - 1/2)^2 is 1/180. Five sigma each, and the seed is fixed.
TEST(RandomSequence, UniformHasTheMomentsOfItsDistribution) {
  RandomSequence sequence = Generator(5, "moments").sequence(0, 0);
  const int n = 100000;
  double sum = 0, squares = 0, low = 1, high = 0;
  for (int i = 0; i < n; ++i) {
    const double u = sequence.uniform();
    sum += u;
    squares += (u - 0.5) * (u - 0.5);
    low = std::min(low, u);
    high = std::max(high, u);
  }
  EXPECT_NEAR(sum / n, 0.5, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(squares / n, 1.0 / 12, 5 * std::sqrt(1.0 / 180 / n));
  EXPECT_GE(low, 0);
  EXPECT_LT(high, 1);
}

// Mean 0, variance 1, fourth moment 3; their one-sigma errors over n draws are sqrt(1 / n),
// sqrt(2 / n) and sqrt(96 / n). 2.275 % lie beyond two sigmas on each side. Five sigmas each.
TEST(RandomSequence, NormalHasTheMomentsOfItsDistribution) {
  RandomSequence sequence = Generator(9, "normal").sequence(0, 0);
  const int n = 100000;
  double sum = 0, squares = 0, fourth = 0;
  int above = 0, below = 0;
  for (int i = 0; i < n; ++i) {
    const double x = sequence.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    above += x > 2;
    below += x < -2;
  }
  EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(1.0 / n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth / n, 3, 5 * std::sqrt(96.0 / n));
  EXPECT_NEAR(above, 0.02275 * n, 5 * std::sqrt(0.02275 * n));
  EXPECT_NEAR(below, 0.02275 * n, 5 * std::sqrt(0.02275 * n));
}

TEST(RandomSequence, NormalTakesFourWordsAndIsBoxMuller) {
  RandomSequence sequence = Generator(9, "normal").sequence(2, 3);
  RandomSequence twin = sequence;
  const double x = sequence.normal();
  EXPECT_EQ(sequence.position(), 4u);
  const double u = twin.uniform(), v = twin.uniform();
  // Two functions, a root and three products, each within an ulp of its value.
  EXPECT_NEAR(x, std::sqrt(-2 * std::log(1 - u)) * std::cos(2 * std::acos(-1.0) * v), 1e-14);
}

// Chi-squared with 6 degrees of freedom stays below 22.46 in 999 of 1000 samples.
TEST(RandomSequence, BelowIsUniformOverItsRange) {
  RandomSequence sequence = Generator(6, "below").sequence(0, 0);
  std::vector<int> count(7);
  const int n = 70000;
  for (int i = 0; i < n; ++i) ++count[sequence.below(7)];
  double chi_squared = 0;
  for (const int c : count) chi_squared += (c - n / 7.0) * (c - n / 7.0) / (n / 7.0);
  EXPECT_LT(chi_squared, 22.46);
}

// For n = 3 * 2^62 a plain remainder would give the first third of the range half of the draws.
TEST(RandomSequence, BelowRejectsWhatWouldBiasHugeRanges) {
  RandomSequence sequence = Generator(6, "huge").sequence(0, 0);
  const std::uint64_t n = std::uint64_t{3} << 62;
  const int draws = 30000;
  int first_third = 0;
  for (int i = 0; i < draws; ++i) {
    const std::uint64_t draw = sequence.below(n);
    ASSERT_LT(draw, n);
    first_third += draw < n / 3;
  }
  EXPECT_NEAR(first_third, draws / 3.0, 5 * std::sqrt(draws * 2.0 / 9));
}

TEST(RandomSequence, BelowOneIsZero) { EXPECT_EQ(Generator(6, "one").sequence(0, 0).below(1), 0u); }

TEST(RandomSequence, BelowZeroIsRefused) {
  EXPECT_EQ(message_of<ValueError>([] { Generator(6, "zero").sequence(0, 0).below(0); }),
            "RandomSequence::below: n: expected at least 1, got 0");
}

// All 24 orders of four values; chi-squared with 23 degrees of freedom, 999 of 1000 below 49.73.
TEST(RandomSequence, ShuffleMakesEveryOrderEquallyLikely) {
  RandomSequence sequence = Generator(8, "shuffle").sequence(0, 0);
  std::vector<std::vector<int>> orders;
  std::vector<int> order(4);
  std::iota(order.begin(), order.end(), 0);
  do orders.push_back(order);
  while (std::next_permutation(order.begin(), order.end()));
  std::vector<int> count(orders.size());
  const int n = 24000;
  for (int i = 0; i < n; ++i) {
    std::vector<int> values = {0, 1, 2, 3};
    sequence.shuffle(values);
    ++count[std::find(orders.begin(), orders.end(), values) - orders.begin()];
  }
  double chi_squared = 0;
  for (const int c : count) chi_squared += (c - n / 24.0) * (c - n / 24.0) / (n / 24.0);
  EXPECT_LT(chi_squared, 49.73);
}

TEST(RandomSequence, ShuffleLeavesNothingAndOneThingAlone) {
  RandomSequence sequence = Generator(8, "shuffle").sequence(0, 0);
  std::vector<int> none, one = {42};
  sequence.shuffle(none);
  sequence.shuffle(one);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(one, std::vector<int>{42});
  EXPECT_EQ(sequence.position(), 0u);
}

TEST(ProbabilityThreshold, CountsTheWordsOfTheEvent) {
  EXPECT_EQ(probability_threshold(0), 0u);
  EXPECT_EQ(probability_threshold(0.25), std::uint64_t{1} << 30);
  EXPECT_EQ(probability_threshold(1), std::uint64_t{1} << 32);
  EXPECT_EQ(message_of<ValueError>([] { probability_threshold(1.5); }),
            "probability_threshold: probability: expected a number of [0, 1], got 1.5");
  EXPECT_EQ(message_of<ValueError>([] { probability_threshold(std::nan("")); }),
            "probability_threshold: probability: expected a number of [0, 1], got nan");
}

}  // namespace
}  // namespace chainline
