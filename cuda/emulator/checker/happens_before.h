#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cuda/emulator/block.h"

namespace chainline::emulator {

/// Ticks of one clock for the whole program, which advances whenever somebody synchronizes. As
/// blocks run one after another, it also tells blocks and launches apart.
using Time = std::uint32_t;

/// Answers whether an access of another thread comes before what the running thread does now in
/// every order that the hardware may choose. Nothing but these orders accesses of two threads:
///
///   - launches: what an earlier one did is done,
///   - a barrier of the block,
///   - __syncwarp, for the lanes that took part,
///   - a fence and then an atomic of the one, and an atomic on the same address by the other,
///   - chains of these.
///
/// Shuffles and votes don't; nor do atomics without a fence.
class HappensBefore {
 public:
  Time now() const { return now_; }
  Time grid_began() const { return grid_began_; }
  Time block_began() const { return block_began_; }

  void grid_begins();
  void block_begins(std::uint32_t block);
  void block_meets();
  void warp_meets(unsigned warp, unsigned lanes);
  void fence(unsigned thread);
  void atomic(unsigned thread, const void* address);

  /// Whether an access at `time` by `thread` of `block` comes before what `me` of the running block
  /// does now.
  bool orders(std::uint32_t block, unsigned thread, Time time, unsigned me) const;

 private:
  /// Up to when (exclusively) the accesses of a block's threads are known.
  struct BlockClock {
    Time everybody = 0;
    std::map<unsigned, Time> some;
  };
  /// What a thread learned through atomics, by block. Most threads know nothing and have none.
  using Knowledge = std::map<std::uint32_t, BlockClock>;
  using KnowledgePointer = std::shared_ptr<const Knowledge>;

  static void learn(Knowledge& known, const Knowledge& other);
  static KnowledgePointer both(const KnowledgePointer& a, const KnowledgePointer& b);

  Time now_ = 1, grid_began_ = 1, block_began_ = 1, last_barrier_ = 1;
  std::uint32_t block_ = 0;
  /// lanes_[t][l]: up to when the accesses of lane l of t's warp come before t.
  std::array<std::array<Time, kLanes>, kMaxThreads> lanes_{};
  std::array<KnowledgePointer, kMaxThreads> known_;
  std::array<KnowledgePointer, kMaxThreads> fenced_;  // what a thread's next atomic tells others
  bool anybody_knows_ = false;
  std::unordered_map<const void*, KnowledgePointer> told_;  // by the atomics on an address
};

}  // namespace chainline::emulator
