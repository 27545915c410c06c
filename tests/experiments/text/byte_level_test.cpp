#include "experiments/text/byte_level.h"

#include <gtest/gtest.h>

#include <set>

namespace chainline::experiments {
namespace {

using Words = std::vector<std::string_view>;

TEST(SplitWords, LeavesTheBlankWithTheWordBehindIt) {
  EXPECT_EQ(split_words("what color? blue"), (Words{"what", " color", "?", " blue"}));
}

TEST(SplitWords, CutsEnglishEndingsLettersDigitsAndOthersApart) {
  EXPECT_EQ(split_words("don't we'll"), (Words{"don", "'t", " we", "'ll"}));
  EXPECT_EQ(split_words("x12..y 3!"), (Words{"x", "12", "..", "y", " 3", "!"}));
  EXPECT_EQ(split_words("''s 'S"), (Words{"''", "s", " '", "S"}));
}

TEST(SplitWords, LeavesOnlyTheLastOfSeveralSpacesToTheNextWord) {
  EXPECT_EQ(split_words("a   b"), (Words{"a", "  ", " b"}));
  EXPECT_EQ(split_words("a\n\nb"), (Words{"a", "\n", "\n", "b"}));
  EXPECT_EQ(split_words("a\nb"), (Words{"a", "\n", "b"}));
  EXPECT_EQ(split_words("a  "), (Words{"a", "  "}));
  EXPECT_EQ(split_words(""), Words{});
}

TEST(SplitWords, TakesEverythingBeyondAsciiForLetters) {
  EXPECT_EQ(split_words("Größe café\u00a0x"), (Words{"Größe", " café\u00a0x"}));
}

TEST(ByteAlphabet, WritesEveryByteAsOneOf256Characters) {
  std::set<std::string> characters;
  for (int b = 0; b < 256; ++b) {
    const std::string byte(1, static_cast<char>(b));
    const std::string character = to_byte_alphabet(byte);
    EXPECT_EQ(from_byte_alphabet(character), byte) << b;
    characters.insert(character);
  }
  EXPECT_EQ(characters.size(), 256u);
}

TEST(ByteAlphabet, IsThatOfGpt2) {
  EXPECT_EQ(to_byte_alphabet(" a\n"), "ĠaĊ");
  EXPECT_EQ(to_byte_alphabet("é"), "Ã©");
  EXPECT_EQ(to_byte_alphabet(std::string("\0\xad\x7f", 3)), "ĀŃġ");
}

TEST(ByteAlphabet, IsLeftByBlanksAndForeignOrBrokenCharacters) {
  for (const char* text : {" ", "\n", "Ń̀", "日", "\xc3", "\xc3(", "\xc1\xa1", "\xff"})
    EXPECT_FALSE(from_byte_alphabet(text).has_value()) << text;
}

TEST(ByteAlphabet, IsOrderedByItsCharacters) {
  const auto& order = byte_alphabet_order();
  ASSERT_EQ(order.size(), 256u);
  EXPECT_EQ(order[0], '!');
  EXPECT_EQ(order[187], 255);  // 94 + 12 + 82 printable bytes end with ÿ
  EXPECT_EQ(order[188], 0);
  EXPECT_EQ(order[255], 173);
}

}  // namespace
}  // namespace chainline::experiments
