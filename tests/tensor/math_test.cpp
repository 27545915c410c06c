#include "tensor/math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

namespace chainline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The distance in units of the last place of an f64 at the exact value.
double ulps(double got, long double exact) {
  const int exponent = std::max(exact == 0 ? -1022 : std::ilogb(exact), -1022);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - exact) /
                             std::ldexp(1.0L, exponent - 52));
}

// Numbers that hurt: every exponent, with few and with many bits; near the ends, the seams between
// two formulas and the multiples of pi/2 and ln 2; and evenly in [-50, 50].
std::vector<double> arguments() {
  std::mt19937_64 random(20240607);
  std::vector<double> all;
  for (int exponent = -1074; exponent < 1024; ++exponent) {
    for (int i = 0; i < 40; ++i) {
      const double significand = i == 0 ? 1.0 : 1.0 + std::ldexp(double(random() >> 12), -52);
      all.push_back(std::ldexp(significand, exponent));
    }
  }
  for (int i = 0; i < 1000000; ++i) all.push_back(50 * std::ldexp(double(random() >> 11), -53));
  for (int i = 0; i < 300000; ++i) all.push_back(750 * std::ldexp(double(random() >> 11), -53));
  for (int n = 1; n < 3000; ++n) {
    for (const double step : {std::numbers::pi / 2, std::numbers::ln2 / 2, 0.25}) {
      double x = n * step;
      for (int i = 0; i < 3; ++i) all.push_back(x = std::nextafter(x, 0.0));
      for (int i = 0; i < 6; ++i) all.push_back(x = std::nextafter(x, kInfinity));
    }
  }
  // The f64 nearest to a multiple of pi/2 (Kahan), and a few neighbours in kind.
  for (const double x : {6381956970095103.0 * 0x1p797, 0x1.6ac5b262ca1ffp849, 0x1p30, 0x1p1023})
    all.push_back(x);
  all.push_back(std::numeric_limits<double>::max());
  const std::size_t positive = all.size();
  for (std::size_t i = 0; i < positive; ++i) all.push_back(-all[i]);
  return all;
}

// Compares on every argument whose exact result is representable, and prints the worst distance.
template <class Ours, class Exact>
void expect_within(const char* name, double bound, Ours ours, Exact exact) {
  double worst = 0, at = 0;
  for (const double x : arguments()) {
    const long double expected = exact(static_cast<long double>(x));
    const double got = ours(x);
    const double rounded = static_cast<double>(expected);
    if (std::isnan(rounded) || std::isinf(rounded)) {
      ASSERT_TRUE(std::isnan(rounded) ? std::isnan(got) : got == rounded) << name << " at " << x;
      continue;
    }
    const double distance = ulps(got, expected);
    if (!(distance <= worst)) worst = distance, at = x;
  }
  std::printf("%-8s f64: worst %.4f ulp, at %a\n", name, worst, at);
  EXPECT_LE(worst, bound) << name << " at " << at;
}

// The bounds are the figures that math.h states; long double has 11 bits more than f64.
TEST(Math, F64IsWithinTheStatedUlpsOfLongDouble) {
  expect_within(
      "exp", 0.8, [](double x) { return math::exp(x); }, [](long double x) { return std::exp(x); });
  expect_within(
      "log", 0.8, [](double x) { return math::log(x); }, [](long double x) { return std::log(x); });
  expect_within(
      "sigmoid", 0.8, [](double x) { return math::sigmoid(x); },
      [](long double x) { return 1 / (1 + std::exp(-x)); });
  expect_within(
      "tanh", 0.8, [](double x) { return math::tanh(x); },
      [](long double x) { return std::tanh(x); });
  expect_within(
      "erf", 1, [](double x) { return math::erf(x); }, [](long double x) { return std::erf(x); });
  expect_within(
      "rsqrt", 0.51, [](double x) { return math::rsqrt(x); },
      [](long double x) { return 1 / std::sqrt(x); });
  expect_within(
      "sin", 0.8, [](double x) { return math::sin(x); }, [](long double x) { return std::sin(x); });
  expect_within(
      "cos", 0.8, [](double x) { return math::cos(x); }, [](long double x) { return std::cos(x); });
}

