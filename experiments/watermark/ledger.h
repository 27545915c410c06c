#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/watermark/watermark.h"

namespace chainline::experiments {

/// Which cards were drawn on which images, with all that is needed to draw them again.
struct Ledger {
  WatermarkSpec spec;
  std::int64_t people = 0;        // how many there were to choose from
  std::string font;               // Font::name
  std::string font_sha256;        // Font::sha256
  std::vector<LedgerLine> lines;  // of the marked images

  friend bool operator==(const Ledger&, const Ledger&) = default;
};

/// A ledger without lines for what the watermarker draws.
Ledger open_ledger(const Watermarker& watermarker);

/// The first line of its file: how cards are drawn.
std::string header_line(const Ledger& ledger);

/// Writes JSON lines: a header with `"ledger": "chainline watermark", "version": 1` and the spec,
/// then one object for each marked image. The file is whole, or as it was before.
void write_ledger(const std::filesystem::path& path, const Ledger& ledger);

/// **Errors** FileError naming file, line and key for anything that write_ledger doesn't write.
Ledger read_ledger(const std::filesystem::path& path);

}  // namespace chainline::experiments
