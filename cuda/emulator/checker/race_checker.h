#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "cuda/emulator/checker/happens_before.h"
#include "cuda/emulator/observer.h"

namespace chainline::emulator {

enum class Access : std::uint8_t { read, write, atomic };
enum class Memory : std::uint8_t { other, shared, global };

class AccessStatistics;

/// Watches every access of kernels to shared and global memory. A program has it when it links the
/// library chainline_race_checker and its kernels are compiled with -fsanitize=thread: the compiler
/// then announces accesses by calling functions that this library defines (hooks.cpp).
///
/// Two accesses to a byte race if one writes, not both are atomic, two threads make them and nothing
/// orders them (happens_before.h). A kernel that ran with a race, or that read shared memory which
/// its block never wrote, ends in a KernelError from launch() that names threads and lines.
class RaceChecker : public Observer {
 public:
  void access(const void* address, std::size_t bytes, Access kind, const void* return_address);

  void grid_begins(const Grid& grid) override;
  void grid_ends() override;
  void block_begins(std::size_t block) override;
  void block_meets() override { order_.block_meets(); }
  void warp_meets(unsigned warp, unsigned lanes) override { order_.warp_meets(warp, lanes); }
  void atomic(const void* address, std::size_t bytes, const void* return_address) override;
  void fence() override;
  void copy_begins(void* destination, std::size_t bytes, const void* return_address) override;
  void copied(void* destination, const void* source, std::size_t bytes, std::size_t zeros,
              const void* return_address) override;
  void allocated(const void* begin, std::size_t bytes) override;
  void freed(const void* begin) override;

  Memory memory_of(const void* address) const;
  /// Who is told of each access too; nullptr for nobody.
  void set_statistics(AccessStatistics* statistics) { statistics_ = statistics; }

 private:
  struct Stamp {
    Time time = 0;  // 0: never
    std::uint32_t block = 0;
    std::int32_t site = 0;  // return address, relative to a function of this program
    std::uint16_t thread = 0;
    bool atomic = false;
  };
  struct Cell {
    Stamp write, reads[2];
  };
  /// The cells of kPageBytes bytes: one for each 4 bytes until somebody uses fewer at once.
  struct Page {
    std::size_t unit = 4;
    std::vector<Cell> cells;
  };
  static constexpr std::size_t kPageBytes = 1024;
  struct Finding {
    bool unwritten = false;
    Access now = Access::read, before = Access::read;
    Stamp later, earlier;
  };

  Page& page(std::uintptr_t number);
  /// Calls f(cell) for each cell of some bytes.
  template <class F>
  void for_each_cell(const void* address, std::size_t bytes, const F& f);
  bool races(const Stamp& earlier, const Stamp& now, bool shared) const;
  void touch(Cell& cell, Access kind, bool shared, std::int32_t site);
  Stamp stamp(Access kind, std::int32_t site) const;
  /// Reports what races with a write, which `now` is.
  void check_write(const Cell& cell, Access kind, const Stamp& now, bool shared);
  void conflict(Access now, const Stamp& later, Access before, const Stamp& earlier);
  std::string who(const Stamp& stamp) const;

  AccessStatistics* statistics_ = nullptr;
  HappensBefore order_;
  Grid grid_{};
  std::uint32_t block_ = 0;
  std::map<const std::byte*, std::size_t> allocations_;
  std::unordered_map<std::uintptr_t, Page> pages_;
  std::uintptr_t last_page_number_ = 0;
  Page* last_page_ = nullptr;
  std::vector<Finding> findings_;
  std::set<std::tuple<bool, std::int32_t, std::int32_t>> found_;  // one of each pair of lines
};

RaceChecker& race_checker();

}  // namespace chainline::emulator
