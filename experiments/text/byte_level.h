#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chainline::experiments {

/// How text is cut into words before any merge, as the regular expression of a Hugging Face `Split`
/// pre-tokenizer (behavior Isolated):
///
///     '(?:s|t|re|ve|m|ll|d) |  ?letters |  ?digits |  ?others | spaces not before a word | spaces
///
/// It is GPT-2's expression with plain classes: letters are A-Z, a-z and everything beyond ASCII,
/// digits 0-9, spaces the six of ASCII (tab to carriage return, blank), others the rest of ASCII.
/// So the cut needs no Unicode tables, holds for any bytes, and never falls inside a character of
/// valid UTF-8. GPT-2 itself would also cut between, say, "ü" and "—".
inline constexpr const char* kWordPattern = R"('(?:s|t|re|ve|m|ll|d))"
                                            R"(| ?[^\x00-@\[-\x60{-\x7F]+)"
                                            R"(| ?[0-9]+)"
                                            R"(| ?[\x00-\x08\x0E-\x1F!-/:-@\[-\x60{-\x7F]+)"
                                            R"(|[\t-\r ]+(?![^\t-\r ])|[\t-\r ]+)";

/// The words of a text by kWordPattern, in order; together they are the text.
std::vector<std::string_view> split_words(std::string_view text);

/// GPT-2's alphabet, in which every byte is one printable character: a printable byte of Latin-1 is
/// itself, the other 68 are U+0100, U+0101, ... in ascending order (the blank is "Ġ").
std::string to_byte_alphabet(std::string_view bytes);

/// The bytes that to_byte_alphabet wrote so; nothing when the text leaves the alphabet.
std::optional<std::string> from_byte_alphabet(std::string_view text);

/// The 256 bytes in the order of their characters in the alphabet: how a vocabulary begins.
const std::vector<unsigned char>& byte_alphabet_order();

}  // namespace chainline::experiments
