#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace chainline::experiments {

enum class DrawnFormat { pdf, png };

/// What Debian's rsvg-convert makes of an SVG file: the same picture as PDF, or as PNG with twice
/// and a half as many pixels as the drawing has units.
///
/// **Errors** DeviceError `rsvg-convert: expected X, got Y` where the program is missing or fails.
std::vector<std::byte> convert_svg(const std::string& svg, DrawnFormat format);

}  // namespace chainline::experiments
