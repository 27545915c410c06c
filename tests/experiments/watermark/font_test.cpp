#include "experiments/watermark/font.h"

#include <gtest/gtest.h>

#include <set>

#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;

std::string picture(const Mask& mask) {
  std::string text;
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x)
      text += mask.at(x, y) == 255 ? '#' : mask.at(x, y) == 0 ? '.' : '+';
    text += '\n';
  }
  return text;
}

TEST(BitmapFont, DrawsLettersOfFiveBySeven) {
  EXPECT_EQ(picture(bitmap_font()->render({"A1"}, 1)),
            "..#.....#..\n"
            ".#.#...##..\n"
            "#...#.#.#..\n"
            "#...#...#..\n"
            "#####...#..\n"
            "#...#...#..\n"
            "#...#.#####\n");
}

// The last band of the drawing is shorter than the others.
TEST(BitmapFont, FindsTheGlyphsOfTheLastBand) {
  EXPECT_EQ(picture(bitmap_font()->render({"p~"}, 1)),
            "...........\n"
            "...........\n"
            "#.##...#...\n"
            "##..#.#.#.#\n"
            "####.....#.\n"
            "#..........\n"
            "#..........\n");
}

TEST(BitmapFont, FitsNameAndIdInto59By15Pixels) {
  const Mask mask = bitmap_font()->render({"abcdefghij", "0123456789"}, 1);
  EXPECT_EQ(mask.width, 59);
  EXPECT_EQ(mask.height, 15);
  for (int x = 0; x < mask.width; ++x) EXPECT_EQ(mask.at(x, 7), 0) << "gap between the lines";
}

TEST(BitmapFont, DrawsNoTwoCharactersAlike) {
  std::set<std::string> glyphs;
  for (char c = ' '; c <= '~'; ++c)
    glyphs.insert(picture(bitmap_font()->render({std::string(1, c)}, 1)));
  EXPECT_EQ(glyphs.size(), 95u);
}

TEST(BitmapFont, RepeatsPixelsAtWholeScales) {
  const Mask once = bitmap_font()->render({"Rq"}, 1), thrice = bitmap_font()->render({"Rq"}, 3);
  ASSERT_EQ(thrice.width, 3 * once.width);
  ASSERT_EQ(thrice.height, 3 * once.height);
  for (int y = 0; y < thrice.height; ++y)
    for (int x = 0; x < thrice.width; ++x) EXPECT_EQ(thrice.at(x, y), once.at(x / 3, y / 3));
}

// Half of "-" (5 x 7, row 3 is .###.): columns 2i and 2i+1 of rows 2 and 3 hold 1, 2 and 0 covered
// pixels of 4, the last column half a pixel more than there is.
TEST(BitmapFont, AveragesAreasAtHalfScale) {
  const Mask half = bitmap_font()->render({"-"}, 0.5);
  ASSERT_EQ(half.width, 3);
  ASSERT_EQ(half.height, 4);
  EXPECT_EQ(half.at(0, 1), 64);   // 255 / 4 = 63.75
  EXPECT_EQ(half.at(1, 1), 128);  // 255 / 2 = 127.5, to the larger
  EXPECT_EQ(half.at(2, 1), 0);
  EXPECT_EQ(half.at(1, 0), 0);
}

TEST(BitmapFont, RefusesWhatItCannotDraw) {
  const auto refusal = [](const std::vector<std::string>& lines, double scale) {
    return message_of<ValueError>([&] { bitmap_font()->render(lines, scale); });
  };
  EXPECT_EQ(refusal({}, 1), "font: text: expected at least one line, got none");
  EXPECT_EQ(refusal({"a", ""}, 1), "font: text: expected characters in every line, got none");
  EXPECT_EQ(refusal({"na\xc3\xafve"}, 1), "font: text: expected printable ASCII, got byte 195");
  EXPECT_EQ(refusal({"a\n"}, 1), "font: text: expected printable ASCII, got byte 10");
  EXPECT_EQ(refusal({"a"}, 0), "font: scale: expected 1/4 .. 16, got 0");
  EXPECT_EQ(refusal({std::string(2730, 'a')}, 1),
            "font: text: expected a mask of at most 16384 pixels a side, got 1 lines of up to 2730 "
            "characters");
}

}  // namespace
}  // namespace chainline::experiments
