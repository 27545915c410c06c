// Do the emulator's twins of tensor core and copy instructions hold in each lane what hardware holds?
// A GPU writes its answers into twins.txt, with CHAINLINE_WRITE_TWINS=1 in the environment of this
// test in a build for it (./run gpu-check does); every emulated run is then held to them. Until a GPU
// has written the file, the twins are held to the layouts that NVIDIA publishes, by
// tests/cuda/emulator/matrix_products_test.cpp, and this test is skipped.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "tensor/backend.h"
#include "tests/cuda/twins.h"

namespace chainline {
namespace {

const std::string kFile = std::string(CHAINLINE_SOURCE_DIR) + "/tests/cuda/twins.txt";

/// A line for each lane of each instruction: its name, the lane, its registers.
std::string text_of(const std::vector<test::TwinDump>& dumps) {
  std::ostringstream text;
  for (const test::TwinDump& dump : dumps) {
    for (std::size_t l = 0; l < dump.values.size(); ++l) {
      text << dump.instruction << " " << l;
      for (const std::uint32_t word : dump.values[l]) {
        text << " " << std::hex << std::setfill('0') << std::setw(8) << word << std::dec;
      }
      text << "\n";
    }
  }
  return text.str();
}

TEST(TwinCertificate, TwinsHoldWhatHardwareHolds) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device";
  const std::string here = text_of(test::dump_twins());
  if (std::getenv("CHAINLINE_WRITE_TWINS") != nullptr) {
    ASSERT_NE(cuda::backend(0).name(), "emulated on the CPU")
        << "the emulator can't certify itself: this takes a build with CHAINLINE_CUDA=ON";
    std::ofstream certificate(kFile);
    certificate << here;
    certificate.close();
    ASSERT_TRUE(certificate) << kFile << ": expected to write it";
  }
  const std::ifstream file(kFile);
  if (!file) GTEST_SKIP() << "no GPU has certified the twins yet: " << kFile << " is missing";
  std::ostringstream certified;
  certified << file.rdbuf();
  EXPECT_EQ(here, certified.str());
}

}  // namespace
}  // namespace chainline
