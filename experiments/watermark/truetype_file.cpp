#include "experiments/watermark/truetype_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr int kMaxEms = 8;
constexpr int kMaxDepth = 4;      // of components within components
constexpr int kMaxVisits = 64;    // glyphs that one character is composed of
constexpr int kMaxPoints = 8192;  // of one outline

}  // namespace

TrueTypeFile::TrueTypeFile(std::span<const std::byte> bytes, std::string name)
    : bytes_(bytes), name_(std::move(name)) {
  const Table whole = {"directory", 0, bytes_.size()};
  const std::uint32_t kind = u32(whole, 0);
  expect(kind == 0x00010000 || kind == 0x74727565 /* true */,
         "expected TrueType outlines, got another kind of file");
  const Table head = find("head", 54), hhea = find("hhea", 36), maxp = find("maxp", 6);
  units_per_em_ = u16(head, 18);
  expect(units_per_em_ >= 16 && units_per_em_ <= 16384,
         "head: expected 16 .. 16384 units per em, got " + std::to_string(units_per_em_));
  expect(u16(head, 50) <= 1,
         "head: expected glyph locations of format 0 or 1, got " + std::to_string(u16(head, 50)));
  long_locations_ = u16(head, 50) == 1;
  ascent_ = s16(hhea, 4);
  descent_ = s16(hhea, 6);
  expect(ascent_ > descent_, "hhea: expected an ascent above the descent");
  glyph_count_ = u16(maxp, 4);
  const auto glyphs = static_cast<std::size_t>(glyph_count_);
  loca_ = find("loca", (glyphs + 1) * (long_locations_ ? 4 : 2));
  glyf_ = find("glyf", 0);
  const int metrics = u16(hhea, 34);
  expect(metrics >= 1, "hhea: expected at least one advance, got none");
  const Table hmtx = find("hmtx", 4 * static_cast<std::size_t>(metrics));
  const Table map = character_map();
  for (char c = ' '; c <= '~'; ++c) {
    const int glyph = look_up(map, c);
    expect(glyph > 0 && glyph < glyph_count_,
           std::string("cmap: expected a glyph for the character ") + c + ", got none");
    glyphs_[index(c)] = glyph;
    advances_[index(c)] = u16(hmtx, 4 * static_cast<std::size_t>(std::min(glyph, metrics - 1)));
    int visits = 0;
    check_glyph(glyph, 0, visits);
  }
}

void TrueTypeFile::refuse(const std::string& what) const {
  throw FileError("font: " + name_ + ": " + what);
}

/// The first table of that tag, as stb_truetype picks it.
TrueTypeFile::Table TrueTypeFile::find(std::string_view tag, std::size_t least) const {
  const Table directory = {"directory", 0, bytes_.size()};
  const auto count = static_cast<std::size_t>(u16(directory, 4));
  expect(12 + 16 * count <= bytes_.size(),
         "directory: expected " + std::to_string(count) + " tables, got the file's end");
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = 12 + 16 * i;
    if (std::string_view(reinterpret_cast<const char*>(bytes_.data()) + at, 4) != tag) continue;
    const Table table = {tag, u32(directory, at + 8), u32(directory, at + 12)};
    expect(table.offset <= bytes_.size() && table.length <= bytes_.size() - table.offset,
           std::string(tag) + ": expected a table within the file, got one that leaves it");
    expect(table.length >= least, std::string(tag) + ": expected at least " +
                                      std::to_string(least) + " bytes, got " +
                                      std::to_string(table.length));
    return table;
  }
  refuse("expected a table " + std::string(tag) + ", got none");
}

int TrueTypeFile::u8(const Table& table, std::size_t at) const {
  expect(at < table.length,
         std::string(table.tag) + ": expected more data, got the end of the table");
  return std::to_integer<int>(bytes_[table.offset + at]);
}

int TrueTypeFile::u16(const Table& table, std::size_t at) const {
  return u8(table, at) << 8 | u8(table, at + 1);
}

int TrueTypeFile::s16(const Table& table, std::size_t at) const {
  const int value = u16(table, at);
  return value < 0x8000 ? value : value - 0x10000;
}

std::uint32_t TrueTypeFile::u32(const Table& table, std::size_t at) const {
  return static_cast<std::uint32_t>(u16(table, at)) << 16 |
         static_cast<std::uint32_t>(u16(table, at + 2));
}

/// The Unicode map of format 4, which every font of Latin letters has.
TrueTypeFile::Table TrueTypeFile::character_map() const {
  const Table cmap = find("cmap", 4);
  const auto records = static_cast<std::size_t>(u16(cmap, 2));
  expect(4 + 8 * records <= cmap.length,
         "cmap: expected " + std::to_string(records) + " records, got the end of the table");
  for (std::size_t i = 0; i < records; ++i) {
    const int platform = u16(cmap, 4 + 8 * i), encoding = u16(cmap, 6 + 8 * i);
    if (platform != 0 && !(platform == 3 && encoding == 1)) continue;
    const std::size_t offset = u32(cmap, 8 + 8 * i);
    expect(offset < cmap.length, "cmap: expected a map within the table, got one that leaves it");
    const Table map = {"cmap", cmap.offset + offset, cmap.length - offset};
    if (u16(map, 0) == 4) return map;
  }
  refuse("cmap: expected a Unicode map of format 4, got none");
}

