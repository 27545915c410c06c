#include "experiments/watermark/font.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "tensor/error.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

constexpr int kGlyphWidth = 5, kGlyphHeight = 7, kGap = 1;
constexpr int kMaxSide = 16384;
constexpr char kFirst = ' ', kLast = '~';

/// The glyphs from space to ~, sixteen to a band. A glyph is 5 columns and 7 rows; a column parts
/// glyphs and an empty line parts bands.
constexpr std::string_view kGlyphs = R"(
..... ..#.. .#.#. .#.#. ..#.. ##..# .##.. ..#.. ...#. .#... ..... ..... ..... ..... ..... ....#
..... ..#.. .#.#. .#.#. .#### ##..# #..#. ..#.. ..#.. ..#.. ..#.. ..#.. ..... ..... ..... ....#
..... ..#.. .#.#. ##### #.#.. ...#. #.#.. .#... .#... ...#. #.#.# ..#.. ..... ..... ..... ...#.
..... ..#.. ..... .#.#. .###. ..#.. .#... ..... .#... ...#. .###. ##### ..... .###. ..... ..#..
..... ..#.. ..... ##### ..#.# .#... #.#.# ..... .#... ...#. #.#.# ..#.. ..##. ..... ..... .#...
..... ..... ..... .#.#. ####. #..## #..#. ..... ..#.. ..#.. ..#.. ..#.. ..#.. ..... .##.. #....
..... ..#.. ..... .#.#. ..#.. #..## .##.# ..... ...#. .#... ..... ..... .#... ..... .##.. #....

.###. ..#.. .###. .###. ...#. ##### ..##. ##### .###. .###. ..... ..... ....# ..... #.... .###.
#...# .##.. #...# #...# ..##. #.... .#... ....# #...# #...# .##.. .##.. ...#. ..... .#... #...#
#..## #.#.. ....# ....# .#.#. ####. #.... ...#. #...# #...# .##.. .##.. ..#.. ##### ..#.. ....#
#.#.# ..#.. ..##. ..##. #..#. ....# ####. ..#.. .###. .#### ..... ..... .#... ..... ...#. ...#.
##..# ..#.. .#... ....# ##### ....# #...# ..#.. #...# ....# .##.. .##.. ..#.. ##### ..#.. ..#..
#...# ..#.. #.... #...# ...#. #...# #...# ..#.. #...# ...#. .##.. ..#.. ...#. ..... .#... .....
.###. ##### ##### .###. ...#. .###. .###. ..#.. .###. .##.. ..... .#... ....# ..... #.... ..#..

.###. ..#.. ####. .###. ####. ##### ##### .###. #...# .###. ..### #...# #.... #...# #...# .###.
#...# .#.#. #...# #...# #...# #.... #.... #...# #...# ..#.. ...#. #..#. #.... ##.## ##..# #...#
#.### #...# #...# #.... #...# #.... #.... #.... #...# ..#.. ...#. #.#.. #.... #.#.# ##..# #...#
#.#.# #...# ####. #.... #...# ####. ####. #.### ##### ..#.. ...#. ##... #.... #.#.# #.#.# #...#
#.### ##### #...# #.... #...# #.... #.... #...# #...# ..#.. ...#. #.#.. #.... #...# #..## #...#
#.... #...# #...# #...# #...# #.... #.... #...# #...# ..#.. #..#. #..#. #.... #...# #..## #...#
.###. #...# ####. .###. ####. ##### #.... .#### #...# .###. .##.. #...# ##### #...# #...# .###.

####. .###. ####. .#### ##### #...# #...# #...# #...# #...# ##### .###. #.... .###. ..#.. .....
#...# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....# .#... #.... ...#. .#.#. .....
#...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#. .#... .#... ...#. #...# .....
####. #...# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#.. .#... ..#.. ...#. ..... .....
#.... #.#.# #.#.. ....# ..#.. #...# .#.#. #.#.# .#.#. ..#.. .#... .#... ...#. ...#. ..... .....
#.... #..#. #..#. ....# ..#.. #...# .#.#. ##.## #...# ..#.. #.... .#... ....# ...#. ..... .....
#.... .##.# #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. ##### .###. ....# .###. ..... #####

.#... ..... #.... ..... ....# ..... ..##. ..... #.... ..#.. ...#. #.... .##.. ..... ..... .....
..#.. ..... #.... ..... ....# ..... .#... ..... #.... ..... ..... #.... ..#.. ..... ..... .....
..... .###. ####. .#### .#### .###. ####. .#### #.##. .##.. ..##. #..#. ..#.. ##.#. #.##. .###.
..... ....# #...# #.... #...# #...# .#... #...# ##..# ..#.. ...#. #.#.. ..#.. #.#.# ##..# #...#
..... .#### #...# #.... #...# ##### .#... .#### #...# ..#.. ...#. ##... ..#.. #.#.# #...# #...#
..... #...# #...# #.... #...# #.... .#... ....# #...# ..#.. #..#. #.#.. ..#.. #.#.# #...# #...#
..... .#### ####. .#### .#### .#### .#... .###. #...# .###. .##.. #..#. ...## #.#.# #...# .###.

