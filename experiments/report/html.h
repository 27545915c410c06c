#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "experiments/data/image.h"

namespace chainline::experiments {

/// Text as it may stand between tags and within double-quoted attributes: & < > " ' become
/// entities, and bytes that HTML cannot hold (controls, invalid UTF-8) the replacement character.
std::string escape_html(std::string_view text);

/// escape_html with `code` between backticks set as code, and 50 % kept on one line.
std::string inline_html(std::string_view text);

/// The four-letters-for-three-bytes alphabet of RFC 4648, padded.
std::string base64(std::span<const std::byte> bytes);

/// The picture itself as an address: "data:image/png;base64,...". Lossless.
std::string png_data_uri(const Image& image);

/// A whole document around a body that is HTML already. Its style sheet knows light and dark
/// screens, phones and paper; its content policy forbids every fetch.
std::string html_document(std::string_view title, std::string_view body);

}  // namespace chainline::experiments
