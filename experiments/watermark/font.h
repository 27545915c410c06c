#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace chainline::experiments {

/// How much of each pixel a drawing covers: 0 none, 255 all of it. Rows from top to bottom.
struct Mask {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> coverage;  // width * height

  std::uint8_t& at(int x, int y) { return coverage[offset(x, y)]; }
  std::uint8_t at(int x, int y) const { return coverage[offset(x, y)]; }

  friend bool operator==(const Mask&, const Mask&) = default;

 private:
  std::size_t offset(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
           static_cast<std::size_t>(x);
  }
};

/// What draws text. Immutable: every member may be called from several threads at once.
class Font {
 public:
  virtual ~Font() = default;

  /// The lines below each other, left-aligned, in a mask of exactly their size.
  ///
  /// **Errors** ValueError for no line, an empty line, a byte outside of printable ASCII, a scale
  /// outside 1/4 .. 16 or a mask side above 16,384.
  virtual Mask render(const std::vector<std::string>& lines, double scale) const = 0;

  /// What a ledger calls the font.
  virtual std::string name() const = 0;
  /// SHA-256 (hex) of what the glyphs were read from.
  virtual std::string sha256() const = 0;
};

/// The built-in font: glyphs of 5 x 7 pixels, one pixel between characters and between lines. Ten
/// characters are 59 pixels wide, two lines 15 high. Scaled by the share of each pixel's area that
/// is covered, so whole scales repeat pixels and a scale of 1/2 is hardly legible.
std::shared_ptr<const Font> bitmap_font();

/// Refuses what no font draws; shared by the fonts.
void check_text(const std::vector<std::string>& lines, double scale);

/// Resamples a mask by area: each new pixel is the mean of what it covers of the old ones.
Mask scale_by_area(const Mask& mask, double scale);

}  // namespace chainline::experiments
