#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/host_device.h"

namespace chainline {

/// An array whose members device code may call (those of std::array are host functions).
template <int N>
struct PhiloxWords {
  std::uint32_t words[N];
  CHAINLINE_HOST_DEVICE constexpr std::uint32_t& operator[](std::size_t i) { return words[i]; }
  CHAINLINE_HOST_DEVICE constexpr std::uint32_t operator[](std::size_t i) const { return words[i]; }
  bool operator==(const PhiloxWords&) const = default;
};
using PhiloxCounter = PhiloxWords<4>;
using PhiloxKey = PhiloxWords<2>;

/// One round of Philox4x32: two 32 x 32 -> 64 bit products, whose halves are crossed over and mixed
/// with the key.
CHAINLINE_HOST_DEVICE constexpr PhiloxCounter philox_round(PhiloxCounter c, PhiloxKey key) {
  const std::uint64_t product0 = std::uint64_t{0xD2511F53} * c[0];
  const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * c[2];
  return {static_cast<std::uint32_t>(product1 >> 32) ^ c[1] ^ key[0],
          static_cast<std::uint32_t>(product1),
          static_cast<std::uint32_t>(product0 >> 32) ^ c[3] ^ key[1],
          static_cast<std::uint32_t>(product0)};
}

/// Philox4x32-10: a bijection of 128-bit counters for each 64-bit key, whose values pass as random.
///
/// Bits: integers only, so the same on every device.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
CHAINLINE_HOST_DEVICE constexpr PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    counter = philox_round(counter, key);
    key[0] += 0x9E3779B9u;  // the golden ratio
    key[1] += 0xBB67AE85u;  // sqrt(3) - 1
  }
  return counter;
}

}  // namespace chainline