int TrueTypeFile::look_up(const Table& map, int character) const {
  const auto segments = static_cast<std::size_t>(u16(map, 6) / 2);
  const std::size_t ends = 14, starts = 16 + 2 * segments, deltas = starts + 2 * segments,
                    offsets = deltas + 2 * segments;
  for (std::size_t i = 0; i < segments; ++i) {
    if (u16(map, ends + 2 * i) < character) continue;
    const int start = u16(map, starts + 2 * i);
    if (start > character) return 0;
    const int delta = u16(map, deltas + 2 * i), offset = u16(map, offsets + 2 * i);
    if (offset == 0) return (character + delta) & 0xFFFF;
    // The offset counts from its own place.
    const int glyph = u16(map, offsets + 2 * i + static_cast<std::size_t>(offset) +
                                   2 * static_cast<std::size_t>(character - start));
    return glyph == 0 ? 0 : (glyph + delta) & 0xFFFF;
  }
  return 0;
}

void TrueTypeFile::check_glyph(int glyph, int depth, int& visits) const {
  expect(glyph < glyph_count_, "glyf: expected one of " + std::to_string(glyph_count_) +
                                   " glyphs, got number " + std::to_string(glyph));
  expect(depth <= kMaxDepth && ++visits <= kMaxVisits,
         "glyf: expected a glyph of few components, got a deep or cyclic one");
  const auto place = [&](std::size_t g) -> std::size_t {
    return long_locations_ ? u32(loca_, 4 * g) : 2 * static_cast<std::size_t>(u16(loca_, 2 * g));
  };
  const std::size_t begin = place(static_cast<std::size_t>(glyph)),
                    end = place(static_cast<std::size_t>(glyph) + 1);
  expect(begin <= end && end <= glyf_.length,
         "loca: expected a glyph within its table, got one that leaves it");
  if (begin == end) return;  // nothing to draw
  const Table data = {"glyf", glyf_.offset + begin, end - begin};
  const int contours = s16(data, 0);
  expect(s16(data, 2) <= s16(data, 6) && s16(data, 4) <= s16(data, 8),
         "glyf: expected a box from low to high, got the reverse");
  const int side = std::max(s16(data, 6) - s16(data, 2), s16(data, 8) - s16(data, 4));
  expect(side <= kMaxEms * units_per_em_,
         "glyf: expected a glyph of at most " + std::to_string(kMaxEms) + " ems a side, got more");
  if (contours > 0) check_outline(data, contours);
  if (contours < 0) check_components(data, depth, visits);
}

void TrueTypeFile::check_outline(const Table& glyph, int contours) const {
  std::size_t at = 10;
  int points = 0;
  std::vector<int> first_points;
  for (int i = 0; i < contours; ++i, at += 2) {
    const int last = u16(glyph, at);
    expect(last >= points, "glyf: expected contours in ascending order, got another");
    first_points.push_back(points);
    points = last + 1;
    expect(points <= kMaxPoints, "glyf: expected at most " + std::to_string(kMaxPoints) +
                                     " points in an outline, got more");
  }
  at += 2 + static_cast<std::size_t>(u16(glyph, at));  // hinting instructions
  std::vector<int> flags;
  while (static_cast<int>(flags.size()) < points) {
    const int flag = u8(glyph, at++);
    const int repeats = (flag & 8) != 0 ? u8(glyph, at++) : 0;
    flags.insert(flags.end(), static_cast<std::size_t>(1 + repeats), flag);
  }
  flags.resize(static_cast<std::size_t>(points));
  // A coordinate has one byte, or two, or none where it repeats.
  for (const int flag : flags) at += (flag & 2) != 0 ? 1 : (flag & 16) != 0 ? 0 : 2;
  for (const int flag : flags) at += (flag & 4) != 0 ? 1 : (flag & 32) != 0 ? 0 : 2;
  expect(at <= glyph.length, "glyf: expected all coordinates of an outline, got the glyph's end");
  // The rasterizer looks one point ahead where a contour begins off its curve.
  first_points.push_back(points);
  for (std::size_t i = 0; i + 1 < first_points.size(); ++i)
    expect((flags[static_cast<std::size_t>(first_points[i])] & 1) != 0 ||
               first_points[i + 1] - first_points[i] > 1,
           "glyf: expected a point on every contour, got a lone control point");
}

void TrueTypeFile::check_components(const Table& glyph, int depth, int& visits) const {
  std::size_t at = 10;
  int flags = 0;
  do {
    flags = u16(glyph, at);
    expect((flags & 2) != 0, "glyf: expected components placed by offsets, got matched points");
    check_glyph(u16(glyph, at + 2), depth + 1, visits);
    at += (flags & 1) != 0 ? 8 : 6;
    at += (flags & 8) != 0 ? 2 : (flags & 64) != 0 ? 4 : (flags & 128) != 0 ? 8 : 0;
    expect(at <= glyph.length, "glyf: expected whole components, got the glyph's end");
  } while ((flags & 32) != 0);
}

}  // namespace chainline::experiments
