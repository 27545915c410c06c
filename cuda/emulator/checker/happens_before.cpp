#include "cuda/emulator/checker/happens_before.h"

#include <algorithm>
#include <utility>

namespace chainline::emulator {

void HappensBefore::grid_begins() {
  grid_began_ = ++now_;
  told_.clear();
}

void HappensBefore::block_begins(std::uint32_t block) {
  block_ = block;
  block_began_ = last_barrier_ = ++now_;
  for (auto& clocks : lanes_) clocks.fill(0);
  known_.fill(nullptr);
  fenced_.fill(nullptr);
  anybody_knows_ = false;
}

void HappensBefore::block_meets() {
  last_barrier_ = ++now_;
  if (!anybody_knows_) return;
  KnowledgePointer all;
  for (const KnowledgePointer& k : known_) all = both(all, k);
  known_.fill(all);
}

void HappensBefore::warp_meets(unsigned warp, unsigned lanes) {
  ++now_;
  std::array<Time, kLanes> clocks{};
  KnowledgePointer all;
  const auto each = [&](auto f) {
    for (unsigned l = 0; l < kLanes; ++l) {
      if ((lanes >> l & 1) != 0) f(l, warp * kLanes + l);
    }
  };
  each([&](unsigned lane, unsigned thread) {
    for (unsigned l = 0; l < kLanes; ++l) clocks[l] = std::max(clocks[l], lanes_[thread][l]);
    clocks[lane] = now_;
    all = both(all, known_[thread]);
  });
  // An earlier lane's row may hold more about a lane that took part than the loop kept: now_ is the
  // latest there is.
  each([&](unsigned lane, unsigned) { clocks[lane] = now_; });
  each([&](unsigned, unsigned thread) {
    lanes_[thread] = clocks;
    known_[thread] = all;
  });
}

void HappensBefore::fence(unsigned thread) {
  ++now_;
  Knowledge before;
  if (known_[thread]) before = *known_[thread];
  BlockClock& own = before[block_];
  own.everybody = std::max(own.everybody, last_barrier_);
  for (unsigned l = 0; l < kLanes; ++l) {
    const Time t = lanes_[thread][l];
    if (t > last_barrier_) {
      Time& kept = own.some[thread / kLanes * kLanes + l];
      kept = std::max(kept, t);
    }
  }
  own.some[thread] = now_;
  fenced_[thread] = std::make_shared<const Knowledge>(std::move(before));
}

void HappensBefore::atomic(unsigned thread, const void* address) {
  KnowledgePointer& told = told_[address];
  if (told) {
    known_[thread] = both(known_[thread], told);
    anybody_knows_ = true;
  }
  told = both(told, fenced_[thread]);
}

bool HappensBefore::orders(std::uint32_t block, unsigned thread, Time time, unsigned me) const {
  if (time < grid_began_) return true;
  if (block == block_) {
    if (thread == me || time < last_barrier_) return true;
    if (thread / kLanes == me / kLanes && time < lanes_[me][thread % kLanes]) return true;
  }
  if (!known_[me]) return false;
  const auto found = known_[me]->find(block);
  if (found == known_[me]->end()) return false;
  if (time < found->second.everybody) return true;
  const auto own = found->second.some.find(thread);
  return own != found->second.some.end() && time < own->second;
}

void HappensBefore::learn(Knowledge& known, const Knowledge& other) {
  for (const auto& [block, clock] : other) {
    BlockClock& mine = known[block];
    mine.everybody = std::max(mine.everybody, clock.everybody);
    for (const auto& [thread, time] : clock.some) {
      Time& kept = mine.some[thread];
      kept = std::max(kept, time);
    }
  }
}

HappensBefore::KnowledgePointer HappensBefore::both(const KnowledgePointer& a,
                                                    const KnowledgePointer& b) {
  if (!a || a == b) return b;
  if (!b) return a;
  Knowledge all = *a;
  learn(all, *b);
  return std::make_shared<const Knowledge>(std::move(all));
}

}  // namespace chainline::emulator
