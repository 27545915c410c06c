#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "experiments/data/image.h"

namespace chainline::experiments {

/// Decodes a PNG or JPEG whose header has been checked. The decoder gets zeroed memory, and no
/// single piece larger than `max_allocation`: data that decode to more than their header implies
/// are refused instead of filling the memory.
///
/// **Errors** FileError naming `name` and the decoder's reason.
Image stb_decode(std::span<const std::byte> bytes, std::size_t max_allocation,
                 const std::string& name);

/// Deflate-compressed PNG of the picture.
std::vector<std::byte> stb_encode_png(const Image& image);

}  // namespace chainline::experiments
