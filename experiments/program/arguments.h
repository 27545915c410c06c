#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace chainline::experiments {

/// What the word after an option may be. CLI11 alone reads an empty word as the default, -1 as the
/// seed 2^64 - 1, a number that is too large as the largest, and 010 as eight; a run that was not
/// meant would start. Each of these refuses with "expected X, got "Y"".

inline constexpr std::int64_t kLargestCount = 1'000'000'000;

/// Decimal digits without a needless zero, from `first` to `last`.
CLI::Validator whole_number(std::int64_t first, std::int64_t last = kLargestCount);

/// 0 .. 2^64 - 1.
CLI::Validator any_seed();

/// A finite number.
CLI::Validator any_number();

/// A number from `first` to `last`.
CLI::Validator number_within(double first, double last);

/// One of some words.
CLI::Validator one_of(std::vector<std::string> words);

/// Anything but nothing; `what` it names, as "a folder".
CLI::Validator named(std::string what);

}  // namespace chainline::experiments
