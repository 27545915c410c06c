#include "experiments/watermark/glyph_places.h"

namespace chainline::experiments {

std::vector<GlyphPlace> glyph_places(const Font& font, const std::vector<std::string>& lines,
                                     double scale) {
  std::vector<GlyphPlace> places;
  std::vector<std::string> above;
  double top = 0;
  for (const std::string& line : lines) {
    above.push_back(line);
    const double bottom = font.render(above, scale).height;
    double left = 0;
    for (std::size_t c = 0; c < line.size(); ++c) {
      const double right = font.render({line.substr(0, c + 1)}, scale).width;
      if (line[c] != ' ') places.push_back({line[c], (left + right) / 2, (top + bottom) / 2});
      left = right;
    }
    top = bottom;
  }
  return places;
}

}  // namespace chainline::experiments
