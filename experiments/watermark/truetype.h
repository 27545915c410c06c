#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "experiments/watermark/font.h"

namespace chainline::experiments {

/// A TrueType font at `pixels` to the em, and 4 pixels between the descent of a line and the ascent
/// of the next, both at scale 1. Pillow's default font, which the paper drew with, has 10.
///
/// stb_truetype rasterizes the outlines but trusts the file, so everything that it will read of the
/// printable ASCII characters is walked and checked here first: the table directory, the character
/// map, the glyph locations, and every outline down to its last coordinate.
///
/// **Errors** FileError naming `name` and what is wrong with it: above 32 MiB, not TrueType
/// outlines (OpenType CFF and collections are not read), a table that is missing or leaves the
/// file, an outline that leaves its glyph, a printable character without glyph. ValueError for
/// pixels outside 4 .. 256.
std::shared_ptr<const Font> parse_truetype_font(std::vector<std::byte> bytes,
                                                const std::string& name, double pixels = 10);

/// parse_truetype_font of a file's content.
std::shared_ptr<const Font> load_truetype_font(const std::filesystem::path& path,
                                               double pixels = 10);

/// What an option or a setting names: a TrueType file, or "" for the built-in font.
std::shared_ptr<const Font> font_of(const std::string& file);

}  // namespace chainline::experiments
