#include "tensor/row_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace chainline {
namespace {

/// Values whose sum depends on the order of the additions.
float value(std::int64_t i) { return 1.0f / static_cast<float>(1 + i * i % 97); }

/// Rule 3 in its words, one lane after the other.
float in_words(std::int64_t n) {
  std::vector<float> lanes(32, 0.0f);
  for (std::int64_t l = 0; l < 32; ++l) {
    for (std::int64_t i = l; i < n; i += 32) lanes[static_cast<std::size_t>(l)] += value(i);
  }
  for (const std::size_t half : {16, 8, 4, 2, 1}) {
    for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

TEST(RowSum, AddsUpSmallNumbersExactly) {
  EXPECT_EQ(row_sum<float>(100, [](std::int64_t i) { return static_cast<float>(i); }), 4950.0f);
}

TEST(RowSum, TakesTheOrderOfRuleThree) {
  for (const std::int64_t n : {1, 2, 31, 32, 33, 63, 64, 65, 97, 768, 1000}) {
    EXPECT_EQ(row_sum<float>(n, value), in_words(n)) << n;
  }
}

TEST(RowSum, OfNothingIsPlusZero) {
  const float sum = row_sum<float>(0, value);
  EXPECT_EQ(sum, 0.0f);
  EXPECT_FALSE(std::signbit(sum));
}

TEST(RowMax, FindsTheLargestWhereverItIs) {
  for (std::int64_t at = 0; at < 70; ++at) {
    EXPECT_EQ(row_max<double>(70, [=](std::int64_t i) { return i == at ? -1.0 : -2.0; }), -1.0);
  }
}

TEST(RowMax, OfNothingIsMinusInfinity) {
  EXPECT_EQ(row_max<double>(0, [](std::int64_t) { return 0.0; }),
            -std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace chainline
