#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "tensor/device.h"

namespace chainline {

/// A block of bytes on a device, aligned to 64, with a count of the writes it has seen. Tensors
/// share it; its memory comes from, and returns to, its device's cache of size classes, so that a
/// training step reuses the blocks of the step before.
///
/// Errors   DeviceError for a device that is not there or has no memory left; std::bad_alloc when the
///          CPU has none
class Storage {
 public:
  Storage(std::size_t bytes, Device device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  const std::byte* data() const { return data_; }

  /// The bytes for writing; counts as one write.
  std::byte* mutable_data() {
    ++version_;
    return data_;
  }

  /// On a device: the same bytes in the host's memory, for those that came from there and were not
  /// written to since; nullptr for others. So the host need not wait for what it knows.
  std::shared_ptr<Storage> on_host() const {
    return version_ == version_of_copy_ ? copy_on_host_ : nullptr;
  }
  /// To be called behind the write that brought the bytes.
  void set_on_host(std::shared_ptr<Storage> copy) {
    copy_on_host_ = std::move(copy);
    version_of_copy_ = version_;
  }
  /// How often the bytes were handed out for writing: what saved values are checked against.
  std::uint64_t version() const { return version_; }

 private:
  std::byte* data_;
  std::size_t bytes_;
  Device device_;
  std::uint64_t version_ = 0;
  std::shared_ptr<Storage> copy_on_host_;
  std::uint64_t version_of_copy_ = 0;
};

/// A device's bytes in use by living storages, the most there ever were, and bytes kept in its
/// cache.
struct MemoryUse {
  std::size_t in_use, peak, cached;
};
MemoryUse memory_use(Device device = kCpu);

/// Gives the cached blocks of all devices back to their systems.
void release_cached_memory();

}  // namespace chainline
