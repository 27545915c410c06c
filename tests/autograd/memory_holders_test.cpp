// What the memory ledger calls the values of a forward and a backward pass.

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "autograd/recompute.h"
#include "tensor/memory_ledger.h"
#include "tests/support.h"

namespace chainline {
namespace {

std::size_t bytes_of(const MemoryPeak& peak, const std::string& holder) {
  for (const HeldMemory& held : peak.holders) {
    if (held.holder == holder) return held.bytes;
  }
  return 0;
}

constexpr std::int64_t kRows = 64, kColumns = 256;
constexpr std::size_t kBytes = std::size_t{kRows} * kColumns * 8;

Variable input() {
  const MemoryScope held("input");
  return Variable(test::full({kRows, kColumns}, 0.5, DType::f64), true);
}

TEST(MemoryHolders, AreTheOpsOfTheForwardAndTheGradientsBehindThem) {
  const MemoryLedger ledger;
  const Variable x = input();
  {
    const NameScope scope("head");
    Variable y = x;
    for (int i = 0; i < 3; ++i) y = sin(y);
    EXPECT_EQ(bytes_of(ledger.peak(), "sin"), 3 * kBytes);
    EXPECT_EQ(bytes_of(ledger.peak(), "input"), kBytes);
    EXPECT_EQ(ledger.peak().op, "sin");
    EXPECT_EQ(ledger.peak().module, "head");
    grad({sum_all(y)}, {x});
  }
  const MemoryPeak peak = ledger.peak();
  EXPECT_EQ(peak.op, "gradient of sin");
  EXPECT_EQ(peak.module, "head");
  EXPECT_EQ(bytes_of(peak, "sin"), 3 * kBytes);
  EXPECT_GE(bytes_of(peak, "gradient of sin"), kBytes);
}

TEST(MemoryHolders, KeepTheirNamesWhenTheyAreRecomputed) {
  const MemoryLedger ledger;
  const Variable x(test::full({kRows, kColumns}, 0.5, DType::f64), true);
  const Variable y =
      recompute([](const Variables& in) { return Variables{exp(tanh(sin(in[0])))}; }, {x})[0];
  grad({sum_all(y)}, {x});
  for (const HeldMemory& held : ledger.peak().holders) EXPECT_NE(held.holder, "recompute");
  EXPECT_GE(bytes_of(ledger.peak(), "tanh"), kBytes);
}

TEST(MemoryHolders, TellGradientsOfParametersApart) {
  const MemoryLedger ledger;
  const Variable w(test::full({kRows, kColumns}, 0.5, DType::f64), true);
  const Variable x(test::full({2, kColumns}, 0.5, DType::f64));
  GradientAccumulator sums({w});
  sums.add(sum_all(linear(x, w)));
  const std::vector<Tensor> gradients = sums.finish();
  EXPECT_EQ(bytes_of(ledger.peak(), "gradients of parameters"), kBytes);
}

}  // namespace
}  // namespace chainline