template <class T>
void expect_special_values() {
  const T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T tiny = std::numeric_limits<T>::denorm_min(), zero = 0, one = 1;
  const T huge = std::numeric_limits<T>::max();
  for (const T x : {zero, -zero}) {
    EXPECT_EQ(math::exp(x), one);
    EXPECT_EQ(math::sigmoid(x), T(0.5));
    EXPECT_EQ(math::cos(x), one);
    EXPECT_EQ(math::log(x), -infinity);
    for (const T y : {math::tanh(x), math::erf(x), math::sin(x)}) {
      EXPECT_EQ(y, zero);
      EXPECT_EQ(std::signbit(y), std::signbit(x));
    }
    EXPECT_EQ(math::rsqrt(x), std::signbit(x) ? -infinity : infinity);
  }
  EXPECT_EQ(math::exp(infinity), infinity);
  EXPECT_EQ(math::exp(huge), infinity);
  EXPECT_EQ(math::exp(-infinity), zero);
  EXPECT_EQ(math::exp(-huge), zero);
  EXPECT_EQ(math::log(one), zero);
  EXPECT_EQ(math::log(infinity), infinity);
  EXPECT_EQ(math::sigmoid(infinity), one);
  EXPECT_EQ(math::sigmoid(-infinity), zero);
  EXPECT_EQ(math::tanh(infinity), one);
  EXPECT_EQ(math::tanh(-huge), -one);
  EXPECT_EQ(math::erf(infinity), one);
  EXPECT_EQ(math::erf(-infinity), -one);
  EXPECT_EQ(math::rsqrt(infinity), zero);
  EXPECT_EQ(math::rsqrt(T(4)), T(0.5));
  EXPECT_EQ(math::tanh(tiny), tiny);
  EXPECT_EQ(math::sin(tiny), tiny);
  EXPECT_EQ(math::erf(tiny), tiny);  // 1.128 of the smallest number
  for (const T y :
       {math::exp(nan), math::log(nan), math::sigmoid(nan), math::tanh(nan), math::erf(nan),
        math::rsqrt(nan), math::sin(nan), math::cos(nan), math::log(-tiny), math::log(-infinity),
        math::rsqrt(-tiny), math::rsqrt(-infinity), math::sin(infinity), math::cos(-infinity)}) {
    EXPECT_TRUE(std::isnan(y));
  }
}

TEST(Math, TreatsZerosInfinitiesAndNaNInF32) { expect_special_values<float>(); }
TEST(Math, TreatsZerosInfinitiesAndNaNInF64) { expect_special_values<double>(); }

TEST(Math, ExpRoundsIntoTheSubnormalsAndOutOfThem) {
  EXPECT_EQ(math::exp(-103.0f), static_cast<float>(std::exp(-103.0)));
  EXPECT_EQ(math::exp(-103.9f), 0x1p-149f);
  EXPECT_EQ(math::exp(-104.0f), 0.0f);
  EXPECT_EQ(math::exp(-745.0), 0x1p-1074);
  EXPECT_EQ(math::exp(-745.2), 0.0);
  EXPECT_LT(math::exp(88.72283f), std::numeric_limits<float>::infinity());
  EXPECT_EQ(math::exp(88.7229f), std::numeric_limits<float>::infinity());
  EXPECT_LT(math::exp(709.78), kInfinity);
  EXPECT_EQ(math::exp(709.79), kInfinity);
  EXPECT_TRUE(std::isnan(math::exp(kNaN)));
}

TEST(Math, ExpAtMostOneHasTheBitsOfExpInF64) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> down_to_zero(-750, 0);
  for (int i = 0; i < 200000; ++i) {
    const double x = down_to_zero(random);
    ASSERT_EQ(math::exp_at_most_one(x), math::exp(x)) << x;
  }
  EXPECT_EQ(math::exp_at_most_one(-kInfinity), 0);
  EXPECT_EQ(math::exp_at_most_one(0.0), 1);
  EXPECT_TRUE(std::isnan(math::exp_at_most_one(kNaN)));
}

// Shared code or not: a lane of a vector loop and a single call take the same operations.
template <class T, class F>
void expect_lanes_equal_single_calls(F function) {
  std::mt19937_64 random(77);
  std::vector<T> x(1003), y(x.size());
  for (T& value : x) value = std::bit_cast<T>(static_cast<math::parts::Bits<T>>(random()));
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = function(x[i]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const volatile T single = x[i];
    const T expected = function(single);
    if (expected == expected) {
      EXPECT_EQ(math::parts::bits_of(y[i]), math::parts::bits_of(expected)) << x[i];
    } else {
      EXPECT_NE(y[i], y[i]);
    }
  }
}

template <class T>
void expect_lanes_equal_single_calls() {
  expect_lanes_equal_single_calls<T>([](T x) { return math::exp(x); });
  expect_lanes_equal_single_calls<T>([](T x) { return math::log(x); });
  expect_lanes_equal_single_calls<T>([](T x) { return math::sigmoid(x); });
  expect_lanes_equal_single_calls<T>([](T x) { return math::tanh(x); });
  expect_lanes_equal_single_calls<T>([](T x) { return math::erf(x); });
  expect_lanes_equal_single_calls<T>([](T x) { return math::rsqrt(x); });
}

TEST(Math, GivesALaneTheBitsOfASingleCall) {
  expect_lanes_equal_single_calls<float>();
  expect_lanes_equal_single_calls<double>();
}

}  // namespace
}  // namespace chainline
