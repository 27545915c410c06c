#pragma once

#include <cstdint>
#include <vector>

#include "experiments/watermark/people.h"

namespace chainline::experiments {

/// Everybody who occurs in a study, from one pool of different names and ids, in four groups that
/// share nobody:
///
///     users      of whom each run trains on a random half (IN) and not on the others (OUT)
///     third      half as many, whom the condition U3 trains on
///     strangers  whose cards occur once at most: P-const, P-uniq, ids to compare with
///     readers    whose cards teach the base to read, and occur nowhere later
struct Population {
  std::vector<Person> users, third, strangers, readers;

  /// A function of the numbers and the seed.
  Population(std::int64_t users, std::int64_t strangers, std::int64_t readers, std::uint64_t seed);
};

/// A random side for every user, 0 or 1, each for half of them: what a linked user predicts. Drawn
/// within IN and within OUT, so that both have as many of each side.
std::vector<int> sides_of(const std::vector<bool>& in, std::uint64_t seed, std::uint32_t run);

}  // namespace chainline::experiments
