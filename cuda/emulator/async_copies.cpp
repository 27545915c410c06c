#include "cuda/emulator/async_copies.h"

#include <cstring>

#include "cuda/emulator/observer.h"

namespace chainline::emulator {

void AsyncCopies::issue(void* shared, const void* global, std::size_t bytes, std::size_t zeros,
                        const void* return_address) {
  if (Observer* o = observer()) o->copy_begins(shared, bytes + zeros, return_address);
  copies_.push_back({shared, global, bytes, zeros, return_address});
}

void AsyncCopies::wait(std::size_t pending) {
  if (ends_.size() <= pending) return;
  const std::size_t groups = ends_.size() - pending;
  const std::size_t done = ends_[groups - 1];
  carry_out(done);
  ends_.erase(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(groups));
  for (std::size_t& end : ends_) end -= done;
}

void AsyncCopies::finish() {
  if (!copies_.empty()) carry_out(copies_.size());
  ends_.clear();
}

void AsyncCopies::clear() {
  copies_.clear();
  ends_.clear();
}

void AsyncCopies::carry_out(std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const Copy& c = copies_[i];
    std::memcpy(c.shared, c.global, c.bytes);
    std::memset(static_cast<std::byte*>(c.shared) + c.bytes, 0, c.zeros);
    if (Observer* o = observer()) o->copied(c.shared, c.global, c.bytes, c.zeros, c.return_address);
  }
  copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(n));
}

}  // namespace chainline::emulator
