#include "experiments/data/image_header.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";
constexpr std::string_view kJpegSignature = "\xff\xd8\xff";

using Bytes = std::span<const std::byte>;

void check_dimensions(std::int64_t width, std::int64_t height, const std::string& name) {
  const bool sides = width >= 1 && width <= kMaxSide && height >= 1 && height <= kMaxSide;
  check<FileError>(sides, name, ": expected a picture of 1 to ", kMaxSide,
                   " pixels a side, its header says ", width, " x ", height);
  check<FileError>(width * height <= kMaxPixels, name, ": expected a picture of at most ",
                   kMaxPixels, " pixels, its header says ", width, " x ", height);
}

std::uint32_t byte_at(Bytes bytes, std::size_t at) {
  return std::to_integer<std::uint32_t>(bytes[at]);
}
std::uint32_t big16(Bytes bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}
std::uint32_t big32(Bytes bytes, std::size_t at) {
  return big16(bytes, at) << 16 | big16(bytes, at + 2);
}

bool starts_with(Bytes bytes, std::string_view signature) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
      .starts_with(signature);
}

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t n = 0; n < 256; ++n) {
    std::uint32_t c = n;
    for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
    table[n] = c;
  }
  return table;
}

std::uint32_t crc32(Bytes bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
  std::uint32_t c = 0xffffffff;
  for (const std::byte b : bytes)
    c = kTable[(c ^ std::to_integer<std::uint32_t>(b)) & 255] ^ c >> 8;
  return ~c;
}

/// One chunk of a PNG: length, type, data, checksum.
struct Chunk {
  std::string_view type;
  std::size_t offset;  // of the length field
  Bytes data;
  std::size_t end() const { return offset + 12 + data.size(); }
};

Chunk read_chunk(Bytes bytes, std::size_t offset, const std::string& name) {
  check<FileError>(bytes.size() - offset >= 12, name, ": truncated PNG: it ends at byte ",
                   bytes.size(), " without an IEND chunk");
  const std::uint32_t length = big32(bytes, offset);
  const std::string_view type(reinterpret_cast<const char*>(bytes.data()) + offset + 4, 4);
  for (const char letter : type)
    check<FileError>((letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z'), name,
                     ": damaged PNG: no chunk type at byte ", offset + 4);
  check<FileError>(length <= bytes.size() - offset - 12, name, ": truncated PNG: its ", type,
                   " chunk at byte ", offset, " should have ", length, " bytes, but only ",
                   bytes.size() - offset - 12, " remain");
  return {type, offset, bytes.subspan(offset + 8, length)};
}

/// Channels of a PNG's colour type (0 for none) if it may have this bit depth.
int png_channels(std::uint32_t colour_type, std::uint32_t depth) {
  const bool low = depth == 1 || depth == 2 || depth == 4;
  switch (colour_type) {
    case 0:
      return low || depth == 8 || depth == 16 ? 1 : 0;
    case 3:
      return low || depth == 8 ? 1 : 0;
    case 2:
      return depth == 8 || depth == 16 ? 3 : 0;
    case 4:
      return depth == 8 || depth == 16 ? 2 : 0;
    case 6:
      return depth == 8 || depth == 16 ? 4 : 0;
    default:
      return 0;
  }
}

ImageHeader check_png(Bytes bytes, const std::string& name) {
  const Chunk first = read_chunk(bytes, kPngSignature.size(), name);
  check<FileError>(first.type == "IHDR" && first.data.size() == 13, name,
                   ": damaged PNG: expected an IHDR chunk of 13 bytes first, got ", first.type,
                   " with ", first.data.size());
  const std::int64_t width = big32(first.data, 0);
  const std::int64_t height = big32(first.data, 4);
  check_dimensions(width, height, name);
  const std::uint32_t depth = byte_at(first.data, 8);
  const std::uint32_t colour_type = byte_at(first.data, 9);
  const int channels = png_channels(colour_type, depth);
  check<FileError>(channels > 0, name, ": damaged PNG: no colour type ", colour_type, " with ",
                   depth, " bits");
  check<FileError>(
      byte_at(first.data, 10) == 0 && byte_at(first.data, 11) == 0 && byte_at(first.data, 12) <= 1,
      name, ": damaged PNG: unknown compression, filter or interlace method");

  std::int64_t compressed = 0;
  bool palette = false, data_ended = false;
  std::size_t offset = first.offset;
  for (Chunk chunk = first;; chunk = read_chunk(bytes, offset, name)) {
    offset = chunk.end();
    check<FileError>(
        crc32(bytes.subspan(chunk.offset + 4, chunk.data.size() + 4)) == big32(bytes, offset - 4),
        name, ": damaged PNG: wrong checksum of the ", chunk.type, " chunk at byte ", chunk.offset);
    if (chunk.type == "IEND") break;
    if (chunk.type == "IDAT") {
      check<FileError>(!data_ended, name, ": damaged PNG: IDAT chunk at byte ", chunk.offset,
                       " apart from the others");
      compressed += static_cast<std::int64_t>(chunk.data.size());
      continue;
    }
    data_ended = compressed > 0;
    if (chunk.type == "PLTE") {
      check<FileError>(!palette && !data_ended && chunk.data.size() % 3 == 0 &&
                           chunk.data.size() >= 3 && chunk.data.size() <= 768,
                       name, ": damaged PNG: misplaced or ill-sized palette at byte ",
                       chunk.offset);
      palette = true;
    } else {
      const bool critical = chunk.type[0] < 'a';
      check<FileError>(!critical || chunk.offset == first.offset, name,
                       ": damaged PNG: unexpected ", chunk.type, " chunk at byte ", chunk.offset);
    }
  }
  check<FileError>(colour_type != 3 || palette, name, ": damaged PNG: it has no palette");
  // Deflate makes at most 1032 bytes of one; rows are padded to bytes and begin with a filter byte.
  const std::int64_t raw = height * (1 + (width * channels * depth + 7) / 8);
  check<FileError>(compressed * 1032 >= raw, name, ": truncated PNG: ", compressed,
                   " bytes can't hold ", width, " x ", height, " pixels");
  return {true, static_cast<int>(width), static_cast<int>(height)};
}

/// A segment of Huffman tables: each a byte for its place, 16 counts of codes by length, and the
/// values. More than 256 codes would overrun the decoder's table.
void check_huffman_tables(Bytes segment, const std::string& name) {
  while (!segment.empty()) {
    std::size_t codes = 0;
    for (std::size_t i = 1; i <= 16 && i < segment.size(); ++i) codes += byte_at(segment, i);
    check<FileError>(codes <= 256 && segment.size() >= 17 + codes, name,
                     ": damaged JPEG: ill-sized Huffman table");
    segment = segment.subspan(17 + codes);
  }
}

ImageHeader check_jpeg(Bytes bytes, const std::string& name) {
  ImageHeader header;
  std::int64_t units = 0;  // blocks of the coarsest grid; each takes a bit at least
  bool scanned = false;
  std::size_t at = 2;
  const auto need = [&](std::size_t count) {
    check<FileError>(count <= bytes.size() - at, name, ": truncated JPEG: it ends at byte ",
                     bytes.size(), " without an end-of-image marker");
  };
  while (true) {
    need(2);
    check<FileError>(byte_at(bytes, at) == 0xff, name, ": damaged JPEG: no marker at byte ", at);
    const std::uint32_t marker = byte_at(bytes, at + 1);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    if (marker == 0xd9) break;  // end of image
    at += 2;
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;  // markers without length
    need(2);
    const std::size_t length = big16(bytes, at);
    check<FileError>(marker != 0 && marker != 0xd8 && length >= 2, name,
                     ": damaged JPEG: no segment at byte ", at - 2);
    need(length);
    const Bytes segment = bytes.subspan(at + 2, length - 2);
    at += length;
    if (marker == 0xc4) check_huffman_tables(segment, name);
    const bool frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame) {
      check<FileError>(marker <= 0xc2, name, ": unsupported JPEG: frame type ", marker - 0xc0,
                       ", expected baseline, extended or progressive");
      check<FileError>(units == 0, name, ": damaged JPEG: it has two frames");
      check<FileError>(segment.size() >= 6 && segment.size() == 6 + 3 * byte_at(segment, 5), name,
                       ": damaged JPEG: ill-sized frame header");
      const std::int64_t height = big16(segment, 1);
      const std::int64_t width = big16(segment, 3);
      check_dimensions(width, height, name);
      std::int64_t across = 8, down = 8;
      for (std::size_t c = 6; c < segment.size(); c += 3) {
        across = std::max<std::int64_t>(across, 8 * (byte_at(segment, c + 1) >> 4));
        down = std::max<std::int64_t>(down, 8 * (byte_at(segment, c + 1) & 15));
      }
      units = ((width + across - 1) / across) * ((height + down - 1) / down);
      header.width = static_cast<int>(width);
      header.height = static_cast<int>(height);
    }
    if (marker != 0xda) continue;
    check<FileError>(units > 0, name, ": damaged JPEG: picture data before the frame header");
    scanned = true;
    // Entropy-coded data: up to the next 0xff that is followed by neither 0, a restart marker nor
    // another fill byte.
    for (;; ++at) {
      need(2);
      const std::uint32_t next = byte_at(bytes, at + 1);
      if (byte_at(bytes, at) == 0xff && next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7))
        break;
    }
  }
  check<FileError>(scanned, name, ": damaged JPEG: it holds no picture");
  check<FileError>(static_cast<std::int64_t>(bytes.size()) * 8 >= units, name,
                   ": truncated JPEG: ", bytes.size(), " bytes can't hold ", header.width, " x ",
                   header.height, " pixels");
  return header;
}

}  // namespace

