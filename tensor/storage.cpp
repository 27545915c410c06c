#include "tensor/storage.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tensor/backend.h"
#include "tensor/block_cache.h"
#include "tensor/error.h"
#include "tensor/memory_ledger.h"

namespace chainline {
namespace {

constexpr std::size_t kAlignment = 64;

/// Blocks by size class. Eight classes to a power of two waste at most an eighth of a block. Once
/// settled, a free block of up to four times the size serves where a class has none left.
class BlockCache {
 public:
  struct Block {
    std::byte* data;
    std::size_t size;
  };

  /// A cache of the CPU's memory, or of a backend's.
  explicit BlockCache(Backend* backend) : backend_(backend) {}

  std::size_t size_class(std::size_t bytes) const {
    if (backend_ != nullptr && backend_->wants_exact_blocks()) {
      return std::max<std::size_t>(bytes, 1);
    }
    if (bytes <= 512) return std::max<std::size_t>((bytes + 63) / 64 * 64, 64);
    const std::size_t step = std::bit_floor(bytes) / 8;
    return (bytes + step - 1) / step * step;
  }

  Block take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    {
      const std::lock_guard lock(mutex_);
      const std::size_t largest = settled_ ? 4 * size : size;
      FreeBlocks& from = for_graph_ ? free_for_graphs_ : free_;
      for (auto at = from.lower_bound(size); at != from.end() && at->first <= largest; ++at) {
        if (at->second.empty()) continue;
        const Block block{at->second.back(), at->first};
        if (block.size != size) lent_.emplace(block.data, block.size);
        at->second.pop_back();
        cached_ -= block.size;
        count(block.size);
        return block;
      }
      count(size);
      ++system_allocations_;
    }
    try {
      return fresh(size);
    } catch (const std::exception&) {
      flush();  // what lies in the cache may be what is missing
    }
    try {
      return fresh(size);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      in_use_ -= size;
      throw;
    }
  }

  void give_back(std::byte* block, std::size_t bytes) noexcept {
    std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    if (const auto larger = lent_.find(block); larger != lent_.end()) {
      size = larger->second;
      lent_.erase(larger);
    }
    in_use_ -= size;
    try {
      (of_graphs_.count(block) > 0 ? free_for_graphs_ : free_)[size].push_back(block);
      cached_ += size;
    } catch (const std::bad_alloc&) {
      free(block);
    }
  }

  void release() {
    flush();
    const std::lock_guard lock(mutex_);
    settled_ = false;
  }

  void settle() {
    const std::lock_guard lock(mutex_);
    settled_ = true;
  }

  void enter_graph() {
    const std::lock_guard lock(mutex_);
    for_graph_ = true;
  }
  void leave_graph(bool kept) {
    const std::lock_guard lock(mutex_);
    for_graph_ = false;
    graphs_ += kept;
    if (graphs_ == 0) share_graph_memory();
  }
  void forget_graph() {
    const std::lock_guard lock(mutex_);
    if (--graphs_ == 0) share_graph_memory();
  }

  std::uint64_t system_allocations() {
    const std::lock_guard lock(mutex_);
    return system_allocations_;
  }

  MemoryUse use() {
    const std::lock_guard lock(mutex_);
    return {in_use_, peak_, cached_};
  }

 private:
  using FreeBlocks = std::map<std::size_t, std::vector<std::byte*>>;

  Block fresh(std::size_t size) {
    std::byte* const block = allocate(size);
    const std::lock_guard lock(mutex_);
    if (for_graph_) of_graphs_.insert(block);
    return {block, size};
  }

  /// No graph is left: its blocks, those in use too, are like all others.
  void share_graph_memory() {
    for (auto& [size, blocks] : free_for_graphs_) {
      std::vector<std::byte*>& all = free_[size];
      all.insert(all.end(), blocks.begin(), blocks.end());
    }
    free_for_graphs_.clear();
    of_graphs_.clear();
  }

  void flush() {
    const std::lock_guard lock(mutex_);
    for (auto& entry : free_) {
      for (std::byte* block : entry.second) free(block);
      cached_ -= entry.first * entry.second.size();
      entry.second.clear();
    }
  }

  std::byte* allocate(std::size_t size) {
    if (backend_ != nullptr) return backend_->allocate(size);
    void* const block = std::aligned_alloc(kAlignment, size);
    if (block == nullptr) throw std::bad_alloc();
    return static_cast<std::byte*>(block);
  }
  void free(std::byte* block) noexcept {
    if (backend_ != nullptr) {
      backend_->release(block);
    } else {
      std::free(block);
    }
  }

  void count(std::size_t size) {
    in_use_ += size;
    peak_ = std::max(peak_, in_use_);
  }

  Backend* const backend_;
  std::mutex mutex_;
  FreeBlocks free_, free_for_graphs_;
  std::unordered_set<const std::byte*> of_graphs_;  // blocks that graphs write to
  bool for_graph_ = false;                          // blocks are lent to a graph
  int graphs_ = 0;
  std::unordered_map<const std::byte*, std::size_t> lent_;  // sizes of those above their class
  std::size_t in_use_ = 0, peak_ = 0, cached_ = 0;
  std::uint64_t system_allocations_ = 0;
  bool settled_ = false;
};

/// The first CUDA device's cache, once there is one.
std::atomic<BlockCache*> cuda_cache{nullptr};

/// Never destroyed: a tensor with static storage duration may outlive every other object.
BlockCache& cache(Device device) {
  if (device.type == DeviceType::cpu) {
    static BlockCache* const instance = new BlockCache(nullptr);
    return *instance;
  }
  Backend& backend = cuda::backend(device.index);
  static BlockCache* const instance = new BlockCache(&backend);
  cuda_cache = instance;
  return *instance;
}

template <class F>
void for_each_cache(const F& f) {
  f(cache(kCpu));
  if (BlockCache* const cuda = cuda_cache) f(*cuda);
}

}  // namespace

Storage::Storage(std::size_t bytes, Device device) : bytes_(bytes), device_(device) {
  check<ShapeError>(bytes <= static_cast<std::size_t>(PTRDIFF_MAX) / 2, "storage: cannot hold ",
                    bytes, " bytes");
  const BlockCache::Block block = cache(device).take(bytes);
  data_ = block.data;
  try {
    enter_memory(*this, block.size);
  } catch (...) {
    cache(device).give_back(data_, bytes_);
    throw;
  }
}

Storage::~Storage() {
  leave_memory(*this);
  cache(device_).give_back(data_, bytes_);
}

MemoryUse memory_use(Device device) { return cache(device).use(); }

std::uint64_t system_allocations(Device device) { return cache(device).system_allocations(); }

void settle_block_cache() {
  for_each_cache([](BlockCache& c) { c.settle(); });
}

void enter_graph_memory(Device device) { cache(device).enter_graph(); }
void leave_graph_memory(Device device, bool kept) { cache(device).leave_graph(kept); }
void forget_graph(Device device) { cache(device).forget_graph(); }

void release_cached_memory() {
  for_each_cache([](BlockCache& c) { c.release(); });
}

}  // namespace chainline
