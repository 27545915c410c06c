#include "experiments/data/image.h"

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

const std::filesystem::path kFiles =
    std::filesystem::path(CHAINLINE_SOURCE_DIR) / "tests/experiments/data/files";

Rgb pixel(const Image& image, int x, int y) {
  const std::uint8_t* p = image.at(x, y);
  return {p[0], p[1], p[2]};
}

Image gradient(int width, int height) {
  Image image = make_image(width, height, {});
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      image.at(x, y)[0] = static_cast<std::uint8_t>(x * 12);
      image.at(x, y)[1] = static_cast<std::uint8_t>(y * 19);
      image.at(x, y)[2] = static_cast<std::uint8_t>((x + y) * 7);
    }
  return image;
}

std::string png_of(const Image& image) { return as_text(encode_png(image)); }

std::string content(const std::string& file) {
  std::ifstream in(kFiles / file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string refused(const std::string& bytes) {
  return refusal<FileError>([&] { decode_image(as_bytes(bytes), "x"); });
}

std::uint32_t crc32(const std::string& text) {
  std::uint32_t c = 0xffffffff;
  for (const char letter : text) {
    c ^= static_cast<std::uint8_t>(letter);
    for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
  }
  return ~c;
}

std::string big32(std::uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
  return text;
}

std::string chunk(const std::string& type, const std::string& data) {
  return big32(static_cast<std::uint32_t>(data.size())) + type + data + big32(crc32(type + data));
}

/// A PNG with this header and the IDAT content, its checksums right.
std::string crafted_png(std::uint32_t width, std::uint32_t height, const std::string& idat,
                        const std::string& format = std::string("\x08\x02\0\0\0", 5)) {
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", big32(width) + big32(height) + format) +
         chunk("IDAT", idat) + chunk("IEND", "");
}

TEST(Png, KeepsEveryPixelAndGivesTheSameBytes) {
  for (const Image& image : {gradient(21, 13), gradient(1, 1), make_image(64, 64, {1, 2, 3})}) {
    EXPECT_EQ(decode_image(encode_png(image), "x"), image);
    EXPECT_EQ(encode_png(image), encode_png(image));
  }
}

TEST(Png, IsSavedWholeAndLoaded) {
  const TemporaryFolder folder;
  save_png(gradient(5, 4), folder / "a.png");
  EXPECT_EQ(load_image(folder / "a.png"), gradient(5, 4));
}

TEST(DecodeImage, MakesRgbOfOtherKinds) {
  EXPECT_EQ(load_image(kFiles / "rgba.png"), gradient(21, 13));  // transparency is dropped
  EXPECT_EQ(pixel(load_image(kFiles / "grey.png"), 10, 6), (Rgb{116, 116, 116}));
  const Image palette = load_image(kFiles / "palette.png");
  EXPECT_EQ(pixel(palette, 0, 0), (Rgb{54, 48, 49}));
  EXPECT_EQ(pixel(palette, 10, 6), (Rgb{180, 133, 154}));
  EXPECT_EQ(pixel(palette, 20, 12), (Rgb{180, 200, 179}));
}

TEST(DecodeImage, ReadsJpegNearAnotherDecoder) {
  // libjpeg's pixels, as Pillow shows them. Decoders round the transform and the colours apart:
  // at most 3 levels here.
  for (const char* file : {"baseline.jpg", "progressive.jpg"}) {
    const Image image = load_image(kFiles / file);
    ASSERT_EQ(image.width, 21);
    ASSERT_EQ(image.height, 13);
    const int golden[3][5] = {{0, 0, 0, 1, 0}, {10, 6, 122, 114, 111}, {20, 12, 241, 225, 225}};
    for (const auto& g : golden)
      for (int c = 0; c < 3; ++c) EXPECT_NEAR(image.at(g[0], g[1])[c], g[2 + c], 3) << file;
  }
}

TEST(DecodeImage, RefusesATruncatedPngWhereverItIsCut) {
  const std::string whole = png_of(gradient(21, 13));
  for (std::size_t length = 8; length < whole.size(); ++length) {
    const std::string text = refused(whole.substr(0, length));
    EXPECT_EQ(text.substr(0, 18), "x: truncated PNG: ") << length << ": " << text;
  }
  EXPECT_EQ(refused(whole.substr(0, whole.size() - 12)), "x: truncated PNG: it ends at byte " +
                                                             std::to_string(whole.size() - 12) +
                                                             " without an IEND chunk");
  EXPECT_EQ(refused(whole.substr(0, 60)).find("x: truncated PNG: its IDAT chunk at byte 33 "), 0u);
}

TEST(DecodeImage, RefusesATruncatedJpegWhereverItIsCut) {
  for (const char* file : {"baseline.jpg", "progressive.jpg"}) {
    const std::string whole = content(file);
    ASSERT_GT(whole.size(), 100u);
    for (std::size_t length = 3; length < whole.size(); ++length)
      EXPECT_EQ(refused(whole.substr(0, length)), "x: truncated JPEG: it ends at byte " +
                                                      std::to_string(length) +
                                                      " without an end-of-image marker");
  }
}

TEST(DecodeImage, RefusesAHeaderOfGiantDimensionsBeforeDecoding) {
  EXPECT_EQ(refused(crafted_png(60000, 60000, "")),
            "x: expected a picture of 1 to 16384 pixels a side, its header says 60000 x 60000");
  EXPECT_EQ(refused(crafted_png(0, 5, "")),
            "x: expected a picture of 1 to 16384 pixels a side, its header says 0 x 5");
  EXPECT_EQ(refused(crafted_png(16384, 16384, "")),
            "x: expected a picture of at most 67108864 pixels, its header says 16384 x 16384");
  EXPECT_EQ(refused(crafted_png(8000, 8000, "abc")),
            "x: truncated PNG: 3 bytes can't hold 8000 x 8000 pixels");
  std::string jpeg = content("baseline.jpg");
  const std::size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xea\x60\xea\x60");  // 60000, 60000
  EXPECT_EQ(refused(jpeg),
            "x: expected a picture of 1 to 16384 pixels a side, its header says 60000 x 60000");
  jpeg.replace(frame + 5, 4, "\x1f\x40\x1f\x40");  // 8000, 8000
  EXPECT_EQ(refused(jpeg), "x: truncated JPEG: 724 bytes can't hold 8000 x 8000 pixels");
}

TEST(DecodeImage, RefusesDamage) {
  const std::string whole = png_of(gradient(21, 13));
  std::string damaged = whole;
  damaged[50] = static_cast<char>(damaged[50] ^ 1);
  EXPECT_EQ(refused(damaged), "x: damaged PNG: wrong checksum of the IDAT chunk at byte 33");
  EXPECT_EQ(refused(""), "x: the file is empty");
  EXPECT_EQ(refused("GIF89a"), "x: expected a PNG or JPEG picture");
  EXPECT_EQ(refused(crafted_png(2, 2, "no zlib stream")).find("x: damaged picture: "), 0u);
  EXPECT_EQ(refused(crafted_png(1, 1, "", std::string("\x08\x05\0\0\0", 5))),
            "x: damaged PNG: no colour type 5 with 8 bits");
  EXPECT_EQ(refused(crafted_png(1, 1, "abc", std::string("\x08\x03\0\0\0", 5))),
            "x: damaged PNG: it has no palette");
  std::string twice = content("baseline.jpg");
  twice.insert(2, twice.substr(twice.find("\xff\xc0"), 19));
  EXPECT_EQ(refused(twice), "x: damaged JPEG: it has two frames");
}

TEST(DecodeImage, RefusesMoreDataThanTheHeaderImplies) {
  // An honest stream of 3 MiB, taken from a picture of that size, behind a 1 x 1 header.
  const std::string big = png_of(make_image(1024, 1024, {}));
  const std::string idat = big.substr(41, big.size() - 41 - 16);
  EXPECT_EQ(refused(crafted_png(1, 1, idat)), "x: holds more data than its header implies");
}

TEST(DecodeImage, SurvivesEveryDamagedByte) {
  // Whether the damage is noticed is the checksums' affair (a JPEG has none); a sanitizer build
  // says whether memory was touched that should not be. What is decoded has the header's size.
  const auto decode = [](const std::string& bytes) {
    try {
      const Image image = decode_image(as_bytes(bytes), "x");
      EXPECT_EQ(image.pixels.size(), std::size_t{3} * static_cast<std::size_t>(image.width) *
                                         static_cast<std::size_t>(image.height));
    } catch (const FileError&) {
    }
  };
  const std::string png = png_of(gradient(21, 13));
  const std::string idat = png.substr(41, png.size() - 41 - 16);
  for (const int flip : {0x01, 0x80, 0xff}) {
    const auto damaged = [flip](std::string bytes, std::size_t at) {
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      return bytes;
    };
    for (std::size_t i = 0; i < idat.size(); ++i) decode(crafted_png(21, 13, damaged(idat, i)));
    for (const char* file : {"baseline.jpg", "progressive.jpg"}) {
      const std::string jpeg = content(file);
      for (std::size_t i = 0; i < jpeg.size(); ++i) decode(damaged(jpeg, i));
    }
  }
}

TEST(DecodeImage, ShowsBlackForAnIndexBeyondThePalette) {
  // 4 x 1 pixels of 8 bits, indices 0, 1, 200, 255; a palette of two colours. Stored deflate block
  // with its Adler-32: (1 + 0+0+1+200+255) and the sum of running sums.
  std::string rows("\0\0\1\xc8\xff", 5);
  std::uint32_t a = 1, b = 0;
  for (const char c : rows) a += static_cast<std::uint8_t>(c), b += a;
  const std::string zlib = std::string("\x78\x01\x01\x05\0\xfa\xff", 7) + rows + big32(b << 16 | a);
  const std::string png =
      "\x89PNG\r\n\x1a\n" + chunk("IHDR", big32(4) + big32(1) + std::string("\x08\x03\0\0\0", 5)) +
      chunk("PLTE", "\x0a\x0b\x0c\x14\x15\x16") + chunk("IDAT", zlib) + chunk("IEND", "");
  const Image image = decode_image(as_bytes(png), "x");
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{10, 11, 12, 20, 21, 22, 0, 0, 0, 0, 0, 0}));
}

