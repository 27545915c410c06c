#include "experiments/probing/conditional.h"

#include <cmath>

#include "tensor/parallel.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/probing/planted.h"

namespace chainline::experiments {
namespace {

ProbeOptions options(std::int64_t relabellings) {
  ProbeOptions chosen(5);
  chosen.relabellings = relabellings;
  chosen.bootstrap = 200;
  chosen.c_grid = {1e-2, 1e-1};
  return chosen;
}

// scikit-learn 1.9.1, loops by hand as in folds_test.cpp, for the states and for both side by side;
// a fold takes the pair with the lower inner loss.
TEST(Conditional, AgreesWithLoopsOverScikitLearn) {
  const World base({0.3, 0.1, 0}, 20), tuned({0.3, 0.2, 0}, 21);
  ProbeOptions chosen = options(0);
  chosen.tolerance = 1e-9;
  chosen.c_grid = kCGrid;
  const ConditionalProbe probe = conditional_probe(base.items, tuned.items, chosen);
  EXPECT_NEAR(probe.base_bits, 0.865203288814215, 1e-6);
  EXPECT_NEAR(probe.joint_bits, 0.3913163569718852, 1e-6);
  EXPECT_NEAR(probe.information, 0.47388693184232983, 1e-6);
  EXPECT_EQ(probe.joint_folds, 5);
  EXPECT_NEAR(mean(probe.differences), probe.information, 1e-12);
  chosen.c_grid = {};
  chosen.c = 0.01;
  const ConditionalProbe fixed = conditional_probe(base.items, tuned.items, chosen);
  EXPECT_NEAR(fixed.base_bits, 0.8338999537861507, 1e-6);
  EXPECT_NEAR(fixed.joint_bits, 0.49613078834350166, 1e-6);
}

TEST(Conditional, FindsWhatFineTuningAdded) {
  const World base({0.3, 0, 0}, 30), tuned({0.3, 0.3, 0}, 31);
  const ConditionalProbe probe = conditional_probe(base.items, tuned.items, options(9));
  EXPECT_GT(probe.information, 0.3);
  EXPECT_GT(probe.interval.low, 0.2);
  EXPECT_LE(probe.interval.low, probe.information);
  EXPECT_GE(probe.interval.high, probe.information);
  EXPECT_EQ(probe.control.p_value, 0.1);  // the least of ten
  EXPECT_EQ(probe.quality.unconverged, 0);
}

TEST(Conditional, FindsNothingInACopyOfTheBase) {
  // The base separates the classes as well as its copy: unconditionally there is information, given
  // the base there is none. Twice the same features allow half the penalty, no more.
  const World base({0.3, 0.3, 0}, 32);
  const ConditionalProbe probe = conditional_probe(base.items, base.items, options(0));
  EXPECT_LT(probe.base_bits, 0.5);
  EXPECT_NEAR(probe.information, 0, 0.03);
}

TEST(Conditional, FindsNothingInNoise) {
  const World base({0.3, 0, 0}, 33), tuned({0.3, 0, 0}, 34);
  const ConditionalProbe probe = conditional_probe(base.items, tuned.items, options(9));
  EXPECT_GT(probe.control.p_value, 0.1);
  EXPECT_LT(probe.interval.low, 0.02);
  // A probe that ignores its features has 1 bit; choosing keeps close to that.
  EXPECT_NEAR(probe.base_bits, 1, 0.1);
  EXPECT_NEAR(probe.joint_bits, 1, 0.1);
}

TEST(Conditional, IsTheSameForAnyNumberOfThreads) {
  const World base({0.3, 0, 0}, 30), tuned({0.3, 0.2, 0}, 31);
  const int before = threads();
  set_threads(1);
  const ConditionalProbe one = conditional_probe(base.items, tuned.items, options(2));
  set_threads(3);
  const ConditionalProbe three = conditional_probe(base.items, tuned.items, options(2));
  set_threads(before);
  EXPECT_EQ(one.differences, three.differences);
  EXPECT_EQ(one.control.values, three.control.values);
  EXPECT_EQ(one.interval.low, three.interval.low);
}

TEST(Conditional, RefusesStatesOfOtherItems) {
  const World base({0, 0, 0}, 8);
  ProbeItems other = base.items;
  other.images[3] = 7;
  EXPECT_EQ(refusal<ValueError>([&] { conditional_probe(base.items, other, options(0)); }),
            "conditional probe: items: expected base and fine-tuned states of the same items, got "
            "others");
}

}  // namespace
}  // namespace chainline::experiments
