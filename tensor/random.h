#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/philox.h"

namespace chainline {

class RandomSequence;

/// A stream of random numbers without a state: each number is a function of the seed, the stream's
/// name and a counter (epoch, sample, position). The order of drawing, the split of a batch and an
/// interruption therefore cannot show in the numbers.
///
///     key   = mix(mix(seed) ^ fnv1a(stream)),   64 bits, low word first
///     block = philox4x32({position low, position high, sample, epoch}, key)
///
/// fnv1a is the 64-bit FNV-1a hash of the name's bytes, mix(z) is one step of splitmix64 from the
/// state z. Mix is a bijection: two seeds never give one stream the same key.
///
/// Errors: ValueError for an empty stream name.
/// Bits: exact.
class Generator {
 public:
  explicit Generator(std::uint64_t seed, std::string_view stream);

  /// Four random words.
  PhiloxCounter block(std::uint32_t epoch, std::uint32_t sample, std::uint64_t position) const {
    return philox4x32({static_cast<std::uint32_t>(position),
                       static_cast<std::uint32_t>(position >> 32), sample, epoch},
                      key_);
  }

  /// A number of [0, 1) with 53 random bits, from the first two words of the block.
  double uniform(std::uint32_t epoch, std::uint32_t sample, std::uint64_t position) const;

  /// A cursor over the words of the blocks of (epoch, sample), from position 0.
  RandomSequence sequence(std::uint32_t epoch, std::uint32_t sample) const;

  /// What a kernel needs to draw the same blocks by itself.
  PhiloxKey key() const { return key_; }

 private:
  PhiloxKey key_;
};

/// Draws one after the other. Word number p of the sequence is word p % 4 of block p / 4;
/// position() is the number of the next word and all the state there is: seek(position()) resumes.
///
/// Bits: exact.
class RandomSequence {
 public:
  RandomSequence(const Generator& generator, std::uint32_t epoch, std::uint32_t sample)
      : generator_(generator), epoch_(epoch), sample_(sample) {}

  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) {
    position_ = position;
    if (position_ % 4 != 0) block_ = generator_.block(epoch_, sample_, position_ / 4);
  }

  /// 32 random bits; one word.
  std::uint32_t next_u32() {
    const std::uint64_t word = position_ % 4;
    if (word == 0) block_ = generator_.block(epoch_, sample_, position_ / 4);
    ++position_;
    return block_[word];
  }

  /// 64 random bits; two words, the low one first.
  std::uint64_t next_u64() {
    const std::uint64_t low = next_u32();
    return low | std::uint64_t{next_u32()} << 32;
  }

  /// A number of [0, 1), a multiple of 2^-53; two words.
  double uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

  /// A number of the standard normal distribution (Box and Muller); four words. The second number
  /// of the pair is not kept: the position stays all the state there is.
  ///
  ///     sqrt(-2 log(1 - u)) cos(2 pi v),   u, v uniform in [0, 1)
  ///
  /// Bits: exact, by the functions of math.h in f64.
  double normal();

  /// A number of [0, n), each equally likely; two words, and two more for every rejected draw
  /// (fewer than n in 2^64 are).
  ///
  /// Errors: ValueError for n = 0.
  std::uint64_t below(std::uint64_t n);

  /// Permutes the values, every order equally likely (Fisher-Yates from the end).
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      using std::swap;
      swap(values[i - 1], values[static_cast<std::size_t>(below(i))]);
    }
  }

 private:
  Generator generator_;
  std::uint32_t epoch_;
  std::uint32_t sample_;
  std::uint64_t position_ = 0;
  PhiloxCounter block_{};
};

/// The number of 32-bit words that stand for an event of this probability, round(2^32 probability):
/// the event happens when `word < threshold`. 64 bits wide, for a probability of 1 takes all words.
///
/// Errors: ValueError for a probability outside of [0, 1].
std::uint64_t probability_threshold(double probability);

}  // namespace chainline
