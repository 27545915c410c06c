// Every f32 argument of every elementary function, against f64.
//
// The oracle is the same function of math.h in f64 (which math_test compares with long double);
// here it is compared again, on every 4093rd argument, with the C library's. Sine and cosine in f32
// are those of f64 rounded, so they get an oracle of their own: another argument reduction, and
// Taylor's series.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <thread>
#include <vector>

#include "tensor/math.h"

namespace chainline {
namespace {

constexpr std::uint64_t kBlock = 2048;  // divides the arguments of one exponent
constexpr std::uint64_t kAll = std::uint64_t{1} << 32;
constexpr std::uint64_t kPositive = std::uint64_t{1} << 31;
constexpr std::uint64_t kOracleStride = 4093;
constexpr int kThreads = 2;

using Block = std::array<float, kBlock>;
using WideBlock = std::array<double, kBlock>;

float from_bits(std::uint64_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
}

/// |got - exact| in ulps of an f32 at the exact value. A result that has to be special (NaN,
/// infinite, zero by its rounding) and is not, or the other way round, or has the wrong sign, is
/// infinitely far.
float distance(float got, double exact) {
  const float rounded = static_cast<float>(exact);
  const std::uint64_t exponent = std::bit_cast<std::uint64_t>(exact) >> 52 & 0x7FF;
  const std::uint64_t held = exponent < 1023 - 126 ? 1023 - 126 : exponent;
  const double inverse_ulp = std::bit_cast<double>((2046 - held + 23) << 52);
  const auto ulps = static_cast<float>(math::parts::absolute(got - exact) * inverse_ulp);
  const float infinity = std::numeric_limits<float>::infinity();
  const bool both_nan = (got != got) & (rounded != rounded);
  const bool same = std::bit_cast<std::uint32_t>(got) == std::bit_cast<std::uint32_t>(rounded);
  const bool finite = (got - got) + (rounded - rounded) == 0;
  const bool same_sign =
      ((std::bit_cast<std::uint32_t>(got) ^ std::bit_cast<std::uint32_t>(rounded)) >> 31) == 0;
  return math::parts::select(both_nan | same, math::parts::select(finite, ulps, 0.0f),
                             math::parts::select(finite & same_sign, ulps, infinity));
}

struct Worst {
  float ulps = 0;
  float at = 0;
};

/// The worst distance over the arguments whose bits are below `end`.
template <class Ours, class Oracle>
Worst sweep(std::uint64_t end, Ours ours, Oracle oracle) {
  std::array<Worst, kThreads> worst;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      Block x, y;
      WideBlock exact;
      for (std::uint64_t first = kBlock * thread; first < end; first += kBlock * kThreads) {
        const auto base = static_cast<std::uint32_t>(first);
        for (std::uint32_t i = 0; i < kBlock; ++i) x[i] = std::bit_cast<float>(base + i);
        for (std::uint32_t i = 0; i < kBlock; ++i) y[i] = ours(x[i]);
        oracle(x, exact);
        // Numbers that are not negative are ordered as their bits are.
        std::uint32_t block_worst = 0;
        for (std::uint32_t i = 0; i < kBlock; ++i)
          block_worst =
              std::max(block_worst, std::bit_cast<std::uint32_t>(distance(y[i], exact[i])));
        if (std::bit_cast<float>(block_worst) <= worst[thread].ulps) continue;
        for (std::uint32_t i = 0; i < kBlock; ++i) {
          const float ulps = distance(y[i], exact[i]);
          if (ulps > worst[thread].ulps) worst[thread] = {ulps, x[i]};
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return *std::max_element(worst.begin(), worst.end(),
                           [](const Worst& a, const Worst& b) { return a.ulps < b.ulps; });
}

/// The oracle is as good as it needs to be: 2^-24 ulp of f32 is 32 ulps of f64 (near zero of
/// 2^-149).
template <class Oracle, class Library>
void expect_good_oracle(Oracle oracle, Library library) {
  Block x;
  WideBlock exact;
  for (std::uint64_t first = 0; first < kAll; first += kBlock * kOracleStride / 16) {
    const std::uint64_t start = first / kBlock * kBlock;
    for (std::uint64_t i = 0; i < kBlock; ++i) x[i] = from_bits(start + i);
    oracle(x, exact);
    for (std::uint64_t i = 0; i < kBlock; i += 16) {
      const double expected = library(static_cast<double>(x[i]));
      if (std::isnan(expected) ? std::isnan(exact[i]) : exact[i] == expected) continue;
      ASSERT_LE(std::abs(exact[i] - expected), std::max(std::abs(expected), 0x1p-126) * 0x1p-48)
          << x[i];
    }
  }
}

/// f(-x) = sign f(x) bit by bit, so that half of the sweep is enough.
template <class Ours>
void expect_symmetry(Ours ours, std::uint32_t sign_change) {
  std::uint64_t wrong = 0;
  for (std::uint64_t first = 0; first < kPositive; first += kBlock) {
    std::uint32_t block_wrong = 0;
    const auto base = static_cast<std::uint32_t>(first);
    for (std::uint32_t i = 0; i < kBlock; ++i) {
      const float plus = ours(std::bit_cast<float>(base + i));
      const float minus = ours(std::bit_cast<float>((base + i) | 0x80000000u));
      const bool same =
          std::bit_cast<std::uint32_t>(plus) == (std::bit_cast<std::uint32_t>(minus) ^ sign_change);
      block_wrong += !(same | ((plus != plus) & (minus != minus)));
    }
    wrong += block_wrong;
  }
  EXPECT_EQ(wrong, 0u);
}

constexpr std::uint32_t kOdd = 0x80000000u, kEven = 0;

template <class Function, class Library>
void expect_exhaustively(const char* name, double bound, std::uint64_t end, Function function,
                         Library library) {
  const auto oracle = [&](const Block& x, WideBlock& exact) {
    for (std::uint64_t i = 0; i < kBlock; ++i) exact[i] = function(static_cast<double>(x[i]));
  };
  expect_good_oracle(oracle, library);
  const Worst worst = sweep(
      end, [&](float x) { return function(x); }, oracle);
  std::printf("%-8s f32: worst %.5f ulp, at %a\n", name, worst.ulps, worst.at);
  EXPECT_LE(worst.ulps, bound) << name << " at " << worst.at;
}

// The bounds are the figures that math.h states.
TEST(MathExhaustive, Exp) {
  expect_exhaustively(
      "exp", 0.765, kAll, [](auto x) { return math::exp(x); },
      [](double x) { return std::exp(x); });
}

TEST(MathExhaustive, ExpAtMostOneHasTheBitsOfExpUpToZero) {
  std::uint64_t wrong = 0;
  for (std::uint64_t first = 0; first < kPositive; first += kBlock) {
    std::uint32_t block_wrong = 0;
    const auto base = static_cast<std::uint32_t>(first) | 0x80000000u;
    for (std::uint32_t i = 0; i < kBlock; ++i) {
      const auto x = std::bit_cast<float>(base + i);  // -0 to -infinity, then NaNs
      const float y = math::exp_at_most_one(x), expected = math::exp(x);
      const bool same = std::bit_cast<std::uint32_t>(y) == std::bit_cast<std::uint32_t>(expected);
      block_wrong += !(same | ((y != y) & (expected != expected)));
    }
    wrong += block_wrong;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(math::exp_at_most_one(0.0f), 1.0f);
}

TEST(MathExhaustive, Log) {
  expect_exhaustively(
      "log", 0.938, kAll, [](auto x) { return math::log(x); },
      [](double x) { return std::log(x); });
}

TEST(MathExhaustive, Sigmoid) {
  expect_exhaustively(
      "sigmoid", 0.788, kAll, [](auto x) { return math::sigmoid(x); },
      [](double x) { return 1 / (1 + std::exp(-x)); });
}

TEST(MathExhaustive, Tanh) {
  const auto tanh = [](auto x) { return math::tanh(x); };
  expect_symmetry(tanh, kOdd);
  expect_exhaustively("tanh", 0.752, kPositive, tanh, [](double x) { return std::tanh(x); });
}

TEST(MathExhaustive, Erf) {
  const auto erf = [](auto x) { return math::erf(x); };
  expect_symmetry(erf, kOdd);
  expect_exhaustively("erf", 0.991, kPositive, erf, [](double x) { return std::erf(x); });
}

TEST(MathExhaustive, Rsqrt) {
  expect_exhaustively(
      "rsqrt", 0.501, kAll, [](auto x) { return math::rsqrt(x); },
      [](double x) { return 1 / std::sqrt(x); });
}

/// x = m 2^e with an integer m of at most 24 bits, and one e in a block. 2^e 2/pi modulo 4 is
/// written in three pieces of 29, 29 and 53 bits, so that m times the first two are exact.
struct Turn {
  double first = 0, second = 0, third = 0;

  explicit Turn(int e) {
    constexpr std::array<std::uint64_t, 5> two_over_pi = {0xa2f9836e4e441529, 0xfc2757d1f534ddc0,
                                                          0xdb6295993c439041, 0xfe5163abdebbc561,
                                                          0xb7246e3a424dd2e0};
    const int start = std::max(1, e - 1);  // the bit of weight 2^-1 is number 1
    for (int bit = start; bit < start + 111; ++bit) {
      if ((two_over_pi[(bit - 1) / 64] >> (63 - (bit - 1) % 64) & 1) == 0) continue;
      double& piece = bit < start + 29 ? first : bit < start + 58 ? second : third;
      piece += std::ldexp(1.0, e - bit);
    }
  }
};

// Taylor's series of sin(r) / r and cos(r) in r^2 < 0.7; the terms left out are below 2^-60.
double sine_series(double z) {
  return math::parts::polynomial(z, 1.0, -1 / 6.0, 1 / 120.0, -1 / 5040.0, 1 / 362880.0,
                                 -1 / 39916800.0, 1 / 6227020800.0, -1 / 1307674368000.0,
                                 1 / 355687428096000.0);
}
double cosine_series(double z) {
  return math::parts::polynomial(z, 1.0, -1 / 2.0, 1 / 24.0, -1 / 720.0, 1 / 40320.0,
                                 -1 / 3628800.0, 1 / 479001600.0, -1 / 87178291200.0,
                                 1 / 20922789888000.0, -1 / 6402373705728000.0);
}

/// sin(x + quarters pi/2) for x >= 0.
void sine_oracle(const Block& x, WideBlock& exact, std::uint32_t quarters) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x[0]) & 0x7FFFFFFF;
  const int exponent = std::max(static_cast<int>(bits >> 23), 1);
  const bool finite = exponent < 255;
  const Turn turn(finite ? exponent - 150 : 0);
  const std::uint32_t implied = bits >> 23 == 0 ? 0 : 0x800000;
  for (std::uint64_t i = 0; i < kBlock; ++i) {
    const auto m = static_cast<double>(
        static_cast<std::int32_t>((std::bit_cast<std::uint32_t>(x[i]) & 0x7FFFFF) | implied));
    const double shifted = m * turn.first + 0x1.8p52;
    const double quarter = m * turn.first - (shifted - 0x1.8p52) + m * turn.second + m * turn.third;
    const std::uint64_t q = std::bit_cast<std::uint64_t>(shifted) + quarters;
    const double r = quarter * 0x1.921fb54442d18p+0;
    const double sine = r * sine_series(r * r);
    const double cosine = cosine_series(r * r);
    const double value = math::parts::select((q & 1) != 0, cosine, sine);
    const double result =
        std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) ^ (q & 2) << 62);
    exact[i] = finite ? result : std::numeric_limits<double>::quiet_NaN();
  }
}

template <class Function, class Library>
void expect_trigonometric(const char* name, std::uint32_t quarters, Function function,
                          Library library) {
  const auto oracle = [&](const Block& x, WideBlock& exact) { sine_oracle(x, exact, quarters); };
  expect_good_oracle(oracle, [&](double x) { return library(std::abs(x)); });
  const Worst worst = sweep(kPositive, function, oracle);
  std::printf("%-8s f32: worst %.5f ulp, at %a\n", name, worst.ulps, worst.at);
  EXPECT_LE(worst.ulps, 0.501) << name << " at " << worst.at;
}

// The sign is taken off before anything else in sin and cos: a few million negative arguments, not
// all.
TEST(MathExhaustive, Sin) {
  expect_trigonometric(
      "sin", 0, [](float x) { return math::sin(x); }, [](double x) { return std::sin(x); });
}

TEST(MathExhaustive, Cos) {
  expect_trigonometric(
      "cos", 1, [](float x) { return math::cos(x); }, [](double x) { return std::cos(x); });
}

TEST(MathExhaustive, SinIsOddAndCosIsEven) {
  for (std::uint64_t bits = 0; bits < kPositive; bits += 521) {
    const float x = from_bits(bits);
    if (x - x != 0) continue;
    ASSERT_EQ(std::bit_cast<std::uint32_t>(math::sin(-x)),
              std::bit_cast<std::uint32_t>(math::sin(x)) ^ kOdd);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(math::cos(-x)),
              std::bit_cast<std::uint32_t>(math::cos(x)) ^ kEven);
  }
}

}  // namespace
}  // namespace chainline
