// Fibers, by the switch of this processor and, in fiber_ucontext_test, by that of the system.
#include "cuda/emulator/fiber.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <deque>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace chainline::emulator {
namespace {

constexpr std::size_t kStack = 256 * 1024;

struct Talk {
  explicit Talk(char name_) : name(name_), fiber(kStack) {}
  char name;
  Fiber fiber;
  std::string* said = nullptr;
  int times = 0;
};

void say(void* p) {
  Talk& t = *static_cast<Talk*>(p);
  for (int i = 0; i < t.times; ++i) {
    t.said->push_back(t.name);
    t.fiber.suspend();
  }
  t.said->push_back('.');
}

TEST(Fiber, TakesTurnsAndEnds) {
  std::string said;
  Talk a('a'), b('b');
  for (Talk* t : {&a, &b}) {
    EXPECT_TRUE(t->fiber.finished());
    t->said = &said;
    t->times = 2;
    t->fiber.start(&say, t);
    EXPECT_FALSE(t->fiber.finished());
  }
  while (!a.fiber.finished() || !b.fiber.finished()) {
    if (!a.fiber.finished()) a.fiber.resume();
    if (!b.fiber.finished()) b.fiber.resume();
  }
  EXPECT_EQ(said, "abab..");
}

TEST(Fiber, StartsAnewOnAnotherThread) {
  std::string said;
  Talk t('t');
  t.said = &said;
  t.times = 1;
  const auto run = [&] {
    t.fiber.start(&say, &t);
    while (!t.fiber.finished()) t.fiber.resume();
  };
  run();
  std::thread(run).join();
  run();
  EXPECT_EQ(said, "t.t.t.");
}

struct Sum {
  Sum() : fiber(kStack) {}
  Fiber fiber;
  double seed = 0, result = 0;
};

// Ten numbers live across each switch, more than a processor keeps by itself.
void sum(void* p) {
  Sum& s = *static_cast<Sum*>(p);
  double x[10];
  for (int i = 0; i < 10; ++i) x[i] = s.seed + i;
  for (int round = 0; round < 100; ++round) {
    for (double& v : x) v = std::fma(v, 0.5, 1.0);
    s.fiber.suspend();
  }
  for (const double v : x) s.result += v;
}

TEST(Fiber, KeepsItsRegisters) {
  std::deque<Sum> fibers(50);
  for (std::size_t i = 0; i < fibers.size(); ++i) {
    fibers[i].seed = static_cast<double>(i) * 1000;
    fibers[i].fiber.start(&sum, &fibers[i]);
  }
  double own = 0.25;
  for (int round = 0; round < 101; ++round) {
    for (Sum& s : fibers) {
      own = own * 0.5 + 1;
      s.fiber.resume();
    }
  }
  EXPECT_EQ(own, 2) << "and those of who resumes it";
  for (const Sum& s : fibers) {
    EXPECT_TRUE(s.fiber.finished());
    EXPECT_NEAR(s.result, 20, 1e-9) << "each number halves its distance from 2 a hundred times";
  }
}

struct Thrower {
  Thrower() : fiber(kStack) {}
  Fiber fiber;
  std::string caught;
};

void throw_and_catch(void* p) {
  Thrower& t = *static_cast<Thrower*>(p);
  for (int i = 0; i < 3; ++i) {
    try {
      t.fiber.suspend();
      throw std::runtime_error("thrown ");
    } catch (const std::runtime_error& e) {
      t.caught += e.what();
    }
  }
}

TEST(Fiber, ThrowsAndCatches) {
  std::deque<Thrower> fibers(3);
  for (Thrower& t : fibers) t.fiber.start(&throw_and_catch, &t);
  for (int round = 0; round < 4; ++round) {
    for (Thrower& t : fibers) t.fiber.resume();
  }
  for (const Thrower& t : fibers) {
    EXPECT_TRUE(t.fiber.finished());
    EXPECT_EQ(t.caught, "thrown thrown thrown ");
  }
}

int depth(int n) {
  volatile char frame[256] = {};
  frame[0] = static_cast<char>(n);
  return n == 0 ? frame[1] : 1 + depth(n - 1) + frame[2];
}

struct Deep {
  Deep() : fiber(kStack) {}
  Fiber fiber;
  int n = 0, result = 0;
};

void go_deep(void* p) {
  Deep& d = *static_cast<Deep*>(p);
  d.result = depth(d.n);
}

TEST(Fiber, HasTheStackThatItWasGiven) {
  Deep d;
  d.n = 200;
  d.fiber.start(&go_deep, &d);
  d.fiber.resume();
  EXPECT_EQ(d.result, 200);
}

TEST(Fiber, RunsIntoAGuardPageAtTheEndOfItsStack) {
  Deep d;
  d.n = 100000;
  d.fiber.start(&go_deep, &d);
  EXPECT_DEATH(d.fiber.resume(), "");
}

}  // namespace
}  // namespace chainline::emulator
