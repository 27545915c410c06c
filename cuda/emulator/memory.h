#pragma once

#include <cstddef>

namespace chainline::emulator {

/// A piece of emulated device memory.
struct Allocation {
  const std::byte* begin = nullptr;
  std::size_t bytes = 0;
};

/// The allocation that the address lies in or ends at; none for memory of the host.
Allocation find_allocation(const void* address);

}  // namespace chainline::emulator
