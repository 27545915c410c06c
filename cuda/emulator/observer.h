#pragma once

#include <cstddef>

#include "cuda/emulator/scheduler.h"

namespace chainline::emulator {

/// Is told what happens in kernels besides plain reads and writes. The race checker is one. While
/// there is an observer, blocks run one after another.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void grid_begins(const Grid& grid) = 0;
  /// Only of a grid whose kernel did not fail. What it throws, the launch throws.
  virtual void grid_ends() = 0;
  virtual void block_begins(std::size_t block) = 0;
  /// All threads of the block met at a barrier, or lanes of a warp at __syncwarp.
  virtual void block_meets() = 0;
  virtual void warp_meets(unsigned warp, unsigned lanes) = 0;
  /// The return address is that of the kernel's call.
  virtual void atomic(const void* address, std::size_t bytes, const void* return_address) = 0;
  virtual void fence() = 0;
  /// From here on an asynchronous copy of the running thread may write its destination.
  virtual void copy_begins(void* destination, std::size_t bytes, const void* return_address) = 0;
  /// It was carried out; zeros fill up the destination.
  virtual void copied(void* destination, const void* source, std::size_t bytes, std::size_t zeros,
                      const void* return_address) = 0;
  /// Memory of the device came or goes; dynamic shared memory counts when its block begins.
  virtual void allocated(const void* begin, std::size_t bytes) = 0;
  virtual void freed(const void* begin) = 0;
};

Observer* observer();
void set_observer(Observer* observer);

}  // namespace chainline::emulator
