#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace chainline::test {

inline void put(std::vector<std::byte>& bytes, std::uint32_t value, int size) {
  for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
}

inline void put16(std::vector<std::byte>& bytes, std::initializer_list<int> values) {
  for (const int value : values) put(bytes, static_cast<std::uint32_t>(value), 2);
}

/// A font of four glyphs at 100 units to the em: 0 nothing, 1 a square from (10, 0) to (60, 50), 2
/// the square moved by (20, 50) as a component, 3 empty. Space has 3, "~" has 2, all others have 1.
inline std::vector<std::byte> small_font() {
  std::vector<std::byte> head, hhea, maxp, hmtx, cmap, loca, glyf;
  head.resize(18);
  put16(head, {100});
  head.resize(50);
  put16(head, {0, 0});  // short locations
  hhea.resize(4);
  put16(hhea, {80, -20});
  hhea.resize(34);
  put16(hhea, {1});  // one advance for all
  put(maxp, 0x00010000, 4);
  put16(maxp, {4});
  put16(hmtx, {70, 10, 10, 30, 0});
  put16(cmap, {0, 1, 3, 1, 0, 12});
  put16(cmap, {4, 48, 0, 8, 8, 2, 0, ' ', '}', '~', 0xFFFF, 0, ' ', '!', '~', 0xFFFF});
  put16(cmap, {3 - ' ', 0, 2 - '~', 1, 0, 6, 0, 0});  // "!" .. "}" read the list that follows
  for (char c = '!'; c <= '}'; ++c) put16(cmap, {1});
  put16(glyf, {1, 10, 0, 60, 50, 3, 0});
  for (int i = 0; i < 4; ++i) glyf.push_back(std::byte{1});  // four points on the curve
  put16(glyf, {10, 0, 50, 0, 0, 50, 0, -50});
  const int square = static_cast<int>(glyf.size());
  put16(glyf, {-1, 30, 50, 80, 100, 3, 1, 20, 50});
  const int both = static_cast<int>(glyf.size());
  put16(loca, {0, 0, square / 2, both / 2, both / 2});
  std::vector<std::byte> font;
  put(font, 0x00010000, 4);
  put16(font, {7, 0, 0, 0});
  const std::pair<const char*, const std::vector<std::byte>*> tables[] = {
      {"cmap", &cmap}, {"glyf", &glyf}, {"head", &head}, {"hhea", &hhea},
      {"hmtx", &hmtx}, {"loca", &loca}, {"maxp", &maxp}};
  std::uint32_t offset = 12 + 16 * 7;
  for (const auto& table : tables) {
    for (int i = 0; i < 4; ++i) font.push_back(static_cast<std::byte>(table.first[i]));
    put(font, 0, 4);
    put(font, offset, 4);
    put(font, static_cast<std::uint32_t>(table.second->size()), 4);
    offset += static_cast<std::uint32_t>(table.second->size());
  }
  for (const auto& table : tables)
    font.insert(font.end(), table.second->begin(), table.second->end());
  return font;
}

}  // namespace chainline::test
