#include "cuda/emulator/block.h"

#include <cstring>
#include <new>
#include <sstream>
#include <utility>

#include "cuda/emulator/observer.h"
#include "cuda/emulator/sanitizers.h"

constinit thread_local uint3 threadIdx{};
constinit thread_local uint3 blockIdx{};
constinit thread_local dim3 blockDim{};
constinit thread_local dim3 gridDim{};

namespace chainline::emulator {
namespace {

constinit thread_local Block* current_block = nullptr;

// Only what a thread has touched takes memory. The frames of AddressSanitizer are some 3 times as
// large.
constexpr std::size_t kStackBytes = CHAINLINE_ADDRESS_SANITIZER ? 256 * 1024 : 64 * 1024;
constexpr std::align_val_t kSharedAlignment{128};
constexpr int kMaxIdleRounds = 100000;

/// Takes a thread out of its kernel when another has failed. Only thread_main catches it.
struct Unwound {};

std::uint64_t next_random(std::uint64_t& state) {  // SplitMix64
  std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

bool same(Where a, Where b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

}  // namespace

void Block::Delete::operator()(void* p) const { ::operator delete(p, kSharedAlignment); }

Block* Block::current() { return current_block; }

void Block::run(const Grid& grid, uint3 index, std::uint64_t number, void (*kernel)(const void*),
                const void* arguments) {
  grid_ = grid;
  index_ = index;
  number_ = number;
  kernel_ = kernel;
  arguments_ = arguments;
  const Settings now = settings();
  order_ = now.order;
  random_ = now.seed ^ (number * 0x9e3779b97f4a7c15u);
  allow_early_return_ = now.allow_early_return;
  current_block = this;
  blockIdx = index;
  blockDim = grid.block;
  gridDim = grid.grid;
  begin();
  while (live_ > 0 && !error_) round();
  if (error_) unwind();
  current_block = nullptr;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void Block::begin() {
  if (shared_allocated_ != grid_.shared_bytes || !shared_) {
    shared_.reset();
    shared_.reset(static_cast<std::byte*>(::operator new(grid_.shared_bytes, kSharedAlignment)));
    shared_allocated_ = grid_.shared_bytes;
  }
  std::memset(shared_.get(), 0xff, grid_.shared_bytes);
  if (Observer* o = observer()) o->block_begins(number_);

  const dim3 size = grid_.block;
  size_ = live_ = size.x * size.y * size.z;
  while (threads_.size() < size_) threads_.emplace_back(kStackBytes);
  ready_ = {};
  first_returned_ = nullptr;
  idle_rounds_ = 0;
  unwinding_ = false;
  barrier_ = {};
  for (unsigned w = 0; w * kLanes < size_; ++w) {
    const unsigned lanes = size_ - w * kLanes;
    warps_[w].lanes = lanes < kLanes ? (1u << lanes) - 1 : kFullMask;
    warps_[w].returned = 0;
    warps_[w].active = 0;
  }
  uint3 index{0, 0, 0};
  for (unsigned i = 0; i < size_; ++i) {
    Thread& t = threads_[i];
    t.block = this;
    t.number = i;
    t.index = index;
    t.state = State::runs;
    t.copies.clear();
    t.fiber.start(&thread_main, &t);
    ready_.insert(i);
    if (++index.x == size.x) {
      index.x = 0;
      if (++index.y == size.y) {
        index.y = 0;
        ++index.z;
      }
    }
  }
}

void Block::round() {
  const ThreadSet turn = std::exchange(ready_, ThreadSet{});
  if (turn.empty()) {
    error_ = std::make_exception_ptr(KernelError(deadlock()));
    return;
  }
  progress_ = false;
  if (order_ == Order::index) {
    turn.each([this](unsigned t) { return resume(t); });
  } else if (order_ == Order::reverse) {
    turn.each_descending([this](unsigned t) { return resume(t); });
  } else {
    shuffled_.clear();
    turn.each([this](unsigned t) {
      shuffled_.push_back(t);
      return true;
    });
    for (std::size_t i = shuffled_.size(); i > 1; --i) {
      std::swap(shuffled_[i - 1], shuffled_[next_random(random_) % i]);
    }
    for (const unsigned t : shuffled_) {
      if (!resume(t)) break;
    }
  }
  idle_rounds_ = progress_ ? 0 : idle_rounds_ + 1;
  if (idle_rounds_ == kMaxIdleRounds) {
    std::ostringstream sentence;
    sentence << "deadlock: block " << text(index_) << ": expected threads to go on, got thread "
             << text(self_->index) << " that pauses for ever at " << text(self_->where);
    error_ = std::make_exception_ptr(KernelError(sentence.str()));
  }
}

bool Block::resume(unsigned thread) {
  Thread& t = threads_[thread];
  self_ = &t;
  threadIdx = t.index;
  t.fiber.resume();
  return !error_;
}

void Block::thread_main(void* thread) {
  Thread& t = *static_cast<Thread*>(thread);
  Block& block = *t.block;
  try {
    block.kernel_(block.arguments_);
    t.copies.finish();
  } catch (const Unwound&) {
  } catch (...) {
    if (!block.error_) block.error_ = std::current_exception();
  }
  block.returned(t);
}

void Block::wait(State state, const char* name, Where where) {
  Thread& t = *self_;
  t.state = state;
  t.name = name;
  t.where = where;
  t.fiber.suspend();
  if (unwinding_) throw Unwound{};
  t.state = State::runs;
}

void Block::pause(Where where) {
  ready_.insert(self_->number);
  wait(State::runs, "pause", where);
}

void Block::returned(Thread& t) {
  t.state = State::returned;
  --live_;
  progress_ = true;
  if (error_) return;
  if (first_returned_ == nullptr) first_returned_ = &t;
  const unsigned warp = t.number / kLanes;
  warps_[warp].returned |= 1u << (t.number % kLanes);
  try {
    if (barrier_.arrived > 0 && barrier_.arrived == live_) release_barrier();
    if (!allow_early_return_) return;
    for (std::size_t i = warps_[warp].active; i-- > 0;) {
      Meeting& m = warps_[warp].meetings[i];
      if ((m.mask & ~(m.arrived | warps_[warp].returned)) == 0) complete(warp, m);
    }
  } catch (...) {
    error_ = std::current_exception();
  }
}

int Block::barrier(Vote vote, int predicate, const char* name, Where where) {
  Thread& t = *self_;
  progress_ = true;
  t.name = name;
  t.where = where;
  if (barrier_.arrived == 0) {
    barrier_.first = &t;
  } else if (barrier_.elsewhere == nullptr && !same(where, barrier_.first->where)) {
    barrier_.elsewhere = &t;
  }
  ++barrier_.arrived;
  barrier_.count += predicate != 0;
  barrier_.waiting.insert(t.number);
  if (barrier_.arrived == live_) release_barrier();
  wait(State::at_barrier, name, where);
  switch (vote) {
    case Vote::all:
      return barrier_.released_count == barrier_.released_arrived;
    case Vote::any:
      return barrier_.released_count != 0;
    case Vote::count:
      return static_cast<int>(barrier_.released_count);
    case Vote::none:
      break;
  }
  return 0;
}

void Block::release_barrier() {
  const Thread& first = *barrier_.first;
  if (barrier_.elsewhere != nullptr) {
    const Thread& other = *barrier_.elsewhere;
    fail(other.number, other.name, other.where,
         "expected all threads at one barrier, got thread " + text(first.index) + " at " +
             text(first.where));
  }
  if (first_returned_ != nullptr && !allow_early_return_) {
    fail(first.number, first.name, first.where,
         "expected all threads at the barrier, got thread " + text(first_returned_->index) +
             " that has returned");
  }
  barrier_.released_count = std::exchange(barrier_.count, 0);
  barrier_.released_arrived = std::exchange(barrier_.arrived, 0);
  ready_.insert(std::exchange(barrier_.waiting, ThreadSet{}));
  if (Observer* o = observer()) o->block_meets();
}

void Block::meet(unsigned mask, const char* name, void* operand, void (*all)(const Meeting&),
                 Where where) {
  Thread& t = *self_;
  progress_ = true;
  const unsigned warp = t.number / kLanes, lane = t.number % kLanes, bit = 1u << lane;
  Warp& w = warps_[warp];
  if ((mask & bit) == 0) {
    std::ostringstream what;
    what << "expected a mask with the calling lane " << lane << ", got 0x" << std::hex << mask;
    fail(t.number, name, where, what.str());
  }
  mask &= w.lanes;  // lanes that a last, incomplete warp lacks count as returned in CUDA too
  t.mask = mask;
  std::size_t i = 0;
  while (i < w.active && (w.meetings[i].mask != mask || (w.meetings[i].arrived & bit) != 0 ||
                          std::strcmp(w.meetings[i].name, name) != 0)) {
    ++i;
  }
  if (i == w.active) {
    if (w.active == w.meetings.size()) w.meetings.emplace_back();
    ++w.active;
    w.meetings[i].mask = mask;
    w.meetings[i].arrived = 0;
    w.meetings[i].name = name;
    w.meetings[i].all = all;
  }
  Meeting& m = w.meetings[i];
  m.arrived |= bit;
  m.operands[lane] = operand;
  m.where[lane] = where;
  if (m.arrived == mask || (allow_early_return_ && (mask & ~(m.arrived | w.returned)) == 0)) {
    complete(warp, m);
  }
  wait(State::meets, name, where);
}

void Block::complete(unsigned warp, Meeting& meeting) {
  Warp& w = warps_[warp];
  if (meeting.all != nullptr) meeting.all(meeting);
  ready_.insert_lanes(warp, meeting.arrived);
  const Meeting& last = w.meetings[--w.active];
  if (&last != &meeting) meeting = last;
}

// Lets each thread that waits throw out of its kernel, so that what it holds is destroyed.
void Block::unwind() {
  unwinding_ = true;
  for (unsigned i = 0; i < size_; ++i) {
    Thread& t = threads_[i];
    if (t.state == State::returned) continue;
    self_ = &t;
    threadIdx = t.index;
    // One that has not begun would begin now: its kernel is replaced by nothing.
    kernel_ = [](const void*) {};
    t.fiber.resume();
  }
}

void Block::fail(unsigned thread, const char* name, Where where, const std::string& what) const {
  std::ostringstream sentence;
  sentence << name << ": " << text(where) << ": block " << text(index_) << " thread "
           << text(threads_[thread].index) << ": " << what;
  throw KernelError(sentence.str());
}

std::string Block::deadlock() const {
  std::ostringstream out;
  out << "deadlock: block " << text(index_) << ": expected threads that wait for each other to "
      << "come to one place, got";
  constexpr int kMaxGroups = 8;
  int groups = 0;
  for (unsigned begin = 0, end; begin < size_; begin = end) {
    const Thread& t = threads_[begin];
    const auto alike = [&t](const Thread& other) {
      if (t.state != other.state) return false;
      if (t.state == State::returned) return true;
      if (t.state == State::meets && t.mask != other.mask) return false;
      return std::strcmp(t.name, other.name) == 0 && same(t.where, other.where);
    };
    for (end = begin + 1; end < size_ && alike(threads_[end]); ++end) {
    }
    if (++groups > kMaxGroups) {
      out << "; and more";
      break;
    }
    out << (groups == 1 ? " " : "; ") << (end - begin == 1 ? "thread " : "threads ")
        << text(t.index);
    if (end - begin > 1) out << " to " << text(threads_[end - 1].index);
    if (t.state == State::returned) {
      out << " returned";
      continue;
    }
    out << " at " << t.name << " " << text(t.where);
    if (t.state == State::meets) {
      out << " with mask 0x" << std::hex << t.mask << std::dec;
    }
  }
  return out.str();
}

}  // namespace chainline::emulator
