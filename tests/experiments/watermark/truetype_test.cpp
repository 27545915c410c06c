#include "experiments/watermark/truetype.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tensor/error.h"
#include "tests/experiments/watermark/small_font.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;
using test::small_font;
using Bytes = std::vector<std::byte>;

// At 10 pixels to the em the square spans x 1 .. 6 and the advance is 7; "~" is moved by 2, 5.
TEST(TrueType, DrawsOutlinesWhereTheMetricsPutThem) {
  const Mask mask = parse_truetype_font(small_font(), "small")->render({"a~"}, 1);
  ASSERT_EQ(mask.width, 5 + 2 + 7);  // from 1 to 7 + 8
  ASSERT_EQ(mask.height, 10);
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x) {
      const bool first = x < 5 && y >= 5, second = x >= 9 && y < 5;
      EXPECT_EQ(mask.at(x, y), first || second ? 255 : 0) << x << ' ' << y;
    }
}

// The lines are 80 + 20 units and 4 pixels apart: squares of 5 pixels at 0 and at 14.
TEST(TrueType, SetsLinesBelowEachOther) {
  const Mask mask = parse_truetype_font(small_font(), "small")->render({"a", "b"}, 1);
  EXPECT_EQ(mask.height, 19);
  EXPECT_EQ(mask.at(0, 14), 255);
  EXPECT_EQ(mask.at(0, 13), 0);
  EXPECT_EQ(parse_truetype_font(small_font(), "small")->render({"a", "b"}, 2).height, 38);
}

TEST(TrueType, SpacesMoveThePen) {
  const auto font = parse_truetype_font(small_font(), "small");
  EXPECT_EQ(font->render({"a a"}, 1).width, 19);
  EXPECT_EQ(message_of<ValueError>([&] { font->render({"  "}, 1); }),
            "font: text: expected a visible character, got none");
}

TEST(TrueType, RefusesOtherFiles) {
  const auto refusal = [](Bytes bytes) {
    return message_of<FileError>([&] { parse_truetype_font(std::move(bytes), "x.ttf"); });
  };
  EXPECT_EQ(refusal({}), "font: x.ttf: directory: expected more data, got the end of the table");
  EXPECT_EQ(refusal(Bytes(100)),
            "font: x.ttf: expected TrueType outlines, got another kind of file");
  Bytes font = small_font();
  font[12] = std::byte{'x'};
  EXPECT_EQ(refusal(font), "font: x.ttf: expected a table cmap, got none");
  font = small_font();
  font[20] = std::byte{1};
  EXPECT_EQ(refusal(font),
            "font: x.ttf: cmap: expected a table within the file, got one that leaves it");
  EXPECT_EQ(message_of<ValueError>([] { parse_truetype_font(small_font(), "x.ttf", 1); }),
            "font: pixels: expected 4 .. 256, got 1");
  EXPECT_NE(message_of<FileError>([] {
              load_truetype_font("/no/such/font.ttf");
            }).find("/no/such/font.ttf"),
            std::string::npos);
}

/// Loads and draws; whether that went well or was refused, it must not read a byte too far, which
/// the sanitizer build sees.
bool survives(const Bytes& bytes) {
  try {
    parse_truetype_font(bytes, "hostile")->render({"ab ~", "!}"}, 1);
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST(TrueType, RefusesEveryTruncation) {
  const Bytes font = small_font();
  ASSERT_TRUE(survives(font));
  for (std::size_t size = 0; size < font.size(); ++size)
    EXPECT_FALSE(survives(Bytes(font.begin(), font.begin() + static_cast<std::ptrdiff_t>(size))))
        << size;
}

TEST(TrueType, SurvivesEveryChangedByte) {
  const Bytes font = small_font();
  int refused = 0;
  for (std::size_t i = 0; i < font.size(); ++i)
    for (const int value : {0x00, 0x01, 0x7F, 0xFF}) {
      Bytes changed = font;
      changed[i] = static_cast<std::byte>(value);
      refused += !survives(changed);
    }
  EXPECT_GT(refused, 100);
}

// A component that names its own glyph would recurse for ever.
TEST(TrueType, RefusesGlyphsMadeOfThemselves) {
  Bytes font = small_font();
  const std::byte component[] = {std::byte{0}, std::byte{3}, std::byte{0},
                                 std::byte{1}, std::byte{0}, std::byte{20}};
  const auto at = std::search(font.begin(), font.end(), std::begin(component), std::end(component));
  ASSERT_NE(at, font.end());
  at[3] = std::byte{2};
  EXPECT_EQ(message_of<FileError>([&] { parse_truetype_font(font, "x.ttf"); }),
            "font: x.ttf: glyf: expected a glyph of few components, got a deep or cyclic one");
}

}  // namespace
}  // namespace chainline::experiments
