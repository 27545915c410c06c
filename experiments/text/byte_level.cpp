#include "experiments/text/byte_level.h"

#include <algorithm>
#include <array>

namespace chainline::experiments {
namespace {

enum class Class { kSpace, kLetter, kDigit, kOther };

Class class_of(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte == ' ' || (byte >= '\t' && byte <= '\r')) return Class::kSpace;
  if (byte >= '0' && byte <= '9') return Class::kDigit;
  if ((byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte >= 0x80)
    return Class::kLetter;
  return Class::kOther;
}

/// Length of the English ending at the start of the text ('s, 'll ...), 0 if there is none.
std::size_t ending(std::string_view text) {
  for (const std::string_view known : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.substr(0, known.size()) == known) return known.size();
  return 0;
}

std::size_t run_end(std::string_view text, std::size_t begin) {
  const Class wanted = class_of(text[begin]);
  std::size_t end = begin + 1;
  while (end < text.size() && class_of(text[end]) == wanted) ++end;
  return end;
}

std::size_t word_end(std::string_view text, std::size_t begin) {
  if (const std::size_t length = ending(text.substr(begin))) return begin + length;
  const std::size_t first = text[begin] == ' ' ? begin + 1 : begin;
  if (first < text.size() && class_of(text[first]) != Class::kSpace) return run_end(text, first);
  const std::size_t end = run_end(text, begin);
  // The last space before a word is left to it, unless it is the only one.
  return end < text.size() && end - begin > 1 ? end - 1 : end;
}

struct Alphabet {
  std::array<unsigned, 256> character;
  std::vector<unsigned char> order;
  std::array<int, 512> byte;

  Alphabet() {
    byte.fill(-1);
    unsigned next = 256;
    for (unsigned b = 0; b < 256; ++b) {
      const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      character[b] = printable ? b : next++;
      byte[character[b]] = static_cast<int>(b);
      order.push_back(static_cast<unsigned char>(b));
    }
    std::sort(order.begin(), order.end(),
              [this](unsigned a, unsigned b) { return character[a] < character[b]; });
  }
};

const Alphabet& alphabet() {
  static const Alphabet table;
  return table;
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = word_end(text, begin);
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const unsigned character = alphabet().character[static_cast<unsigned char>(c)];
    if (character < 0x80) {
      text += static_cast<char>(character);
    } else {  // every character of the alphabet is below U+0800: two bytes of UTF-8
      text += static_cast<char>(0xC0 | character >> 6);
      text += static_cast<char>(0x80 | (character & 0x3F));
    }
  }
  return text;
}

std::optional<std::string> from_byte_alphabet(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned character = static_cast<unsigned char>(text[i]);
    if (character >= 0x80) {
      if ((character & 0xE0) != 0xC0 || i + 1 == text.size()) return std::nullopt;
      const unsigned low = static_cast<unsigned char>(text[++i]);
      if ((low & 0xC0) != 0x80) return std::nullopt;
      character = (character & 0x1F) << 6 | (low & 0x3F);
      if (character < 0x80) return std::nullopt;  // overlong
    }
    if (character >= alphabet().byte.size() || alphabet().byte[character] < 0) return std::nullopt;
    bytes += static_cast<char>(alphabet().byte[character]);
  }
  return bytes;
}

const std::vector<unsigned char>& byte_alphabet_order() { return alphabet().order; }

}  // namespace chainline::experiments
