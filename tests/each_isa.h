#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tests/support.h"

namespace chainline::test {

/// A test for each instruction set that the processor has. Leaves set and threads as they were.
///
///   class Gemm : public test::EachIsa {};
///   INSTANTIATE_TEST_SUITE_P(Isas, Gemm, testing::ValuesIn(test::isas()), test::isa_of);
class EachIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { set_isa(GetParam()); }
  void TearDown() override {
    set_isa(isa_);
    set_threads(threads_);
  }

 private:
  Isa isa_ = isa();
  int threads_ = threads();
};

/// Those that the processor has; of another device than the CPU they are no matter.
inline std::vector<Isa> isas() {
  return device() == kCpu ? available_isas() : std::vector<Isa>{isa()};
}

inline std::string isa_of(const testing::TestParamInfo<Isa>& set) {
  return std::string(name(set.param));
}

}  // namespace chainline::test
