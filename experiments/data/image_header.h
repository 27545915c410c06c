#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace chainline::experiments {

/// What a picture's header says, found out without decoding.
struct ImageHeader {
  bool png = false;  // else JPEG
  int width = 0;
  int height = 0;
};

/// Walks over the structure of a PNG (every chunk with its checksum, up to IEND) or a JPEG (every
/// segment, up to the end-of-image marker) and checks its dimensions against the limits and its
/// size against its dimensions.
///
/// **Errors** FileError naming `name` and what is wrong.
ImageHeader check_image_header(std::span<const std::byte> bytes, const std::string& name);

inline constexpr std::int64_t kMaxSide = 16384;
inline constexpr std::int64_t kMaxPixels = std::int64_t{64} << 20;

/// A copy of a checked PNG whose palette has all 256 entries, the missing ones black: an index
/// beyond the palette then has a defined colour. Other PNGs are copied as they are.
std::vector<std::byte> with_full_palette(std::span<const std::byte> png);

}  // namespace chainline::experiments
