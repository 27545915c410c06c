#include "experiments/data/image.h"
#include "tensor/sha256.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

/// Bytes that look random, so that the cubic's overshoot hits both ends of a byte's range: byte i
/// is bits 24..31 of a mixed (i + 1) 0x9e3779b97f4a7c15. The golden values were made from it.
Image noise(int width, int height) {
  Image image = make_image(width, height, {});
  std::uint64_t i = 0;
  for (std::uint8_t& byte : image.pixels) {
    std::uint64_t z = ++i * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 29) * 0xbf58476d1ce4e5b9u;
    byte = static_cast<std::uint8_t>((z ^ z >> 32) >> 24);
  }
  return image;
}

/// SHA-256 of the pixels and the pixel in the middle, from Pillow 13.0.0's
/// Image.resize((width, height), Image.BICUBIC).
struct Golden {
  int from_width, from_height, width, height;
  const char* sha256;
  Rgb middle;
};

const Golden kGolden[] = {
    {64,
     64,
     336,
     336,
     "a2a28c807ec555d4459a3f7f1140781eb0d0c8539d924204a185fd504ea05050",
     {159, 101, 207}},
    {64,
     64,
     24,
     24,
     "b326132c268555b00e1425f084f01ffd10f2965f2a0cbf865602bcc73a5056df",
     {138, 126, 144}},
    {37,
     53,
     64,
     64,
     "36f4194b3bc2dffd694bbc9875f795665f4fc4adebabc6cfce6a2e2eab7d5e15",
     {133, 139, 171}},
    {640,
     480,
     224,
     168,
     "1074d621847745f958b44efa6d8d5583619ab04f3124d00bf1091891ebf225b9",
     {121, 155, 135}},
    {13,
     7,
     5,
     11,
     "d8289b6b12661c226693a14f8b0fd054c0512182441bd3b7d9ce808ff0162da6",
     {97, 125, 170}},
    {1,
     1,
     8,
     8,
     "57f3b2e50201f5ade18fcd902a0d8ca1a850be081b66248b0746672a0fe16e92",
     {248, 237, 148}},
    {100,
     3,
     3,
     100,
     "dd83967279ce9e98ff3a58d4505858f23c25418b385c19cd9b80e75fcb1ad400",
     {122, 144, 121}},
    {64,
     64,
     64,
     10,
     "41f256d57f0e245934338c41c93658d1e0d9290e6e3b18dd72b82d93b27a3b12",
     {148, 135, 92}},
    {16,
     16,
     16,
     16,
     "d0468f2231375c2b2579db2f37646c88d88fce67248205f64d636220d527a068",
     {43, 67, 87}},
    {2,
     2,
     3,
     3,
     "6b4313cc2b7c6ddcdb359ef6af1b6daa08d875586b91fdb64a02e975b75d57bd",
     {162, 201, 158}},
};

TEST(ResizeBicubic, EqualsPillowBitForBit) {
  for (const Golden& golden : kGolden) {
    const Image image =
        resize_bicubic(noise(golden.from_width, golden.from_height), golden.width, golden.height);
    const std::uint8_t* middle = image.at(golden.width / 2, golden.height / 2);
    EXPECT_EQ((Rgb{middle[0], middle[1], middle[2]}), golden.middle) << golden.sha256;
    EXPECT_EQ(sha256_hex(std::as_bytes(std::span(image.pixels))), golden.sha256)
        << golden.from_width << " x " << golden.from_height << " to " << golden.width << " x "
        << golden.height;
  }
}

TEST(ResizeBicubic, KeepsAPlainColour) {
  const Image plain = make_image(17, 5, {0, 128, 255});
  EXPECT_EQ(resize_bicubic(plain, 50, 2), make_image(50, 2, {0, 128, 255}));
}

TEST(ResizeBicubic, RefusesImpossibleSizes) {
  EXPECT_EQ(refusal<ValueError>([] { resize_bicubic(noise(2, 2), 0, 5); }),
            "resize_bicubic: size: expected 1 to 16384 pixels a side, got 0 x 5");
  EXPECT_EQ(refusal<ValueError>([] { resize_bicubic(noise(2, 2), 5, 16385); }),
            "resize_bicubic: size: expected 1 to 16384 pixels a side, got 5 x 16385");
}

}  // namespace
}  // namespace chainline::experiments
