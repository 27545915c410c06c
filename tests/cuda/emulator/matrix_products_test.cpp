// Products by wmma and by PTX instructions give what the definition gives. Numbers are small
// integers, so each order of a sum gives the same.
#include "tests/cuda/emulator/matrix_products.cu"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/cuda/emulator/device_array.h"
#include "tests/cuda/emulator/each_order.h"

namespace chainline::test {
namespace {

constexpr int kM = 48, kN = 32, kK = 80;

class MatrixProducts : public EachOrder {};

INSTANTIATE_TEST_SUITE_P(Orders, MatrixProducts, testing::ValuesIn(orders()), name_of);

float left(int i, int k) { return static_cast<float>((i * 7 + k * 3) % 11 - 5); }
float right(int k, int j) { return static_cast<float>((k * 5 + j * 13) % 17 - 8); }

std::vector<__nv_bfloat16> matrix(int rows, int columns, auto element) {
  std::vector<__nv_bfloat16> m;
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) m.emplace_back(element(i, j));
  }
  return m;
}

std::vector<float> product(float plus) {
  std::vector<float> c;
  for (int i = 0; i < kM; ++i) {
    for (int j = 0; j < kN; ++j) {
      float sum = plus;
      for (int k = 0; k < kK; ++k) sum += left(i, k) * right(k, j);
      c.push_back(sum);
    }
  }
  return c;
}

using Kernel = void (*)(const __nv_bfloat16*, const __nv_bfloat16*, float*, int, int);

std::vector<float> run(Kernel kernel, const std::vector<__nv_bfloat16>& b) {
  DeviceArray<__nv_bfloat16> x(matrix(kM, kK, left)), y(b);
  DeviceArray<float> z(Unwritten{kM * kN});
  cuda::launch({dim3(kN / 16, kM / 16), 32}, kernel, x.data(), y.data(), z.data(), kN, kK);
  return z.values();
}

TEST_P(MatrixProducts, FragmentsMultiply) {
  EXPECT_EQ(run(&multiply_by_fragments<wmma::row_major>, matrix(kK, kN, right)), product(1));
  const auto by_columns = [](int j, int k) { return right(k, j); };
  EXPECT_EQ(run(&multiply_by_fragments<wmma::col_major>, matrix(kN, kK, by_columns)), product(1));
}

TEST_P(MatrixProducts, InstructionsMultiply) {
  EXPECT_EQ(run(&multiply_by_instructions<1>, matrix(kK, kN, right)), product(0));
}

TEST_P(MatrixProducts, AWaitThatIsTooShortShows) {
  EXPECT_NE(run(&multiply_by_instructions<2>, matrix(kK, kN, right)), product(0));
}

TEST_P(MatrixProducts, ACopyInPartFillsUpWithZeros) {
  std::vector<std::uint8_t> bytes(32 * 16);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i % 255 + 1);
  DeviceArray<std::uint8_t> x(bytes), y(Unwritten{bytes.size()});
  cuda::launch({1, 32}, &copy_in_part, x.data(), y.data());
  std::vector<std::uint8_t> expected = bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % 16 >= i / 16 / 2) expected[i] = 0;
  }
  EXPECT_EQ(y.values(), expected);
}

std::string report_of(auto run) {
  try {
    run();
  } catch (const emulator::KernelError& e) {
    return e.what();
  }
  return "";
}

TEST(MatrixInstructions, RefuseWhatHardwareRefuses) {
  DeviceArray<float> x(Zeros{64});
  DeviceArray<__nv_bfloat16> a(Zeros{512});
  const std::string copy = report_of([&] { cuda::launch({1, 32}, &copy_misaligned, x.data()); });
  EXPECT_TRUE(copy.starts_with("cp.async: matrix_products.cu:")) << copy;
  EXPECT_NE(copy.find("thread (1,0,0): expected addresses that are multiples of 16"),
            std::string::npos)
      << copy;
  const std::string load = report_of([&] {
    cuda::launch({1, 32}, &fragments_from_two_places, a.data());
  });
  EXPECT_TRUE(load.starts_with("load_matrix_sync: matrix_products.cu:")) << load;
  EXPECT_NE(load.find("expected one address for all lanes"), std::string::npos) << load;
}

TEST(MatrixInstructions, Bfloat16RoundsToNearestEven) {
  const auto bits = [](float x) { return __bfloat16_as_ushort(__float2bfloat16(x)); };
  EXPECT_EQ(bits(1.f), 0x3f80);
  EXPECT_EQ(bits(1 + 0x1p-8f), 0x3f80) << "halfway, to even";
  EXPECT_EQ(bits(1 + 0x3p-8f), 0x3f82) << "halfway, to even";
  EXPECT_EQ(bits(1 + 0x1.1p-8f), 0x3f81);
  EXPECT_EQ(__bfloat162float(__ushort_as_bfloat16(0xc040)), -3);
}

TEST(MatrixInstructions, PackTwoRoundedNumbersTheFirstBelow) {
  EXPECT_EQ(cuda::ptx::pack_bf16(1, -3), 0xc0403f80u);
  EXPECT_EQ(cuda::ptx::pack_bf16(1 + 0x1p-8f, 1 + 0x3p-8f), 0x3f823f80u) << "halfway, to even";
}

TEST(MatrixInstructions, PowersOfTwoEndAtTheLeastNormalNumber) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(cuda::ptx::exp2_approximate(3), 8);
  EXPECT_EQ(cuda::ptx::exp2_approximate(-126), 0x1p-126f);
  EXPECT_EQ(cuda::ptx::exp2_approximate(-126.5f), 0);
  EXPECT_EQ(cuda::ptx::exp2_approximate(-infinity), 0);
  EXPECT_EQ(cuda::ptx::exp2_approximate(129), infinity);
  EXPECT_TRUE(std::isnan(cuda::ptx::exp2_approximate(infinity - infinity)));
}

}  // namespace
}  // namespace chainline::test
