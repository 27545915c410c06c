#include "cuda/fast/choice.h"

#include <memory>

#include "cuda/stream.h"
#include "tests/support.h"

namespace chainline::cuda {
namespace {

using test::message_of;

/// Contenders that take known milliseconds, and a journal of who ran how often.
struct FakeClock {
  std::vector<double> milliseconds;
  std::vector<int> ran = std::vector<int>(milliseconds.size(), 0);

  TimeRuns time() {
    return [this](std::size_t i, int runs) {
      ran[i] += runs;
      return milliseconds[i] * runs;
    };
  }
};

const std::vector<std::string> kNames = {"own", "first", "second"};

std::size_t choose_by(
    FakeClock& clock, Choices& table, bool measures = true,
    const std::function<bool(std::size_t)>& can = [](std::size_t) { return true; }) {
  return choose("product", "2 x 3 x 4", kNames, can, measures, clock.time(), table);
}

TEST(Choice, TakesTheLeastTime) {
  FakeClock clock{{3, 1, 2}};
  Choices table;
  EXPECT_EQ(choose_by(clock, table), 1U);
  EXPECT_EQ(table.find("product", "2 x 3 x 4"), "first");
  EXPECT_EQ(table.find("product", "2 x 3 x 5"), std::nullopt);
  EXPECT_EQ(table.find("attention", "2 x 3 x 4"), std::nullopt);
}

TEST(Choice, TakesTheEarlierOfTwoThatAreEquallyQuick) {
  FakeClock clock{{2, 1, 1}};
  Choices table;
  EXPECT_EQ(choose_by(clock, table), 1U);
}

TEST(Choice, JudgesNobodyByTheFirstRunOrByADisturbedOne) {
  std::vector<int> calls(2, 0);
  const auto time = [&](std::size_t i, int runs) {
    const int call = calls[i]++;
    if (i == 0) return runs * (call == 0 || call == 4 ? 500.0 : 1.0);  // sets up; then is disturbed
    return runs * 2.0;
  };
  EXPECT_EQ(quickest(2, time), 0U);
}

TEST(Choice, MeasuresShortRunsManyAtATimeAndLongOnesOnce) {
  FakeClock clock{{0.001, 0.1, 5}};
  EXPECT_EQ(quickest(3, clock.time()), 0U);
  EXPECT_EQ(clock.ran, (std::vector<int>{2 + 4 * 50, 2 + 4 * 2, 2 + 4 * 1}));
}

TEST(Choice, NamesLargeSizesByFourBinaryDigits) {
  for (const std::int64_t n : {0, 1, 63, 64, 72, 2048, 2304}) EXPECT_EQ(rounded_size(n), n);
  EXPECT_EQ(rounded_size(65), 72);
  EXPECT_EQ(rounded_size(129), 144);
  EXPECT_EQ(rounded_size(2049), 2304);
  EXPECT_EQ(rounded_size(4095), 4096);
}

TEST(Choice, IsMadeOnce) {
  FakeClock clock{{3, 1, 2}};
  Choices table;
  choose_by(clock, table);
  const std::vector<int> ran = clock.ran;
  clock.milliseconds = {1, 2, 3};
  EXPECT_EQ(choose_by(clock, table), 1U);
  EXPECT_EQ(clock.ran, ran);
}

TEST(Choice, LeavesOutWhoCannot) {
  FakeClock clock{{3, 1, 2}};
  Choices table;
  EXPECT_EQ(choose_by(clock, table, true, [](std::size_t i) { return i != 1; }), 2U);
  EXPECT_EQ(clock.ran[1], 0);
  Choices empty;
  EXPECT_EQ(message_of<DeviceError>(
                [&] { choose_by(clock, empty, true, [](std::size_t) { return false; }); }),
            "product: 2 x 3 x 4: expected a kernel that can do it, got none");
}

TEST(Choice, TakesTheFirstUnmeasuredWhereTimesMeanNothing) {
  FakeClock clock{{3, 1, 2}};
  Choices table;
  EXPECT_EQ(choose_by(clock, table, false, [](std::size_t i) { return i != 0; }), 1U);
  EXPECT_EQ(clock.ran, (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(table.find("product", "2 x 3 x 4"), "first");
}

TEST(Choice, IsTheOneThatWasGiven) {
  FakeClock clock{{3, 1, 2}};
  Choices table;
  table.replace({{"product", "2 x 3 x 4", "second"}, {"product", "1 x 1 x 1", "own"}});
  EXPECT_EQ(choose_by(clock, table), 2U);
  EXPECT_EQ(clock.ran, (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(table.all(), (std::vector<KernelChoice>{{"product", "1 x 1 x 1", "own"},
                                                    {"product", "2 x 3 x 4", "second"}}));
}

TEST(Choice, ThatWasGivenMustBeThere) {
  FakeClock clock{{3, 1, 2}};
  Choices table;
  table.replace({{"product", "2 x 3 x 4", "third"}});
  EXPECT_EQ(message_of<DeviceError>([&] { choose_by(clock, table); }),
            "product: 2 x 3 x 4: expected the kernel third that was chosen, got a build or a "
            "machine without it");
}

// Sizes that are rounded to the same share a choice.
TEST(Choice, GivesWayToTheFirstThatCanWhereItsKernelCannot) {
  FakeClock clock{{3, 1, 2}};
  Choices table;
  table.replace({{"product", "2 x 3 x 4", "second"}});
  EXPECT_EQ(choose_by(clock, table, true, [](std::size_t i) { return i != 2; }), 0U);
  EXPECT_EQ(clock.ran, (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(table.find("product", "2 x 3 x 4"), "second");
}

struct Sum {
  double* to;
};
struct Adder {
  const char* name;
  bool (*can)(const Sum&);
  void (*run)(const Sum&, Stream);
};

TEST(RunChosen, RunsTheProblemItselfOnce) {
  if (device_count() == 0) GTEST_SKIP() << "no device";
  const Adder adders[] = {
      {"one", [](const Sum&) { return true; }, [](const Sum& s, Stream) { *s.to += 1; }},
      {"two", [](const Sum&) { return true; }, [](const Sum& s, Stream) { *s.to += 2; }}};
  Choices::of_process().replace({});
  double sum = 0, scratch = 0;
  for (int call = 0; call < 3; ++call) {
    run_chosen("add", "1", std::span<const Adder>(adders), Sum{&sum}, stream(),
               [&] { return Sum{&scratch}; });
  }
  const std::vector<KernelChoice> chosen = Choices::of_process().all();
  ASSERT_EQ(chosen.size(), 1U);
  EXPECT_EQ(sum, chosen[0].kernel == "one" ? 3 : 6);
  EXPECT_EQ(scratch == 0, !device_measures());
}

}  // namespace
}  // namespace chainline::cuda
