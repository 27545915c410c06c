// The ledger: who holds memory at the peak.

#include "tensor/memory_ledger.h"

#include <memory>

#include "tests/support.h"

namespace chainline {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

/// A tensor of so many MiB.
Tensor mib(std::int64_t n) { return Tensor::empty({n, 1 << 20}, DType::u8); }

/// "holder MiB, holder MiB" at the peak.
std::string held(const MemoryPeak& peak) {
  std::string text;
  for (const HeldMemory& h : peak.holders) {
    text += (text.empty() ? "" : ", ") + h.holder + " " + std::to_string(h.bytes / kMiB);
  }
  return text;
}

TEST(MemoryLedger, SaysWhoHeldWhatAtThePeakAndAddsUp) {
  const Tensor before = mib(5);
  MemoryLedger ledger;
  begin_memory_period("step 1");
  const MemoryScope outer("weights", "", "");
  const Tensor weights = mib(1);
  {
    const MemoryScope inner("gradient of ", "linear", "decoder");
    const Tensor a = mib(4), b = mib(2);
    begin_memory_period("step 2");
  }
  const Tensor later = mib(3);
  const MemoryPeak peak = ledger.peak();
  EXPECT_EQ(peak.bytes, 7 * kMiB);
  EXPECT_EQ(held(peak), "gradient of linear 6, weights 1");
  EXPECT_EQ(peak.op, "gradient of linear");
  EXPECT_EQ(peak.module, "decoder");
  EXPECT_EQ(peak.period, "step 1");
}

TEST(MemoryLedger, NamesTheNamelessAfterTheOpThatReturnsThemAlsoWhenThePeakIsOver) {
  MemoryLedger ledger;
  const Tensor x = mib(1);
  Tensor y, other;
  {
    y = mib(2);
    const Tensor temporary = mib(4);  // the peak
  }
  name_memory(*y.storage(), "linear", "decoder");
  name_memory(*y.storage(), "reshape", "decoder");  // a view of it: the first name counts
  other = mib(1);
  name_memory(*other.storage(), "tanh", "decoder");  // made after the peak
  EXPECT_EQ(held(ledger.peak()), "other 5, linear 2");
  EXPECT_EQ(ledger.peak().op, "other");

  const Tensor last = mib(8);
  name_memory(*last.storage(), "exp", "head");
  EXPECT_EQ(held(ledger.peak()), "exp 8, linear 2, other 1, tanh 1");
  EXPECT_EQ(ledger.peak().op, "exp");
  EXPECT_EQ(ledger.peak().module, "head");
}

TEST(MemoryLedger, CountsBlocksAsTheCacheDoes) {
  release_cached_memory();
  const MemoryUse before = memory_use();
  MemoryLedger ledger;
  const Tensor odd = Tensor::empty({1000}, DType::f32), one = Tensor::empty({}, DType::f32);
  EXPECT_EQ(ledger.peak().bytes, memory_use().in_use - before.in_use);
}

TEST(MemoryLedger, StandsAlone) {
  const Tensor early = mib(1);
  auto first = std::make_unique<MemoryLedger>();
  EXPECT_EQ(test::message_of<ValueError>([] { MemoryLedger second; }),
            "memory_ledger: expected one at a time, got a second one");
  first.reset();
  const Tensor between = mib(1);
  MemoryLedger next;
  EXPECT_EQ(next.peak().bytes, 0u);
}

}  // namespace
}  // namespace chainline
