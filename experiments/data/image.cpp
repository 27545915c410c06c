#include "experiments/data/image.h"

#include <algorithm>

#include "experiments/data/image_header.h"
#include "experiments/data/paths.h"
#include "experiments/data/stb.h"
#include "tensor/error.h"

namespace chainline::experiments {
Image make_image(int width, int height, Rgb fill) {
  const bool sides = width >= 1 && width <= kMaxSide && height >= 1 && height <= kMaxSide;
  check<ValueError>(sides && std::int64_t{width} * height <= kMaxPixels,
                    "image: size: expected 1 to ", kMaxSide, " pixels a side and at most ",
                    kMaxPixels, " in all, got ", width, " x ", height);
  Image image{width, height, {}};
  image.pixels.resize(std::size_t{3} * static_cast<std::size_t>(width) *
                      static_cast<std::size_t>(height));
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    std::copy_n(fill.data(), 3, image.pixels.data() + i);
  }
  return image;
}

Image decode_image(std::span<const std::byte> bytes, const std::string& name) {
  const ImageHeader header = check_image_header(bytes, name);
  std::vector<std::byte> repaired;
  if (header.png) {
    repaired = with_full_palette(bytes);
    bytes = repaired;
  }
  // Up to eight bytes a pixel (four 16-bit channels, or JPEG coefficients of sides padded to whole
  // units), the compressed data once more, and room for tables; the decoder grows by doubling.
  const std::size_t raw = std::size_t{8} * (static_cast<std::size_t>(header.width) + 32) *
                          (static_cast<std::size_t>(header.height) + 32);
  const std::size_t allowed = 2 * std::max(raw, bytes.size()) + (std::size_t{1} << 16);
  return stb_decode(bytes, allowed, name);
}

Image load_image(const std::filesystem::path& path) {
  return decode_image(read_file(path, kMaxImageBytes), path.string());
}

std::vector<std::byte> encode_png(const Image& image) { return stb_encode_png(image); }

void save_png(const Image& image, const std::filesystem::path& path) {
  write_atomically(path, encode_png(image));
}

Image pad_to_square(const Image& image, Rgb fill) {
  if (image.width == image.height) return image;
  const int side = std::max(image.width, image.height);
  Image square = make_image(side, side, fill);
  const int left = (side - image.width) / 2;
  const int top = (side - image.height) / 2;
  for (int y = 0; y < image.height; ++y)
    std::copy_n(image.at(0, y), 3 * image.width, square.at(left, top + y));
  return square;
}

}  // namespace chainline::experiments
