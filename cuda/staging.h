#pragma once

#include <cstddef>
#include <cstring>

#include "cuda/stream.h"

namespace chainline::cuda {

/// Carries bytes from the host to the device without waiting for the device's work: they are copied
/// into one of two pinned buffers, from which the device takes them when their turn comes. While it
/// takes from one, the next bytes go into the other.
class Staging {
 public:
  Staging() = default;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  // The backend that owns it lives as long as the program, so there is nothing to give back.

  void send(std::byte* to, const std::byte* from, std::size_t bytes) {
    while (bytes > 0) {
      Buffer& buffer = buffers_[next_];
      next_ = 1 - next_;
      if (buffer.memory == nullptr) {
        buffer.memory = static_cast<std::byte*>(host_malloc(kBytes));
        buffer.taken = event_create();
      } else {
        event_synchronize(buffer.taken);
      }
      const std::size_t part = bytes < kBytes ? bytes : kBytes;
      std::memcpy(buffer.memory, from, part);
      device_memcpy(to, buffer.memory, part, Copy::to_device, stream());
      event_record(buffer.taken, stream());
      to += part;
      from += part;
      bytes -= part;
    }
  }

 private:
  static constexpr std::size_t kBytes = std::size_t{8} << 20;

  struct Buffer {
    std::byte* memory = nullptr;
    Event taken = nullptr;  // recorded behind the copy from it
  };
  Buffer buffers_[2];
  int next_ = 0;
};

}  // namespace chainline::cuda
