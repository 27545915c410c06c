#include "experiments/watermark/truetype.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;
using Bytes = std::vector<std::byte>;

void put(Bytes& bytes, std::uint32_t value, int size) {
  for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void put16(Bytes& bytes, std::initializer_list<int> values) {
  for (const int value : values) put(bytes, static_cast<std::uint32_t>(value), 2);
}

/// A font of four glyphs at 100 units to the em: 0 nothing, 1 a square from (10, 0) to (60, 50), 2
/// the square moved by (20, 50) as a component, 3 empty. Space has 3, "~" has 2, all others have 1.
Bytes small_font() {
  Bytes head, hhea, maxp, hmtx, cmap, loca, glyf;
  head.resize(18);
  put16(head, {100});
  head.resize(50);
  put16(head, {0, 0});  // short locations
  hhea.resize(4);
  put16(hhea, {80, -20});
  hhea.resize(34);
  put16(hhea, {1});  // one advance for all
  put(maxp, 0x00010000, 4);
  put16(maxp, {4});
  put16(hmtx, {70, 10, 10, 30, 0});
  put16(cmap, {0, 1, 3, 1, 0, 12});
  put16(cmap, {4, 48, 0, 8, 8, 2, 0, ' ', '}', '~', 0xFFFF, 0, ' ', '!', '~', 0xFFFF});
  put16(cmap, {3 - ' ', 0, 2 - '~', 1, 0, 6, 0, 0});  // "!" .. "}" read the list that follows
  for (char c = '!'; c <= '}'; ++c) put16(cmap, {1});
  put16(glyf, {1, 10, 0, 60, 50, 3, 0});
  for (int i = 0; i < 4; ++i) glyf.push_back(std::byte{1});  // four points on the curve
  put16(glyf, {10, 0, 50, 0, 0, 50, 0, -50});
  const int square = static_cast<int>(glyf.size());
  put16(glyf, {-1, 30, 50, 80, 100, 3, 1, 20, 50});
  const int both = static_cast<int>(glyf.size());
  put16(loca, {0, 0, square / 2, both / 2, both / 2});
  Bytes font;
  put(font, 0x00010000, 4);
  put16(font, {7, 0, 0, 0});
  const std::pair<const char*, const Bytes*> tables[] = {
      {"cmap", &cmap}, {"glyf", &glyf}, {"head", &head}, {"hhea", &hhea},
      {"hmtx", &hmtx}, {"loca", &loca}, {"maxp", &maxp}};
  std::uint32_t offset = 12 + 16 * 7;
  for (const auto& table : tables) {
    for (int i = 0; i < 4; ++i) font.push_back(static_cast<std::byte>(table.first[i]));
    put(font, 0, 4);
    put(font, offset, 4);
    put(font, static_cast<std::uint32_t>(table.second->size()), 4);
    offset += static_cast<std::uint32_t>(table.second->size());
  }
  for (const auto& table : tables)
    font.insert(font.end(), table.second->begin(), table.second->end());
  return font;
}

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