..... ..... ..... ..... .#... ..... ..... ..... ..... ..... ..... ...## ..#.. ##... .....
..... ..... ..... ..... .#... ..... ..... ..... ..... ..... ..... ..#.. ..#.. ..#.. .....
#.##. .##.# #.##. .#### ####. #...# #...# #...# #...# #...# ##### ..#.. ..#.. ..#.. .#...
##..# #..## ##..# #.... .#... #...# #...# #...# .#.#. #...# ...#. .#... ..#.. ...#. #.#.#
####. .#### #.... .###. .#... #...# #...# #.#.# ..#.. .#### ..#.. ..#.. ..#.. ..#.. ...#.
#.... ....# #.... ....# .#..# #..## .#.#. #.#.# .#.#. ....# .#... ..#.. ..#.. ..#.. .....
#.... ....# #.... ####. ..##. .##.# ..#.. .#.#. #...# .###. ##### ...## ..#.. ##... .....
)";

bool glyph_pixel(char character, int x, int y) {
  constexpr int kPerBand = 16;
  constexpr int kBandLine = kPerBand * (kGlyphWidth + 1);  // a line with its line break
  constexpr int kBand = kGlyphHeight * kBandLine + 1;      // and the empty line below
  const int index = character - kFirst, band = index / kPerBand, column = index % kPerBand;
  // The last band has a glyph less, so its lines are shorter.
  const int line = band < (kLast - kFirst) / kPerBand ? kBandLine : kBandLine - (kGlyphWidth + 1);
  const int at = 1 + band * kBand + y * line + column * (kGlyphWidth + 1) + x;
  return kGlyphs[static_cast<std::size_t>(at)] == '#';
}

class BitmapFont : public Font {
 public:
  Mask render(const std::vector<std::string>& lines, double scale) const override {
    check_text(lines, scale);
    std::size_t longest = 0;
    for (const std::string& line : lines) longest = std::max(longest, line.size());
    check<ValueError>(longest < kMaxSide / (kGlyphWidth + kGap) &&
                          lines.size() < kMaxSide / (kGlyphHeight + kGap),
                      "font: text: expected a mask of at most ", kMaxSide, " pixels a side, got ",
                      lines.size(), " lines of up to ", longest, " characters");
    Mask mask;
    mask.width = static_cast<int>(longest) * (kGlyphWidth + kGap) - kGap;
    mask.height = static_cast<int>(lines.size()) * (kGlyphHeight + kGap) - kGap;
    mask.coverage.assign(
        static_cast<std::size_t>(mask.width) * static_cast<std::size_t>(mask.height), 0);
    for (std::size_t row = 0; row < lines.size(); ++row)
      for (std::size_t column = 0; column < lines[row].size(); ++column)
        for (int y = 0; y < kGlyphHeight; ++y)
          for (int x = 0; x < kGlyphWidth; ++x)
            if (glyph_pixel(lines[row][column], x, y))
              mask.at(static_cast<int>(column) * (kGlyphWidth + kGap) + x,
                      static_cast<int>(row) * (kGlyphHeight + kGap) + y) = 255;
    return scale_by_area(mask, scale);
  }

  std::string name() const override { return "built-in 5x7"; }
  std::string sha256() const override { return sha256_hex(kGlyphs); }
};

}  // namespace

std::shared_ptr<const Font> bitmap_font() { return std::make_shared<BitmapFont>(); }

void check_text(const std::vector<std::string>& lines, double scale) {
  check<ValueError>(!lines.empty(), "font: text: expected at least one line, got none");
  for (const std::string& line : lines) {
    check<ValueError>(!line.empty(), "font: text: expected characters in every line, got none");
    for (const char c : line)
      check<ValueError>(c >= kFirst && c <= kLast,
                        "font: text: expected printable ASCII, got byte ",
                        static_cast<int>(static_cast<unsigned char>(c)));
  }
  check<ValueError>(scale >= 0.25 && scale <= 16, "font: scale: expected 1/4 .. 16, got ", scale);
}

Mask scale_by_area(const Mask& mask, double scale) {
  if (scale == 1) return mask;
  const double wide = std::ceil(mask.width * scale), high = std::ceil(mask.height * scale);
  check<ValueError>(wide <= kMaxSide && high <= kMaxSide, "font: text: expected a mask of at most ",
                    kMaxSide, " pixels a side, got ", wide, " x ", high);
  Mask scaled;
  scaled.width = static_cast<int>(wide);
  scaled.height = static_cast<int>(high);
  scaled.coverage.resize(static_cast<std::size_t>(scaled.width) *
                         static_cast<std::size_t>(scaled.height));
  // New pixel i covers the old ones from i / scale to (i + 1) / scale.
  const auto overlap = [&](int fresh, int old) {
    return std::max(0.0, std::min((fresh + 1) / scale, old + 1.0) -
                             std::max(fresh / scale, static_cast<double>(old)));
  };
  const auto end = [&](int fresh, int size) {
    return std::min(size, static_cast<int>(std::ceil((fresh + 1) / scale)));
  };
  for (int y = 0; y < scaled.height; ++y)
    for (int x = 0; x < scaled.width; ++x) {
      double covered = 0;
      for (int v = static_cast<int>(y / scale); v < end(y, mask.height); ++v)
        for (int u = static_cast<int>(x / scale); u < end(x, mask.width); ++u)
          covered += overlap(y, v) * overlap(x, u) * mask.at(u, v);
      scaled.at(x, y) = static_cast<std::uint8_t>(std::min(255.0, covered * scale * scale + 0.5));
    }
  return scaled;
}

}  // namespace chainline::experiments
