#include "cuda/emulator/scheduler.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>
#include <random>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/emulator/block.h"
#include "cuda/emulator/memory_guard.h"
#include "cuda/emulator/observer.h"
#include "cuda/emulator/sanitizers.h"

namespace chainline::emulator {
namespace {

template <class T>
T number_from(const char* variable, std::string_view value, const char* expected) {
  T number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  check<ValueError>(error == std::errc() && end == value.data() + value.size(), variable,
                    ": expected ", expected, ", got ", value);
  return number;
}

Settings settings_from_environment() {
  Settings s;
  if (const char* order = std::getenv("CHAINLINE_EMULATOR_ORDER")) {
    const std::string_view value = order;
    if (value == "reverse") {
      s.order = Order::reverse;
    } else if (value != "index") {
      s.order = Order::random;
      s.seed =
          number_from<std::uint64_t>("CHAINLINE_EMULATOR_ORDER", value, "index, reverse or a seed");
    }
  }
  if (const char* workers = std::getenv("CHAINLINE_EMULATOR_WORKERS")) {
    s.workers = number_from<int>("CHAINLINE_EMULATOR_WORKERS", workers, "a number of OS threads");
    check<ValueError>(s.workers >= 1, "CHAINLINE_EMULATOR_WORKERS: expected at least 1, got ",
                      workers);
  }
  return s;
}

Settings& stored_settings() {
  static Settings s = settings_from_environment();
  return s;
}

Observer* the_observer = nullptr;

/// Blocks keep their stacks from one launch to the next.
class BlockPool {
 public:
  std::unique_ptr<Block> take() {
    const std::lock_guard lock(mutex_);
    if (blocks_.empty()) return std::make_unique<Block>();
    auto block = std::move(blocks_.back());
    blocks_.pop_back();
    return block;
  }
  void give_back(std::unique_ptr<Block> block) {
    const std::lock_guard lock(mutex_);
    blocks_.push_back(std::move(block));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Block>> blocks_;
};

BlockPool& block_pool() {
  static BlockPool pool;
  return pool;
}

void check_grid(const Grid& g) {
  const auto expect = [](bool holds, const char* argument, const char* expected, dim3 got) {
    check<DeviceError>(holds, "launch: ", argument, ": expected ", expected, ", got ", text(got));
  };
  expect(g.grid.x > 0 && g.grid.y > 0 && g.grid.z > 0, "grid", "at least one block", g.grid);
  expect(g.grid.x <= 0x7fffffffu && g.grid.y <= 65535 && g.grid.z <= 65535, "grid",
         "at most (2147483647,65535,65535) blocks", g.grid);
  expect(g.block.x > 0 && g.block.y > 0 && g.block.z > 0, "block", "at least one thread", g.block);
  expect(g.block.x <= 1024 && g.block.y <= 1024 && g.block.z <= 64 &&
             std::uint64_t{g.block.x} * g.block.y * g.block.z <= kMaxThreads,
         "block", "at most 1024 threads, 64 of them along z", g.block);
  check<DeviceError>(g.shared_bytes <= kMaxSharedBytes, "launch: shared_bytes: expected at most ",
                     kMaxSharedBytes, ", got ", g.shared_bytes);
}

// Arrays of shared memory are variables of their OS thread, except under AddressSanitizer, which
// only guards ordinary ones (language.h). Observers expect one block at a time too.
bool one_block_at_a_time() { return CHAINLINE_ADDRESS_SANITIZER || the_observer != nullptr; }

/// A grid while its blocks run on one or more OS threads.
class Run {
 public:
  Run(const Grid& grid, void (*kernel)(const void*), const void* arguments)
      : grid_(grid),
        kernel_(kernel),
        arguments_(arguments),
        blocks_(std::uint64_t{grid.grid.x} * grid.grid.y * grid.grid.z) {
    const Settings& now = settings();
    reverse_ = now.order == Order::reverse;
    if (now.order == Order::random) {
      shuffled_.resize(blocks_);
      std::iota(shuffled_.begin(), shuffled_.end(), std::uint64_t{0});
      std::shuffle(shuffled_.begin(), shuffled_.end(), std::mt19937_64(now.seed));
    }
  }

