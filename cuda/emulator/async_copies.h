#pragma once

#include <cstddef>
#include <vector>

#include "cuda/emulator/scheduler.h"

namespace chainline::emulator {

/// The asynchronous copies of one thread (cp.async). Each is carried out at the latest moment that
/// the program allows, so that a wait which is missing or too short shows.
class AsyncCopies {
 public:
  void issue(void* shared, const void* global, std::size_t bytes, std::size_t zeros,
             const void* return_address);
  /// Makes a group of what was issued since the last one.
  void commit() { ends_.push_back(copies_.size()); }
  /// Waits until at most `pending` groups are still under way.
  void wait(std::size_t pending);
  /// At the end of the kernel all copies are carried out.
  void finish();
  /// What is left of a thread that failed is forgotten.
  void clear();

 private:
  struct Copy {
    void* shared;
    const void* global;
    std::size_t bytes, zeros;
    const void* return_address;
  };
  void carry_out(std::size_t copies);

  std::vector<Copy> copies_;       // under way, oldest first
  std::vector<std::size_t> ends_;  // of the groups among them
};

}  // namespace chainline::emulator
