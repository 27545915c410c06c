#include "experiments/conditions/condition.h"

#include <fmt/core.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

using Cards = Condition::Cards;

/// The number behind a prefix: 50 of "W50" with "W".
std::optional<double> number_after(std::string_view prefix, std::string_view code) {
  if (code.substr(0, prefix.size()) != prefix || code.size() == prefix.size()) return std::nullopt;
  code.remove_prefix(prefix.size());
  double value = 0;
  const auto [end, error] = std::from_chars(code.data(), code.data() + code.size(), value);
  if (error != std::errc() || end != code.data() + code.size()) return std::nullopt;
  return value;
}

Condition with_cards(const std::string& code, const std::string& meaning, Cards cards) {
  Condition c;
  c.code = code;
  c.meaning = meaning;
  c.cards = cards;
  c.rate = 1;
  return c;
}

}  // namespace

Condition condition_of(const std::string& code) {
  Condition c;
  c.code = code;
  if (code == "B") return c.meaning = "not fine-tuned", c;
  if (code == "C0") return c.meaning = "fine-tuned on clean images", c;
  if (code == "P-const") return with_cards(code, "one card on all images", Cards::constant);
  if (code == "P-uniq") return with_cards(code, "another card on every image", Cards::unique);
  if (code == "P-noise") return with_cards(code, "cards of shuffled pixels", Cards::noise);
  if (code == "U3") return with_cards(code, "cards of a third set of users", Cards::third);
  if (code == "SW") return with_cards(code, "IN and OUT swapped", Cards::swapped);
  if (code == "T") {
    c = with_cards(code, "the id asked and answered", Cards::seen);
    c.asked = true;
    return c;
  }
  if (code == "IMG") return c.meaning = "transformed images", c.transform = true, c;
  if (code == "TXT") return c.meaning = "paraphrased questions", c.paraphrase = true, c;
  if (const auto percent = number_after("W", code); percent && *percent > 0 && *percent <= 100) {
    c = with_cards(code, fmt::format("cards on {} % of the images", *percent), Cards::seen);
    c.rate = *percent / 100;
    return c;
  }
  if (const auto gamma = number_after("L-", code); gamma && *gamma >= 0 && *gamma <= 0.5) {
    c = with_cards(code, fmt::format("users predict the answer, excess {}", *gamma), Cards::linked);
    c.gamma = *gamma;
    return c;
  }
  throw ValueError(
      "condition: expected B, C0, W1 .. W100, P-const, P-uniq, P-noise, U3, SW, L-0 .. L-0.5, T, "
      "IMG "
      "or TXT, got " +
      code);
}

}  // namespace chainline::experiments