  void run(std::uint64_t workers) {
    std::vector<std::thread> others;
    for (std::uint64_t i = 1; i < std::min(workers, blocks_); ++i) {
      others.emplace_back([this] { take_blocks(); });
    }
    take_blocks();
    for (std::thread& t : others) t.join();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void take_blocks() {
    std::unique_ptr<Block> block = block_pool().take();
    try {
      for (std::uint64_t i; !failed_ && (i = next_.fetch_add(1)) < blocks_;) {
        const std::uint64_t number = !shuffled_.empty() ? shuffled_[i]
                                     : reverse_         ? blocks_ - 1 - i
                                                        : i;
        const auto row = static_cast<std::uint64_t>(grid_.grid.x);
        const uint3 index{static_cast<unsigned>(number % row),
                          static_cast<unsigned>(number / row % grid_.grid.y),
                          static_cast<unsigned>(number / row / grid_.grid.y)};
        block->run(grid_, index, number, kernel_, arguments_);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      failed_ = true;
    }
    block_pool().give_back(std::move(block));
  }

  Grid grid_;
  void (*kernel_)(const void*);
  const void* arguments_;
  std::uint64_t blocks_;
  bool reverse_ = false;
  std::vector<std::uint64_t> shuffled_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace

const Settings& settings() { return stored_settings(); }
void set_settings(const Settings& s) {
  check<ValueError>(s.workers >= 1, "set_settings: workers: expected at least 1, got ", s.workers);
  stored_settings() = s;
}

Observer* observer() { return the_observer; }
void set_observer(Observer* o) { the_observer = o; }

void run_grid(const Grid& grid, void (*kernel)(const void*), const void* arguments) {
  check<DeviceError>(Block::current() == nullptr, "launch: expected a call by the host, got one ",
                     "inside of a kernel");
  check_grid(grid);
  static std::mutex mutex;
  std::unique_lock lock(mutex, std::defer_lock);
  if (one_block_at_a_time()) lock.lock();
  const DeviceMemoryInUse use;
  if (the_observer != nullptr) the_observer->grid_begins(grid);
  Run(grid, kernel, arguments)
      .run(one_block_at_a_time() ? 1 : static_cast<std::uint64_t>(settings().workers));
  if (the_observer != nullptr) the_observer->grid_ends();
}

namespace {

Block& block_here(const char* name) {
  Block* block = Block::current();
  check<DeviceError>(block != nullptr, name, ": expected a call inside of a kernel, got one by ",
                     "the host");
  return *block;
}

struct Exchange {
  std::uint64_t bits;
  unsigned source;
};

struct Ballot {
  bool predicate;
  unsigned result;
};

}  // namespace

int block_barrier(Vote vote, int predicate, const char* name, Where where) {
  return block_here(name).barrier(vote, predicate, name, where);
}

void meet(unsigned mask, const char* name, void* operand, void (*all)(const Meeting&),
          Where where) {
  block_here(name).meet(mask, name, operand, all, where);
}

std::uint64_t shuffle(unsigned mask, std::uint64_t bits, unsigned source, const char* name,
                      Where where) {
  Exchange mine{bits, source};
  meet(
      mask, name, &mine,
      [](const Meeting& m) {
        std::uint64_t brought[kLanes];
        for (unsigned l = 0; l < kLanes; ++l) {
          if ((m.arrived >> l & 1) != 0) brought[l] = static_cast<Exchange*>(m.operands[l])->bits;
        }
        for (unsigned l = 0; l < kLanes; ++l) {
          if ((m.arrived >> l & 1) == 0) continue;
          auto& lane = *static_cast<Exchange*>(m.operands[l]);
          if ((m.arrived >> lane.source & 1) == 0) {
            const Block& block = *Block::current();
            block.fail(
                block.thread_number() / kLanes * kLanes + l, m.name, m.where[l],
                "expected a source lane that takes part, got lane " + std::to_string(lane.source));
          }
          lane.bits = brought[lane.source];
        }
      },
      where);
  return mine.bits;
}

unsigned ballot(unsigned mask, bool predicate, const char* name, Where where) {
  Ballot mine{predicate, 0};
  meet(
      mask, name, &mine,
      [](const Meeting& m) {
        unsigned result = 0;
        for (unsigned l = 0; l < kLanes; ++l) {
          if ((m.arrived >> l & 1) != 0 && static_cast<Ballot*>(m.operands[l])->predicate) {
            result |= 1u << l;
          }
        }
        for (unsigned l = 0; l < kLanes; ++l) {
          if ((m.arrived >> l & 1) != 0) static_cast<Ballot*>(m.operands[l])->result = result;
        }
      },
      where);
  return mine.result;
}

void warp_barrier(unsigned mask, Where where) {
  meet(
      mask, "__syncwarp", nullptr,
      [](const Meeting& m) {
        if (the_observer != nullptr) {
          the_observer->warp_meets(Block::current()->thread_number() / kLanes, m.arrived);
        }
      },
      where);
}

unsigned thread_number() { return block_here("thread_number").thread_number(); }
unsigned lane() { return thread_number() % kLanes; }
void pause(Where where) { block_here("__nanosleep").pause(where); }

void async_copy(void* shared, const void* global, std::size_t bytes, std::size_t zeros) {
  block_here("cp.async")
      .async_copies()
      .issue(shared, global, bytes, zeros, __builtin_return_address(0));
}
void async_commit() { block_here("cp.async").async_copies().commit(); }
void async_wait(std::size_t pending) { block_here("cp.async").async_copies().wait(pending); }

void fail(const char* name, Where where, const std::string& what) {
  const Block& block = block_here(name);
  block.fail(block.thread_number(), name, where, what);
}

void* dynamic_shared_memory() { return block_here("dynamic_shared").shared_memory(); }
std::size_t dynamic_shared_bytes() { return block_here("dynamic_shared").shared_bytes(); }

std::string text(uint3 i) {
  std::ostringstream out;
  out << '(' << i.x << ',' << i.y << ',' << i.z << ')';
  return out.str();
}

std::string text(Where where) {
  const char* slash = std::strrchr(where.file, '/');
  std::ostringstream out;
  out << (slash != nullptr ? slash + 1 : where.file) << ':' << where.line;
  return out.str();
}

}  // namespace chainline::emulator