ImageHeader check_image_header(std::span<const std::byte> bytes, const std::string& name) {
  check<FileError>(!bytes.empty(), name, ": the file is empty");
  if (starts_with(bytes, kPngSignature)) return check_png(bytes, name);
  check<FileError>(starts_with(bytes, kJpegSignature), name, ": expected a PNG or JPEG picture");
  return check_jpeg(bytes, name);
}

std::vector<std::byte> with_full_palette(std::span<const std::byte> png) {
  std::vector<std::byte> copy;
  for (std::size_t offset = kPngSignature.size(); offset < png.size();) {
    const Chunk chunk = read_chunk(png, offset, "png");
    if (chunk.type == "IEND") break;
    if (chunk.type == "PLTE") {
      const auto data_begin = png.begin() + static_cast<std::ptrdiff_t>(offset) + 4;
      copy.assign(png.begin(), png.begin() + static_cast<std::ptrdiff_t>(offset));
      for (const int b : {0, 0, 3, 0}) copy.push_back(static_cast<std::byte>(b));  // 768 = 256 * 3
      copy.insert(copy.end(), data_begin,
                  data_begin + 4 + static_cast<std::ptrdiff_t>(chunk.data.size()));
      copy.resize(offset + 8 + 768);
      const std::uint32_t crc = crc32(std::span(copy).subspan(offset + 4));
      for (int shift = 24; shift >= 0; shift -= 8)
        copy.push_back(static_cast<std::byte>(crc >> shift));
      copy.insert(copy.end(), png.begin() + static_cast<std::ptrdiff_t>(chunk.end()), png.end());
      return copy;
    }
    offset = chunk.end();
  }
  copy.assign(png.begin(), png.end());
  return copy;
}

}  // namespace chainline::experiments
