#include "tensor/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace chainline {
namespace {

class Parallel : public testing::Test {
 protected:
  void TearDown() override { set_threads(2); }
};

TEST_F(Parallel, VisitsEveryIndexOnceInChunksThatIgnoreTheThreads) {
  std::vector<std::set<std::int64_t>> starts;
  for (const int n : {1, 2, 3, 7}) {
    set_threads(n);
    std::vector<std::atomic<int>> visits(1003), start(1003);
    parallel_for(1003, 10, [&](std::int64_t begin, std::int64_t end) {
      start[static_cast<std::size_t>(begin)] = 1;
      for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    std::set<std::int64_t> begins;
    for (std::size_t i = 0; i < visits.size(); ++i) {
      EXPECT_EQ(visits[i], 1) << "index " << i << " with " << n << " threads";
      if (start[i] != 0) begins.insert(static_cast<std::int64_t>(i));
    }
    starts.push_back(begins);
  }
  for (const auto& s : starts) EXPECT_EQ(s, starts[0]);
}

TEST_F(Parallel, HandsAnExceptionToTheCallerAndStaysUsable) {
  set_threads(3);
  EXPECT_THROW(parallel_for(100, 1,
                            [](std::int64_t begin, std::int64_t) {
                              if (begin == 50) throw std::runtime_error("chunk 50");
                            }),
               std::runtime_error);
  std::atomic<int> sum{0};
  parallel_for(100, 1, [&](std::int64_t, std::int64_t) { ++sum; });
  EXPECT_EQ(sum, 100);
}

// A thread looks for the next loop a while and then sleeps: the loops come while it looks, about
// when it falls asleep, and when it has slept for long.
TEST_F(Parallel, RunsLoopsThatComeSoonAndLate) {
  set_threads(2);
  for (int round = 0; round < 300; ++round) {
    std::atomic<int> sum{0};
    parallel_for(8, 1, [&](std::int64_t, std::int64_t) { ++sum; });
    ASSERT_EQ(sum, 8) << "round " << round;
    std::this_thread::sleep_for(std::chrono::microseconds(round % 30 * 10));
  }
}

TEST_F(Parallel, CountsOneThreadInsideALoop) {
  set_threads(3);
  EXPECT_EQ(threads_here(), 3);
  std::atomic<int> wrong{0};
  parallel_for(8, 1, [&](std::int64_t, std::int64_t) { wrong += threads_here() != 1 ? 1 : 0; });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(threads_here(), 3);
}

TEST_F(Parallel, RunsANestedLoopAlone) {
  std::atomic<int> sum{0};
  parallel_for(4, 1, [&](std::int64_t, std::int64_t) {
    parallel_for(
        5, 2, [&](std::int64_t begin, std::int64_t end) { sum += static_cast<int>(end - begin); });
  });
  EXPECT_EQ(sum, 20);
}

}  // namespace
}  // namespace chainline
