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
  virtual void grid_ends() = 0;
  virtual void block_begins(std::size_t block) = 0;
  /// All threads of the block met at a barrier, or lanes of a warp at __syncwarp.
  virtual void block_meets() = 0;
  virtual void warp_meets(unsigned warp, unsigned lanes) = 0;
  virtual void atomic(const void* address, std::size_t bytes) = 0;
  virtual void fence() = 0;
  /// Memory of the device came or goes; dynamic shared memory counts when its block begins.
  virtual void allocated(const void* begin, std::size_t bytes) = 0;
  virtual void freed(const void* begin) = 0;
};

Observer* observer();
void set_observer(Observer* observer);

}  // namespace chainline::emulator
