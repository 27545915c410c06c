#pragma once

#include <string>
#include <vector>

#include "experiments/watermark/font.h"

namespace chainline::experiments {

/// A character of a card and the middle of its box, in pixels from the card's upper left corner.
struct GlyphPlace {
  char character = ' ';
  double x = 0, y = 0;
};

/// Where Font::render puts each character, read off the sizes of what it draws for the beginnings of
/// the lines; blanks are left out.
///
/// **Errors** those of Font::render.
std::vector<GlyphPlace> glyph_places(const Font& font, const std::vector<std::string>& lines,
                                     double scale);

}  // namespace chainline::experiments
