#include "cuda/emulator/checker/race_checker.h"

#include <link.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "cuda/emulator/checker/access_statistics.h"
#include "cuda/emulator/checker/source_lines.h"

namespace chainline::emulator {
namespace {

const std::byte* anchor() { return reinterpret_cast<const std::byte*>(&race_checker); }
std::int32_t site_of(const void* return_address) {
  return static_cast<std::int32_t>(static_cast<const std::byte*>(return_address) - anchor());
}

bool within(const void* address, const void* begin, std::size_t bytes) {
  const auto a = reinterpret_cast<std::uintptr_t>(address);
  const auto b = reinterpret_cast<std::uintptr_t>(begin);
  return a >= b && a - b < bytes;
}

struct Range {
  const void* begin = nullptr;
  std::size_t bytes = 0;
};

/// The thread-local variables of the program, among them every static shared array.
Range thread_local_variables() {
  Range range;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
          *static_cast<Range*>(result) = {info->dlpi_tls_data, info->dlpi_phdr[i].p_memsz};
        }
        return 1;  // the program comes first; libraries hold no kernels
      },
      &range);
  return range;
}

bool is_index_variable(const void* address) {
  return within(address, &threadIdx, sizeof(threadIdx)) ||
         within(address, &blockIdx, sizeof(blockIdx)) ||
         within(address, &blockDim, sizeof(blockDim)) || within(address, &gridDim, sizeof(gridDim));
}

const char* verb(Access a, bool past) {
  switch (a) {
    case Access::read:
      return past ? "read" : "reads";
    case Access::write:
      return past ? "wrote" : "writes";
    case Access::atomic:
      break;
  }
  return past ? "changed atomically" : "changes atomically";
}

const bool registered = (set_observer(&race_checker()), true);

}  // namespace

RaceChecker& race_checker() {
  static RaceChecker checker;
  static_cast<void>(registered);
  return checker;
}

Memory RaceChecker::memory_of(const void* address) const {
  static thread_local const Range variables = thread_local_variables();
  const Block& block = *Block::current();
  if (within(address, variables.begin, variables.bytes)) {
    return is_index_variable(address) ? Memory::other : Memory::shared;
  }
  if (within(address, block.shared_memory(), block.shared_bytes())) return Memory::shared;
  const auto next = allocations_.upper_bound(static_cast<const std::byte*>(address));
  if (next == allocations_.begin()) return Memory::other;
  const auto& [begin, bytes] = *std::prev(next);
  return within(address, begin, bytes) ? Memory::global : Memory::other;
}

void RaceChecker::access(const void* address, std::size_t bytes, Access kind,
                         const void* return_address) {
  if (Block::current() == nullptr) return;  // the host's own
  const Memory memory = memory_of(address);
  if (memory == Memory::other) return;
  if (statistics_ != nullptr) {
    statistics_->record(return_address, memory, kind, Block::current()->thread_number(), address,
                        bytes);
  }
  for_each_cell(address, bytes, [&](Cell& cell) {
    touch(cell, kind, memory == Memory::shared, site_of(return_address));
  });
}

template <class F>
void RaceChecker::for_each_cell(const void* address, std::size_t bytes, const F& f) {
  auto at = reinterpret_cast<std::uintptr_t>(address);
  for (const std::uintptr_t end = at + bytes; at < end;) {
    Page& p = page(at / kPageBytes);
    if (p.unit == 4 && (at % 4 != 0 || end - at < 4)) {
      std::vector<Cell> finer;
      finer.reserve(kPageBytes);
      for (const Cell& c : p.cells) finer.insert(finer.end(), 4, c);
      p.cells = std::move(finer);
      p.unit = 1;
    }
    f(p.cells[at % kPageBytes / p.unit]);
    at += p.unit;
  }
}

RaceChecker::Page& RaceChecker::page(std::uintptr_t number) {
  if (last_page_ == nullptr || last_page_number_ != number) {
    last_page_number_ = number;
    last_page_ = &pages_[number];
    if (last_page_->cells.empty()) last_page_->cells.resize(kPageBytes / 4);
  }
  return *last_page_;
}

RaceChecker::Stamp RaceChecker::stamp(Access kind, std::int32_t site) const {
  return {order_.now(), block_, site, static_cast<std::uint16_t>(Block::current()->thread_number()),
          kind == Access::atomic};
}

bool RaceChecker::races(const Stamp& earlier, const Stamp& now, bool shared) const {
  // In shared memory another block's accesses are those of another array.
  const Time since = shared ? order_.block_began() : order_.grid_began();
  return earlier.time >= since && !(earlier.atomic && now.atomic) &&
         !order_.orders(earlier.block, earlier.thread, earlier.time, now.thread);
}

