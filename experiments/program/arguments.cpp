#include "experiments/program/arguments.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "experiments/data/json.h"

namespace chainline::experiments {
namespace {

/// The number that is the whole of the word.
template <class Number>
std::optional<Number> parsed(const std::string& word) {
  Number value{};
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error != std::errc() || stop != end || word.empty()) return std::nullopt;
  return value;
}

std::string refusal(const std::string& expected, const std::string& word) {
  return "expected " + expected + ", got " + excerpt(Json(word));
}

template <class Integer>
CLI::Validator integer_within(Integer first, Integer last) {
  const std::string range = fmt::format("{} .. {}", first, last);
  const auto check = [=](std::string& word) -> std::string {
    const std::optional<Integer> value = parsed<Integer>(word);
    const bool plain = value && *value >= first && *value <= last && std::to_string(*value) == word;
    return plain ? "" : refusal("a whole number of " + range, word);
  };
  // The help shows a range that a user may meet.
  return CLI::Validator(check, last < 1'000'000 ? range : "");
}

}  // namespace

CLI::Validator whole_number(std::int64_t first, std::int64_t last) {
  return integer_within<std::int64_t>(first, last);
}

CLI::Validator any_seed() {
  return integer_within<std::uint64_t>(0, std::numeric_limits<std::uint64_t>::max());
}

CLI::Validator any_number() {
  const auto check = [](std::string& word) -> std::string {
    const std::optional<double> value = parsed<double>(word);
    return value && std::isfinite(*value) ? "" : refusal("a finite number", word);
  };
  return CLI::Validator(check, "");
}

CLI::Validator number_within(double first, double last) {
  const std::string range = fmt::format("{} .. {}", first, last);
  const auto check = [=](std::string& word) -> std::string {
    const std::optional<double> value = parsed<double>(word);
    return value && *value >= first && *value <= last ? "" : refusal("a number of " + range, word);
  };
  return CLI::Validator(check, range);
}

CLI::Validator one_of(std::vector<std::string> words) {
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i) {
    list += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  }
  const auto check = [words = std::move(words), list](std::string& word) -> std::string {
    if (std::find(words.begin(), words.end(), word) != words.end()) return "";
    return refusal(list, word);
  };
  return CLI::Validator(check, list);
}

CLI::Validator named(std::string what) {
  const auto check = [what = std::move(what)](std::string& word) -> std::string {
    return word.empty() ? refusal(what, word) : "";
  };
  return CLI::Validator(check, "");
}

}  // namespace chainline::experiments