TEST(MakeImage, RefusesImpossibleSizes) {
  EXPECT_EQ(
      refusal<ValueError>([] { make_image(0, 5, {}); }),
      "image: size: expected 1 to 16384 pixels a side and at most 67108864 in all, got 0 x 5");
}

TEST(PadToSquare, CentresOnTheLongerSide) {
  const Image wide = make_image(4, 1, {9, 9, 9});
  const Image square = pad_to_square(wide, {1, 2, 3});
  ASSERT_EQ(square.width, 4);
  ASSERT_EQ(square.height, 4);
  for (int x = 0; x < 4; ++x) {
    EXPECT_EQ(pixel(square, x, 0), (Rgb{1, 2, 3}));
    EXPECT_EQ(pixel(square, x, 1), (Rgb{9, 9, 9}));  // (4 - 1) / 2, rounded down
    EXPECT_EQ(pixel(square, x, 2), (Rgb{1, 2, 3}));
  }
  const Image tall = pad_to_square(make_image(2, 5, {9, 9, 9}), {});
  EXPECT_EQ(pixel(tall, 0, 0), (Rgb{0, 0, 0}));
  EXPECT_EQ(pixel(tall, 1, 4), (Rgb{9, 9, 9}));
  EXPECT_EQ(pixel(tall, 3, 0), (Rgb{0, 0, 0}));
  EXPECT_EQ(pad_to_square(gradient(7, 7), {}), gradient(7, 7));
}

}  // namespace
}  // namespace chainline::experiments
