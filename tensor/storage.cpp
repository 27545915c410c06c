#include "tensor/storage.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

#include "tensor/error.h"

namespace chainline {
namespace {

constexpr std::size_t kAlignment = 64;

/// Blocks by size class. Eight classes to a power of two waste at most an eighth of a block.
class BlockCache {
 public:
  static std::size_t size_class(std::size_t bytes) {
    if (bytes <= 512) return std::max<std::size_t>((bytes + 63) / 64 * 64, 64);
    const std::size_t step = std::bit_floor(bytes) / 8;
    return (bytes + step - 1) / step * step;
  }

  std::byte* take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    {
      const std::lock_guard lock(mutex_);
      in_use_ += size;
      peak_ = std::max(peak_, in_use_);
      auto& blocks = free_[size];
      if (!blocks.empty()) {
        std::byte* block = blocks.back();
        blocks.pop_back();
        cached_ -= size;
        return block;
      }
    }
    void* block = std::aligned_alloc(kAlignment, size);
    if (block == nullptr) {
      release();  // what lies in the cache may be what is missing
      block = std::aligned_alloc(kAlignment, size);
    }
    if (block == nullptr) {
      const std::lock_guard lock(mutex_);
      in_use_ -= size;
      throw std::bad_alloc();
    }
    return static_cast<std::byte*>(block);
  }

  void give_back(std::byte* block, std::size_t bytes) noexcept {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    in_use_ -= size;
    try {
      free_[size].push_back(block);
      cached_ += size;
    } catch (const std::bad_alloc&) {
      std::free(block);
    }
  }

  void release() {
    const std::lock_guard lock(mutex_);
    for (auto& entry : free_) {
      for (std::byte* block : entry.second) std::free(block);
      entry.second.clear();
    }
    cached_ = 0;
  }

  MemoryUse use() {
    const std::lock_guard lock(mutex_);
    return {in_use_, peak_, cached_};
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::size_t, std::vector<std::byte*>> free_;
  std::size_t in_use_ = 0, peak_ = 0, cached_ = 0;
};

/// Never destroyed: a tensor with static storage duration may outlive every other object.
BlockCache& cache() {
  static BlockCache* const instance = new BlockCache;
  return *instance;
}

}  // namespace

Storage::Storage(std::size_t bytes, Device device) : bytes_(bytes), device_(device) {
  check<DeviceError>(device.type == DeviceType::cpu, "storage: no CUDA in this build");
  check<ShapeError>(bytes <= static_cast<std::size_t>(PTRDIFF_MAX) / 2, "storage: cannot hold ",
                    bytes, " bytes");
  data_ = cache().take(bytes);
}

Storage::~Storage() { cache().give_back(data_, bytes_); }

MemoryUse memory_use() { return cache().use(); }

void release_cached_memory() { cache().release(); }

}  // namespace chainline
