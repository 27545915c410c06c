#include "experiments/bench/cards.h"

#include "experiments/bench/comparison.h"
#include "experiments/bench/curves.h"
#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

Timing timing(const std::string& call, int threads, std::vector<double> seconds,
              std::map<std::string, double> counters = {}) {
  Timing t;
  t.call = call;
  t.threads = threads;
  t.shape = "(2, 3)";
  t.seconds = std::move(seconds);
  t.counters = std::move(counters);
  return t;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Cards, SayWhatIsComputedHowFastAndHowMuchThreadsGain) {
  BenchResults results;
  results.timings = {
      timing("gelu/forward/vit", 1, {1e-4, 2e-4, 3e-4}, {{"GB/s", 12}, {"of_copy", 0.5}}),
      timing("gelu/forward/vit", 2, {1e-4, 1e-4, 1e-4}, {{"GB/s", 24}, {"of_copy", 0.6}})};
  EXPECT_EQ(kernel_cards(results).substr(0, kernel_cards(results).find("\ntime")),
            "gelu\n"
            "  x Phi(x), by erf or by tanh\n"
            "\n"
            "  call         shape   threads       time  spread      speed         share    gain\n"
            "  forward/vit  (2, 3)        1  200.00 us    25 %  12.0 GB/s  0.50 of copy\n"
            "                             2  100.00 us     0 %  24.0 GB/s  0.60 of copy  2.00 x\n");
}

TEST(Cards, TakeTheGeometricMeanOfSharesAndOfContenders) {
  BenchResults results;
  for (const double factor : {1.0, 4.0}) {
    const std::string call = "matmul/nt/" + std::to_string(factor);
    results.timings.push_back(timing(call, 1, {1}, {{"of_peak", 0.2 * factor}}));
    Timing theirs = timing(call, 1, {1}, {{"vs", 0.5 * factor}});
    theirs.contender = "eigen";
    theirs.spreads["vs"] = 0.02;
    results.timings.push_back(theirs);
  }
  const std::string text = kernel_cards(results);
  EXPECT_TRUE(has(text, "  geometric mean of 2, 1 thread: 0.40 of peak, vs eigen 1.000\n")) << text;
  EXPECT_TRUE(has(text, "2.000 ± 2 %\n")) << text;
}

TEST(Cards, ShowContendersBesideUsAndNoTimeForAWrongAnswer) {
  BenchResults results;
  Timing theirs = timing("matmul/nt/vit", 1, {2e-3}, {{"vs", 1.25}});
  theirs.contender = "eigen";
  Timing wrong = timing("matmul/nn/vit", 1, {});
  wrong.refused = "output 0: wrong bits";
  results.timings = {timing("matmul/nt/vit", 1, {1e-3}, {{"GFLOP/s", 80}}), theirs, wrong};
  const std::string text = kernel_cards(results);
  EXPECT_TRUE(has(text, "vs eigen\n")) << text;
  EXPECT_TRUE(has(text, "1.00 ms     0 %  80.0 GFLOP/s                  1.250\n")) << text;
  EXPECT_TRUE(has(text, "refused\n")) << text;
  EXPECT_TRUE(has(text, "  matmul/nn/vit, 1 thread: output 0: wrong bits\n")) << text;
}

TEST(Cards, OfAnotherDeviceHaveNoThreadsAndSayWhatAnEmulatorsTimesAreWorth) {
  BenchResults results;
  results.device = "loom";
  results.libraries = "cuBLASLt 13.1.0";
  results.f32_peak = 60000;
  results.bf16_peak = 900000;
  results.device_copy = 3000;
  Timing theirs = timing("linear/forward/vit/fast", 0, {1e-4}, {{"vs", 0.75}});
  theirs.contender = "cublaslt";
  results.timings = {timing("linear/forward/vit/fast", 0, {2e-4}, {{"GFLOP/s", 80}}), theirs};
  const std::string text = kernel_cards(results);
  EXPECT_TRUE(
      has(text,
          "  call              shape        time  spread         speed  share  vs cublaslt\n"
          "  forward/vit/fast  (2, 3)  200.00 us     0 %  80.0 GFLOP/s               0.750\n"))
      << text;
  EXPECT_TRUE(has(text, "by the device's clock, with cold caches")) << text;
  EXPECT_TRUE(has(machine_card(results),
                  "device   loom, libraries: cuBLASLt 13.1.0\n"
                  "         f32 peak 60000.0 GFLOP/s, bf16 900000.0, copy 3000.0 GB/s\n"));
  EXPECT_FALSE(has(machine_card(results), "say nothing"));
  results.emulated = true;
  EXPECT_TRUE(has(machine_card(results), "its times say nothing"));
}

