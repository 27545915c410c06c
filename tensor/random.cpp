#include "tensor/random.h"

#include <cmath>
#include <numbers>

#include "tensor/error.h"
#include "tensor/math.h"

namespace chainline {
namespace {

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001B3u;
  }
  return hash;
}

/// One step of splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

Generator::Generator(std::uint64_t seed, std::string_view stream) {
  check<ValueError>(!stream.empty(), "Generator: stream: expected a name, got an empty one");
  const std::uint64_t key = mix(mix(seed) ^ fnv1a(stream));
  key_ = {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
}

double Generator::uniform(std::uint32_t epoch, std::uint32_t sample, std::uint64_t position) const {
  const auto words = block(epoch, sample, position);
  const std::uint64_t bits = words[0] | std::uint64_t{words[1]} << 32;
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

RandomSequence Generator::sequence(std::uint32_t epoch, std::uint32_t sample) const {
  return RandomSequence(*this, epoch, sample);
}

double RandomSequence::normal() {
  const double u = uniform();
  const double v = uniform();
  return std::sqrt(-2 * math::log(1 - u)) * math::cos(2 * std::numbers::pi * v);
}

std::uint64_t RandomSequence::below(std::uint64_t n) {
  check<ValueError>(n > 0, "RandomSequence::below: n: expected at least 1, got 0");
  // The first 2^64 mod n values would make the small remainders too likely.
  const std::uint64_t rejected = (0 - n) % n;
  std::uint64_t draw = next_u64();
  while (draw < rejected) draw = next_u64();
  return draw % n;
}

std::uint64_t probability_threshold(double probability) {
  check<ValueError>(probability >= 0 && probability <= 1,
                    "probability_threshold: probability: expected a number of [0, 1], got ",
                    probability);
  return static_cast<std::uint64_t>(probability * 0x1p32 + 0.5);
}

}  // namespace chainline
