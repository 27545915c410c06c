#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace chainline::experiments {

/// A TrueType file whose every read is checked against the table that it is meant for.
class TrueTypeFile {
 public:
  /// Checks all that drawing the printable ASCII characters will read. Keeps a view of the bytes.
  ///
  /// **Errors** FileError naming `name` and what is wrong.
  TrueTypeFile(std::span<const std::byte> bytes, std::string name);

  int units_per_em() const { return units_per_em_; }
  int ascent() const { return ascent_; }    // font units above the baseline
  int descent() const { return descent_; }  // font units below it, mostly negative
  /// The glyph of a printable ASCII character.
  int glyph(char character) const { return glyphs_[index(character)]; }
  /// How far the pen moves on, in font units.
  int advance(char character) const { return advances_[index(character)]; }

 private:
  struct Table {
    std::string_view tag;
    std::size_t offset = 0, length = 0;
  };

  static std::size_t index(char character) { return static_cast<std::size_t>(character - ' '); }
  [[noreturn]] void refuse(const std::string& what) const;
  void expect(bool holds, const std::string& what) const {
    if (!holds) refuse(what);
  }
  Table find(std::string_view tag, std::size_t least) const;
  int u8(const Table& table, std::size_t at) const;
  int u16(const Table& table, std::size_t at) const;
  int s16(const Table& table, std::size_t at) const;
  std::uint32_t u32(const Table& table, std::size_t at) const;
  Table character_map() const;
  int look_up(const Table& map, int character) const;
  void check_glyph(int glyph, int depth, int& visits) const;
  void check_outline(const Table& glyph, int contours) const;
  void check_components(const Table& glyph, int depth, int& visits) const;

  std::span<const std::byte> bytes_;
  std::string name_;
  Table loca_, glyf_;
  int units_per_em_ = 0, ascent_ = 0, descent_ = 0, glyph_count_ = 0;
  bool long_locations_ = false;
  std::array<int, 95> glyphs_{}, advances_{};
};

}  // namespace chainline::experiments
