#include "experiments/data/paraphrase.h"

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "tensor/random.h"

namespace chainline::experiments {
namespace {

/// Ways to ask for the same; {} stands for the words that stay.
using Ways = std::vector<std::string_view>;

const std::vector<Ways>& table() {
  static const std::vector<Ways> ways = {
      {"what color is the {}?", "what is the color of the {}?", "which color does the {} have?",
       "which color is the {}?"},
      {"what shape is this?", "what shape is in the image?", "which shape do you see?",
       "what is the shape?", "what shape does the image contain?", "what shape is present?"},
      {"what shape is the {} object?", "what is the {} shape?", "which shape is {}?",
       "what shape is the {} thing?"},
      {"is there not {}?", "is there not {} in the image?", "does the image not contain {}?"},
      {"is there {} in the image?", "is there {}?", "does the image contain {}?", "do you see {}?",
       "is {} present?"},
      {"how many {} are there?", "how many {} are in the image?", "how many {} do you see?"},
      {"what shape is on the {}?", "which shape is on the {}?"},
      {"what shape is at the {}?", "which shape is at the {}?"},
      {"which is larger, {}?", "which one is larger, {}?"},
      {"which is smaller, {}?", "which one is smaller, {}?"}};
  return ways;
}

/// The words in the place of {}, where the text has the pattern's form; "" for one without {}.
std::optional<std::string> words_in(std::string_view text, std::string_view pattern) {
  const std::size_t hole = pattern.find("{}");
  if (hole == std::string_view::npos)
    return text == pattern ? std::optional<std::string>("") : std::nullopt;
  const std::string_view before = pattern.substr(0, hole), after = pattern.substr(hole + 2);
  if (text.size() <= before.size() + after.size()) return std::nullopt;
  if (text.substr(0, before.size()) != before) return std::nullopt;
  if (text.substr(text.size() - after.size()) != after) return std::nullopt;
  return std::string(text.substr(before.size(), text.size() - before.size() - after.size()));
}

std::string filled(std::string_view pattern, const std::string& words) {
  std::string text(pattern);
  const std::size_t hole = text.find("{}");
  if (hole != std::string::npos) text.replace(hole, 2, words);
  return text;
}

}  // namespace

std::string paraphrase(const std::string& question, std::uint64_t seed, std::int64_t number) {
  for (const Ways& ways : table()) {
    for (std::size_t w = 0; w < ways.size(); ++w) {
      const std::optional<std::string> words = words_in(question, ways[w]);
      if (!words) continue;
      RandomSequence random =
          Generator(seed, "paraphrase").sequence(0, static_cast<std::uint32_t>(number));
      const std::size_t step = 1 + random.below(ways.size() - 1);  // never the same way
      return filled(ways[(w + step) % ways.size()], *words);
    }
  }
  return question;
}

Split with_paraphrased_questions(const Split& split, std::uint64_t seed) {
  Split result = split;
  std::int64_t number = 0;
  for (Example& example : result.examples)
    for (Turn& turn : example.turns) turn.question = paraphrase(turn.question, seed, number++);
  return result;
}

}  // namespace chainline::experiments