TEST(Cards, WriteTimesInTheUnitThatFits) {
  EXPECT_EQ(time_text(2.5e-9), "2.5 ns");
  EXPECT_EQ(time_text(1.234e-5), "12.34 us");
  EXPECT_EQ(time_text(0.25), "250.00 ms");
  EXPECT_EQ(time_text(75.5), "75.500 s");
}

TEST(Curves, FindTheLargestStepAndTheLargestGap) {
  const std::vector<Timing> timings = {timing("scaling/batch=4", 1, {1}, {{"GFLOP/s", 30}}),
                                       timing("scaling/batch=1", 1, {1}, {{"GFLOP/s", 20}}),
                                       timing("scaling/batch=16", 1, {1}, {{"GFLOP/s", 48}}),
                                       timing("scaling/batch=1", 2, {1}, {{"GFLOP/s", 25}})};
  const std::vector<Curve> curves = curves_of(timings);
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_EQ(curves[0].x, (std::vector<double>{1, 4, 16}));
  EXPECT_EQ(curves[0].gflops, (std::vector<double>{20, 30, 48}));
  const Cliff step = largest_step(curves[0]), gap = largest_gap(curves[0]);
  EXPECT_DOUBLE_EQ(step.ratio, 1.6);
  EXPECT_EQ(step.fast_x, 16);
  EXPECT_EQ(step.slow_x, 4);
  EXPECT_DOUBLE_EQ(gap.ratio, 2.4);
  EXPECT_EQ(gap.slow_x, 1);
  EXPECT_EQ(largest_step(curves[1]).ratio, 1);
  const std::string card = curve_card("scaling", timings);
  EXPECT_TRUE(has(card,
                  "largest step between neighbours 1.60 x (batch 16, batch 4), best against "
                  "worst 2.40 x (batch 16, batch 1)\n"))
      << card;
  EXPECT_TRUE(has(card, "48.0  " + std::string(40, '#') + "\n")) << card;
  EXPECT_TRUE(has(card, "30.0  " + std::string(25, '#') + "\n")) << card;
}

/// Nine repetitions near so many seconds.
std::vector<double> around(double seconds) {
  std::vector<double> times;
  for (int i = -4; i <= 4; ++i) times.push_back(seconds * (1 + i * 0.002));
  return times;
}

TEST(Comparison, CallsTimesDifferentOnlyWhereTheRanksShowIt) {
  BenchResults before, after;
  before.timings = {timing("a/x", 1, around(1)), timing("b/x", 1, around(1)),
                    timing("c/x", 1, around(1)), timing("gone/x", 1, around(1))};
  after.timings = {timing("a/x", 1, around(0.8)), timing("b/x", 1, around(1.001)),
                   timing("c/x", 1, around(1.1)), timing("new/x", 1, around(1))};
  const BenchComparison comparison = compare_results(before, after, "old.json");
  ASSERT_EQ(comparison.calls.size(), 3u);
  EXPECT_TRUE(comparison.calls[0].different());
  EXPECT_NEAR(comparison.calls[0].test.ratio, 0.8, 1e-3);
  EXPECT_FALSE(comparison.calls[1].different());
  EXPECT_TRUE(comparison.calls[2].different());
  EXPECT_EQ(comparison.only_before, (std::vector<std::string>{"gone/x, 1 thread"}));
  EXPECT_EQ(comparison.only_after, (std::vector<std::string>{"new/x, 1 thread"}));
  const std::string text = comparison_text(comparison, before, after, "old.json");
  EXPECT_TRUE(has(text, "3 compared: 1 faster, 1 slower, 1 without a difference found\n")) << text;
  EXPECT_TRUE(has(text, "  faster\n")) << text;
  EXPECT_FALSE(has(text, "take more")) << text;
}

TEST(Comparison, SaysWhenTheRepetitionsAreTooFewForAnyDifference) {
  BenchResults before, after;
  before.timings = {timing("a/x", 1, {1, 1.1, 1.2})};
  after.timings = {timing("a/x", 1, {2, 2.1, 2.2})};
  const BenchComparison comparison = compare_results(before, after, "old.json");
  EXPECT_FALSE(comparison.calls[0].different());
  const std::string text = comparison_text(comparison, before, after, "old.json");
  EXPECT_TRUE(has(text, "with 3 repetitions p cannot fall below the threshold; take more\n"))
      << text;
}

TEST(Comparison, RefusesRunsThatHaveNothingInCommon) {
  BenchResults before, after;
  before.timings = {timing("a/x", 1, {1})};
  after.timings = {timing("a/x", 2, {1})};
  EXPECT_EQ(test::message_of<FileError>([&] { compare_results(before, after, "old.json"); }),
            "old.json: expected a benchmark that is in this run too, found none");
}

}  // namespace
}  // namespace chainline::experiments
