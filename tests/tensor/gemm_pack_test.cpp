// Memory of the packed panels, compiled as it is for this test's own instruction set.
#define CHAINLINE_ISA of_this_test

#include "tensor/gemm_pack.h"

#include <gtest/gtest.h>

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

// A vector of a panel that lay across two lines would take as long as two.
TEST(Scratch, BeginsAtACacheLineHoweverItGrows) {
  Scratch<float> floats;
  Scratch<double> doubles;
  for (const std::int64_t size : {1, 7, 100, 3, 8192, 100003}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(floats.take(size)) % 64, 0u) << size;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(doubles.take(size)) % 64, 0u) << size;
  }
}

TEST(Scratch, KeepsItsMemoryWhileItSuffices) {
  Scratch<float> memory;
  float* const large = memory.take(1000);
  large[999] = 5;
  EXPECT_EQ(memory.take(10), large);
  EXPECT_EQ(memory.take(1000)[999], 5);
}

}  // namespace
}  // namespace chainline::cpu::CHAINLINE_ISA
