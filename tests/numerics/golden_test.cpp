// The golden hashes: what every op case and a short training give, bit for bit. golden.txt holds
// for every processor, instruction set, compiler, build type and number of threads; a change of it
// is a change of the arithmetic, and says so in its commit. CHAINLINE_WRITE_GOLDEN=1 in the
// environment makes this test write the file instead.

#include "tests/numerics/golden.h"

#include <cstdlib>

#include "tests/numerics/large_cases.h"
#include "tests/numerics/tiny_training.h"

namespace chainline {
namespace {

using test::golden;
using test::Hashes;

Hashes computed() {
  Hashes hashes;
  const auto [all, large] = [] {
    const test::MeantForTheCpu operands;
    return std::pair(op_cases(), test::large_cases());
  }();
  for (const DType dtype : {DType::f32, DType::f64}) {
    const std::string prefix = std::string(name(dtype)) + " ";
    for (const OpCase& c : all) {
      hashes[prefix + c.title()] = test::hash_of(test::results_of(c, dtype));
    }
    for (const auto& [title, results] : test::results_without_gradient(dtype)) {
      hashes[prefix + title] = test::hash_of(results);
    }
  }
  for (const OpCase& c : large) {
    hashes["f32 " + c.title()] = test::hash_of(test::results_of(c, DType::f32));
  }
  hashes["training"] = test::TinyTraining().run();
  return hashes;
}

/// The lines that differ, "" for none: hundreds of hashes are no message.
std::string differences(const Hashes& found, const Hashes& expected) {
  std::string text;
  for (const auto& [name, hash] : found) {
    const auto at = expected.find(name);
    if (at == expected.end())
      text += name + ": not in golden.txt\n";
    else if (at->second != hash)
      text += name + ": other bits\n";
  }
  for (const auto& [name, hash] : expected) {
    if (found.count(name) == 0) text += name + ": not computed\n";
  }
  return text;
}

class Golden : public test::EachIsa {};
INSTANTIATE_TEST_SUITE_P(Isas, Golden, testing::ValuesIn(test::isas()), test::isa_of);

TEST(GoldenFile, IsThere) {
  if (std::getenv("CHAINLINE_WRITE_GOLDEN") != nullptr) {
    std::ofstream file(test::kGoldenFile);
    for (const auto& [name, hash] : computed()) file << hash << "  " << name << "\n";
  }
  // Every case in f64 and f32, larger ones in f32, and the training.
  const test::MeantForTheCpu operands;
  EXPECT_GT(golden().size(), op_cases().size() * 2 + test::large_cases().size());
  EXPECT_EQ(golden().count("training"), 1u);
}

TEST_P(Golden, HoldsForAnyNumberOfThreads) {
  for (const int n : test::thread_counts()) {
    set_threads(n);
    EXPECT_EQ(differences(computed(), golden()), "") << n << " threads";
  }
}

// mutants_test.cpp shows what the hashes see; here, that the comparison sees a hash.
TEST(GoldenFile, TellsBitsApart) {
  Hashes other = golden();
  ASSERT_FALSE(other.empty());
  other.begin()->second[0] = other.begin()->second[0] == '0' ? '1' : '0';
  EXPECT_EQ(differences(other, golden()), other.begin()->first + ": other bits\n");
}

}  // namespace
}  // namespace chainline
