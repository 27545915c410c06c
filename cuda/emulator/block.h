#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "cuda/emulator/async_copies.h"
#include "cuda/emulator/fiber.h"
#include "cuda/emulator/scheduler.h"

namespace chainline::emulator {

inline constexpr unsigned kMaxThreads = 1024;

/// A set of threads of a block.
class ThreadSet {
 public:
  void insert(unsigned thread) { words_[thread / 64] |= std::uint64_t{1} << (thread % 64); }
  void insert_lanes(unsigned warp, unsigned lanes) {
    words_[warp / 2] |= std::uint64_t{lanes} << (warp % 2 * 32);
  }
  void insert(const ThreadSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  bool empty() const {
    for (const std::uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }
  /// Calls f(thread) in ascending or descending order until it returns false.
  template <class F>
  void each(F f) const {
    for (unsigned i = 0; i < words_.size(); ++i) {
      for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        if (!f(i * 64 + static_cast<unsigned>(std::countr_zero(rest)))) return;
      }
    }
  }
  template <class F>
  void each_descending(F f) const {
    for (unsigned i = static_cast<unsigned>(words_.size()); i-- > 0;) {
      for (std::uint64_t rest = words_[i]; rest != 0;) {
        const unsigned bit = 63 - static_cast<unsigned>(std::countl_zero(rest));
        rest ^= std::uint64_t{1} << bit;
        if (!f(i * 64 + bit)) return;
      }
    }
  }

 private:
  std::array<std::uint64_t, kMaxThreads / 64> words_{};
};

/// Runs one block after another on the OS thread that calls run(). A round of the scheduler lets
/// each ready thread go on until it waits for others or returns; when no thread is ready but some
/// wait, they wait for ever.
class Block {
 public:
  Block() = default;

  /// Runs the block with this index and number in its grid.
  ///
  /// **Errors** What the first failing thread threw; the others are unwound before.
  void run(const Grid& grid, uint3 index, std::uint64_t number, void (*kernel)(const void*),
           const void* arguments);

  /// The block whose thread is running here; none outside of kernels.
  static Block* current();

  unsigned thread_number() const { return self_->number; }
  void* shared_memory() const { return shared_.get(); }
  std::size_t shared_bytes() const { return grid_.shared_bytes; }

  /// Of the running thread.
  AsyncCopies& async_copies() { return self_->copies; }

  int barrier(Vote vote, int predicate, const char* name, Where where);
  void meet(unsigned mask, const char* name, void* operand, void (*all)(const Meeting&),
            Where where);
  void pause(Where where);
  /// Throws a KernelError about a thread of this block.
  [[noreturn]] void fail(unsigned thread, const char* name, Where where,
                         const std::string& what) const;

 private:
  enum class State { runs, at_barrier, meets, returned };
  struct Thread {
    explicit Thread(std::size_t stack_bytes) : fiber(stack_bytes) {}
    Fiber fiber;
    Block* block = nullptr;
    unsigned number = 0;
    uint3 index{};
    State state = State::runs;
    const char* name = nullptr;  // of what it waits for
    Where where;
    unsigned mask = 0;
    AsyncCopies copies;
  };
  struct Warp {
    unsigned lanes = 0;  // that the block has
    unsigned returned = 0;
    std::vector<Meeting> meetings;  // the first `active` of them are in use
    std::size_t active = 0;
  };
  struct Delete {
    void operator()(void* p) const;
  };

  static void thread_main(void* thread);
  void begin();
  void round();
  bool resume(unsigned thread);  // false when the block has failed
  void wait(State state, const char* name, Where where);
  void returned(Thread& thread);
  void release_barrier();
  void complete(unsigned warp, Meeting& meeting);
  void unwind();
  std::string deadlock() const;

  Grid grid_{};
  uint3 index_{};
  std::uint64_t number_ = 0;
  void (*kernel_)(const void*) = nullptr;
  const void* arguments_ = nullptr;
  Order order_ = Order::index;
  std::uint64_t random_ = 0;
  bool allow_early_return_ = false;

  std::deque<Thread> threads_;  // as many as the largest block had
  unsigned size_ = 0;           // of this block
  unsigned live_ = 0;           // threads that have not returned
  Thread* self_ = nullptr;
  Thread* first_returned_ = nullptr;
  ThreadSet ready_;
  bool progress_ = false;  // somebody did more than pause in this round
  int idle_rounds_ = 0;
  std::vector<unsigned> shuffled_;
  std::exception_ptr error_;
  bool unwinding_ = false;

  struct {
    ThreadSet waiting;
    unsigned arrived = 0;
    Thread* first = nullptr;
    Thread* elsewhere = nullptr;  // waits at another line than the first
    unsigned count = 0;           // predicates that hold
    // The answer is kept apart: threads read it while others arrive at the next barrier.
    unsigned released_count = 0, released_arrived = 0;
  } barrier_;
  std::array<Warp, kMaxThreads / kLanes> warps_;
  std::unique_ptr<std::byte, Delete> shared_;
  std::size_t shared_allocated_ = 0;
};

}  // namespace chainline::emulator
