#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cuda/emulator/scheduler.h"

namespace chainline::test {

/// Every test of the fixture runs under each of its settings: in each order of the threads.
class EachOrder : public testing::TestWithParam<emulator::Settings> {
 protected:
  void SetUp() override { emulator::set_settings(GetParam()); }
  void TearDown() override { emulator::set_settings({}); }
};

inline std::vector<emulator::Settings> orders() {
  using emulator::Order;
  return {{}, {Order::reverse}, {Order::random, 1}};
}

/// "Reverse", "Seed1", "IndexWorkers2"
inline std::string name_of(const testing::TestParamInfo<emulator::Settings>& each) {
  using emulator::Order;
  const emulator::Settings& s = each.param;
  const std::string order = s.order == Order::index     ? "Index"
                            : s.order == Order::reverse ? "Reverse"
                                                        : "Seed" + std::to_string(s.seed);
  return s.workers == 1 ? order : order + "Workers" + std::to_string(s.workers);
}

}  // namespace chainline::test
