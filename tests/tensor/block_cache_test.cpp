// The cache that storages take their blocks from.

#include "tensor/block_cache.h"

#include "tests/support.h"

namespace chainline {
namespace {

Tensor kib(std::int64_t n) { return Tensor::empty({n, 1024}, DType::u8); }

/// How often f() makes the cache ask the system.
template <class F>
std::uint64_t asked_by(const F& f) {
  const std::uint64_t before = system_allocations();
  f();
  return system_allocations() - before;
}

TEST(BlockCache, AsksTheSystemOnceForABlockThatIsUsedAgain) {
  release_cached_memory();
  EXPECT_EQ(asked_by([] { kib(1024); }), 1u);
  EXPECT_EQ(asked_by([] { kib(1024); }), 0u);
  EXPECT_EQ(asked_by([] { const Tensor a = kib(1024), b = kib(1024); }), 1u);
}

TEST(BlockCache, FindsEveryBlockOfAStepAgainWhateverTheOrder) {
  release_cached_memory();
  const auto step = [] {
    { const Tensor large = kib(1000); }
    const Tensor small = kib(600);
    const Tensor large = kib(1000), other = kib(1000);
  };
  EXPECT_EQ(asked_by(step), 3u);
  settle_block_cache();
  EXPECT_EQ(asked_by(step), 0u);
}

TEST(BlockCache, LetsLargerBlocksServeOnceItIsSettled) {
  release_cached_memory();
  { const Tensor block = kib(1024); }
  EXPECT_EQ(asked_by([] { kib(300); }), 1u);
  settle_block_cache();
  const std::size_t before = memory_use().in_use;
  {
    const Tensor within_four_times = kib(260);  // the block of 300 KiB is closest
    const Tensor another = kib(260);
    EXPECT_EQ(memory_use().in_use - before, (320 + 1024) * 1024u);
    EXPECT_EQ(asked_by([] { kib(260); }), 1u);  // none is left
  }
  EXPECT_EQ(memory_use().in_use, before);
  EXPECT_EQ(asked_by([] { const Tensor a = kib(1024), b = kib(300); }), 0u);  // they came back
  EXPECT_EQ(asked_by([] { kib(60); }), 1u);  // no block of up to 240 KiB is there
}

}  // namespace
}  // namespace chainline
