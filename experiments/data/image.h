#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace chainline::experiments {

/// A picture: red, green, blue bytes interleaved, rows from top to bottom.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;  // 3 * width * height bytes

  /// The first of the three bytes of the pixel in column x and row y.
  std::uint8_t* at(int x, int y) { return pixels.data() + offset(x, y); }
  const std::uint8_t* at(int x, int y) const { return pixels.data() + offset(x, y); }

  friend bool operator==(const Image&, const Image&) = default;

 private:
  std::size_t offset(int x, int y) const {
    return 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                static_cast<std::size_t>(x));
  }
};

using Rgb = std::array<std::uint8_t, 3>;

/// A picture of one colour. Errors: ValueError for a size outside 1 .. 16384 or over 64 M pixels.
Image make_image(int width, int height, Rgb fill);

/// No honest file is longer: twice the raw size of the largest picture that the limits allow (64 M
/// pixels of four 16-bit channels).
inline constexpr std::uint64_t kMaxImageBytes = std::uint64_t{1} << 30;

/// Decodes a PNG or JPEG; grey becomes RGB, transparency is dropped, 16 bits become 8.
///
/// The structure is checked before the decoder sees a byte: dimensions 1 .. 16384 each and at most
/// 64 M pixels, every PNG chunk with its checksum up to IEND, JPEG segments up to the end-of-image
/// marker, and a file large enough for what its header claims.
///
/// **Errors** FileError naming `name` and what is wrong.
Image decode_image(std::span<const std::byte> bytes, const std::string& name);

/// decode_image of a file's content.
Image load_image(const std::filesystem::path& path);

/// The picture as a PNG file; the same picture always gives the same bytes.
std::vector<std::byte> encode_png(const Image& image);

/// Writes encode_png(image) under a temporary name, then renames it: the file is whole or as
/// before.
void save_png(const Image& image, const std::filesystem::path& path);

/// Centres the picture on a square of its longer side (LLaVA's expand2square).
Image pad_to_square(const Image& image, Rgb fill);

/// Resamples with the cubic kernel (a = -1/2), its support stretched when shrinking.
///
/// **Bits** those of Pillow's `Image.resize((width, height), Image.BICUBIC)` for RGB: coefficients
/// in fixed point with 22 fractional bits, rows first, then columns, rounded to bytes between.
/// **Errors** ValueError for a size outside 1 .. 16384.
Image resize_bicubic(const Image& image, int width, int height);

}  // namespace chainline::experiments
