#include "experiments/data/transform.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "tensor/math.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

constexpr int kFraction = 16;  // bits behind the point of a place in the source

/// The channel at a place of the source, in units of 2^-16 pixels from the first pixel's centre;
/// black outside.
int sample(const Image& image, std::int64_t x, std::int64_t y, std::size_t channel) {
  const std::int64_t left = x >> kFraction, top = y >> kFraction;
  const std::int64_t one = std::int64_t{1} << kFraction;
  const std::int64_t right_weight = x & (one - 1), bottom_weight = y & (one - 1);
  const auto at = [&](std::int64_t px, std::int64_t py) -> std::int64_t {
    if (px < 0 || py < 0 || px >= image.width || py >= image.height) return 0;
    return image.at(static_cast<int>(px), static_cast<int>(py))[channel];
  };
  const std::int64_t top_row =
      at(left, top) * (one - right_weight) + at(left + 1, top) * right_weight;
  const std::int64_t bottom_row =
      at(left, top + 1) * (one - right_weight) + at(left + 1, top + 1) * right_weight;
  const std::int64_t sum = top_row * (one - bottom_weight) + bottom_row * bottom_weight;
  return static_cast<int>((sum + (one * one) / 2) >> (2 * kFraction));
}

Image rotated(const Image& image, int degrees) {
  if (degrees == 0) return image;
  const double angle = degrees * 3.14159265358979323846 / 180;
  const double cosine = math::cos(angle), sine = math::sin(angle);
  const double w = image.width, h = image.height;
  const int width = static_cast<int>(std::ceil(std::abs(w * cosine) + std::abs(h * sine) - 1e-9));
  const int height = static_cast<int>(std::ceil(std::abs(w * sine) + std::abs(h * cosine) - 1e-9));
  Image result = make_image(width, height, {});
  const auto fixed = [](double v) {
    return static_cast<std::int64_t>(std::floor(v * (1 << kFraction) + 0.5));
  };
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double dx = x + 0.5 - width / 2.0, dy = y + 0.5 - height / 2.0;
      const std::int64_t from_x = fixed(cosine * dx - sine * dy + w / 2 - 0.5);
      const std::int64_t from_y = fixed(sine * dx + cosine * dy + h / 2 - 0.5);
      for (std::size_t c = 0; c < 3; ++c)
        result.at(x, y)[c] = static_cast<std::uint8_t>(sample(image, from_x, from_y, c));
    }
  }
  return result;
}

void flip(Image& image) {
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width / 2; ++x)
      std::swap_ranges(image.at(x, y), image.at(x, y) + 3, image.at(image.width - 1 - x, y));
}

std::uint8_t to_byte(double value) {
  return static_cast<std::uint8_t>(std::clamp(std::floor(value + 0.5), 0.0, 255.0));
}

bool asks_for_sides(const Example& example) {
  for (const Turn& turn : example.turns)
    if (turn.question.find("left") != std::string::npos ||
        turn.question.find("right") != std::string::npos)
      return true;
  return false;
}

class TransformedImages : public ImageSource {
 public:
  TransformedImages(std::shared_ptr<const ImageSource> source, std::uint64_t seed,
                    std::vector<bool> may_flip)
      : source_(std::move(source)), seed_(seed), may_flip_(std::move(may_flip)) {}

  std::int64_t size() const override { return source_->size(); }
  Image image(std::int64_t index) const override {
    const Image image = source_->image(index);
    return apply_transform(
        image, draw_transform(seed_, index, may_flip_[static_cast<std::size_t>(index)]));
  }
  std::string name(std::int64_t index) const override { return source_->name(index); }

 private:
  std::shared_ptr<const ImageSource> source_;
  std::uint64_t seed_;
  std::vector<bool> may_flip_;
};

}  // namespace

ImageTransform draw_transform(std::uint64_t seed, std::int64_t index, bool may_flip) {
  RandomSequence random =
      Generator(seed, "image transform").sequence(0, static_cast<std::uint32_t>(index));
  ImageTransform t;
  t.degrees = static_cast<int>(random.below(61)) - 30;
  t.flip = random.below(2) == 0 && may_flip;
  t.brightness = 0.8 + 0.4 * random.uniform();
  t.contrast = 0.8 + 0.4 * random.uniform();
  return t;
}

Image apply_transform(const Image& image, const ImageTransform& transform) {
  Image result = rotated(image, transform.degrees);
  if (transform.flip) flip(result);
  for (std::uint8_t& byte : result.pixels) byte = to_byte(byte * transform.brightness);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < result.pixels.size(); i += 3)  // ITU-R 601's luma in thousandths
    sum += 299u * result.pixels[i] + 587u * result.pixels[i + 1] + 114u * result.pixels[i + 2];
  const double grey = std::floor(
      static_cast<double>(sum) / (1000.0 * static_cast<double>(result.pixels.size() / 3)) + 0.5);
  for (std::uint8_t& byte : result.pixels)
    byte = to_byte(grey + (byte - grey) * transform.contrast);
  return result;
}

Split with_transformed_images(const Split& split, std::uint64_t seed, bool as_published) {
  std::vector<bool> may_flip(static_cast<std::size_t>(split.images->size()), true);
  if (!as_published)
    for (const Example& example : split.examples)
      if (asks_for_sides(example)) may_flip[static_cast<std::size_t>(example.image)] = false;
  return {split.examples,
          std::make_shared<TransformedImages>(split.images, seed, std::move(may_flip))};
}

}  // namespace chainline::experiments