void RaceChecker::touch(Cell& cell, Access kind, bool shared, std::int32_t site) {
  const Stamp now = stamp(kind, site);
  if (kind != Access::read) {
    check_write(cell, kind, now, shared);
    for (Stamp& read : cell.reads) read = {};
    cell.write = now;
    return;
  }
  const Access write = cell.write.atomic ? Access::atomic : Access::write;
  if (races(cell.write, now, shared)) conflict(kind, now, write, cell.write);
  if (shared && cell.write.time < order_.block_began() &&
      found_.insert({true, site, site}).second) {
    findings_.push_back({true, kind, kind, now, {}});
  }
  // Two readers are kept. One that repeats itself takes its own place, others that of the one
  // that comes before everything that follows.
  Stamp* place = &cell.reads[0];
  if (!(place->thread == now.thread && place->block == now.block) && races(*place, now, shared)) {
    place = &cell.reads[1];
  }
  *place = now;
}

void RaceChecker::check_write(const Cell& cell, Access kind, const Stamp& now, bool shared) {
  const Access write = cell.write.atomic ? Access::atomic : Access::write;
  if (races(cell.write, now, shared)) conflict(kind, now, write, cell.write);
  for (const Stamp& read : cell.reads) {
    if (races(read, now, shared)) conflict(kind, now, Access::read, read);
  }
}

void RaceChecker::conflict(Access now, const Stamp& later, Access before, const Stamp& earlier) {
  const std::int32_t a = std::min(later.site, earlier.site), b = std::max(later.site, earlier.site);
  if (!found_.insert({false, a, b}).second) return;
  findings_.push_back({false, now, before, later, earlier});
}

void RaceChecker::atomic(const void* address, std::size_t bytes, const void* return_address) {
  access(address, bytes, Access::atomic, return_address);
  if (Block::current() != nullptr) order_.atomic(Block::current()->thread_number(), address);
}

void RaceChecker::fence() {
  if (Block::current() != nullptr) order_.fence(Block::current()->thread_number());
}

// The emulator carries a copy out as late as it may, hardware perhaps at once: what others did before
// must be ordered before this moment, not only before that one.
void RaceChecker::copy_begins(void* destination, std::size_t bytes, const void* return_address) {
  const Memory memory = memory_of(destination);
  if (memory == Memory::other) return;
  const Stamp now = stamp(Access::write, site_of(return_address));
  for_each_cell(destination, bytes, [&](Cell& cell) {
    check_write(cell, Access::write, now, memory == Memory::shared);
  });
}

void RaceChecker::copied(void* destination, const void* source, std::size_t bytes,
                         std::size_t zeros, const void* return_address) {
  access(source, bytes, Access::read, return_address);
  access(destination, bytes + zeros, Access::write, return_address);
}

void RaceChecker::allocated(const void* begin, std::size_t bytes) {
  allocations_[static_cast<const std::byte*>(begin)] = bytes;
}

void RaceChecker::freed(const void* begin) {
  allocations_.erase(static_cast<const std::byte*>(begin));
}

void RaceChecker::grid_begins(const Grid& grid) {
  grid_ = grid;
  order_.grid_begins();
  // No stamp of an earlier launch counts, so memory that was freed since is forgotten with them.
  pages_.clear();
  last_page_ = nullptr;
  findings_.clear();
  found_.clear();
}

void RaceChecker::block_begins(std::size_t block) {
  if (statistics_ != nullptr) statistics_->block_ends();
  block_ = static_cast<std::uint32_t>(block);
  order_.block_begins(block_);
}

std::string RaceChecker::who(const Stamp& s) const {
  const auto index = [](unsigned i, dim3 size) {
    return uint3{i % size.x, i / size.x % size.y, i / size.x / size.y};
  };
  return "block " + text(index(s.block, grid_.grid)) + " thread " +
         text(index(s.thread, grid_.block));
}

void RaceChecker::grid_ends() {
  if (findings_.empty()) return;
  std::vector<const void*> sites;
  for (const Finding& f : findings_) {
    sites.push_back(anchor() + f.later.site);
    sites.push_back(anchor() + f.earlier.site);
  }
  const std::vector<std::string> lines = source_lines(sites);
  std::ostringstream all;
  for (std::size_t i = 0; i < findings_.size(); ++i) {
    const Finding& f = findings_[i];
    if (i > 0) all << '\n';
    all << (f.unwritten ? "unwritten: " : "race: ") << who(f.later) << ' ' << verb(f.now, false)
        << " at " << lines[2 * i];
    if (f.unwritten) {
      all << " shared memory that no thread of the block has written";
    } else {
      all << " what " << who(f.earlier) << ' ' << verb(f.before, true) << " at " << lines[2 * i + 1]
          << ", and nothing orders them";
    }
  }
  findings_.clear();
  throw KernelError(all.str());
}

}  // namespace chainline::emulator
