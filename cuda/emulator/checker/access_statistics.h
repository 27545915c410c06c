#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "cuda/emulator/checker/race_checker.h"

namespace chainline::emulator {

/// What one line of a kernel costs in memory: exact arithmetic on its addresses, no model of time.
///
/// The k-th execution of an instruction by the lanes of a warp is one warp access. In shared memory
/// it takes as many cycles as the busiest of 32 banks has different words; lanes that read 8 or 16
/// bytes each go by halves or quarters of the warp. In global memory it moves sectors of 32 bytes.
///
/// Units    bank cycles (shared) or sectors (global) of a warp access, on average
struct LineStatistics {
  std::string line;  // "transpose.cu:10"
  Memory memory = Memory::other;
  Access kind = Access::read;
  std::uint64_t warp_accesses = 0;
  double each = 0;
  double ideal = 0;  // if no two words met in a bank, or no byte of a sector were left out
};

/// Counts the accesses of all launches while it lives.
class AccessStatistics {
 public:
  AccessStatistics();
  ~AccessStatistics();
  AccessStatistics(const AccessStatistics&) = delete;
  AccessStatistics& operator=(const AccessStatistics&) = delete;

  /// In the order of the lines' texts.
  std::vector<LineStatistics> lines();
  /// A line of text for each.
  std::string table();

  // Called by the race checker.
  void record(const void* return_address, Memory memory, Access kind, unsigned thread,
              const void* address, std::size_t bytes);
  void block_ends();

 private:
  struct WarpAccess {
    std::array<std::uintptr_t, kLanes> address{};
    std::uint32_t lanes = 0;
    std::uint8_t bytes = 0;
  };
  struct Site {
    std::vector<std::uint32_t> executions;         // by thread of the running block
    std::vector<std::vector<WarpAccess>> by_warp;  // of the running block
    std::uint64_t warp_accesses = 0, units = 0, ideal = 0;
  };
  /// An instruction that copies has a site for what it reads and one for what it writes.
  std::map<std::tuple<const void*, Memory, Access>, Site> sites_;
};

}  // namespace chainline::emulator
