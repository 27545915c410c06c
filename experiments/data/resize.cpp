// Cubic resampling in the arithmetic of Pillow, so that a picture enters the model here with the
// same bytes as in the original code. Two passes of one-dimensional filters: every output row or
// column is a sum of input bytes times fixed-point weights, rounded to bytes after each pass.

#include <algorithm>
#include <cmath>

#include "experiments/data/image.h"
#include "experiments/data/image_header.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr int kFractionBits = 22;  // 32 bits less 8 of the byte and 2 for overshoot and sign

/// Keys' cubic with a = -1/2, zero outside of (-2, 2).
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

/// What one output position takes of the input: weights[i] of position first + i.
struct Window {
  int first = 0;
  std::vector<std::int32_t> weights;
};

std::vector<Window> windows(int in_size, int out_size) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double stretch = std::max(scale, 1.0);  // shrinking: the kernel covers `scale` pixels each
  const double support = 2.0 * stretch;
  const double inverse = 1.0 / stretch;
  std::vector<Window> result(static_cast<std::size_t>(out_size));
  std::vector<double> exact;
  for (int out = 0; out < out_size; ++out) {
    Window& window = result[static_cast<std::size_t>(out)];
    const double centre = (out + 0.5) * scale;
    window.first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int end = std::min(in_size, static_cast<int>(centre + support + 0.5));
    exact.clear();
    double sum = 0.0;
    for (int i = window.first; i < end; ++i) {
      exact.push_back(cubic((i - centre + 0.5) * inverse));
      sum += exact.back();
    }
    for (double weight : exact) {
      if (sum != 0.0) weight /= sum;
      const double fixed = weight * (1 << kFractionBits);
      window.weights.push_back(static_cast<std::int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
  }
  return result;
}

std::uint8_t to_byte(std::int64_t fixed) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(fixed >> kFractionBits, 0, 255));
}

constexpr std::int64_t kHalf = std::int64_t{1} << (kFractionBits - 1);

Image resize_rows(const Image& image, int width) {
  Image result = make_image(width, image.height, {});
  const std::vector<Window> columns = windows(image.width, width);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < width; ++x) {
      const Window& window = columns[static_cast<std::size_t>(x)];
      std::int64_t sum[3] = {kHalf, kHalf, kHalf};
      const std::uint8_t* pixel = image.at(window.first, y);
      for (const std::int32_t weight : window.weights)
        for (std::int64_t& channel : sum) channel += std::int64_t{*pixel++} * weight;
      for (int c = 0; c < 3; ++c) result.at(x, y)[c] = to_byte(sum[c]);
    }
  }
  return result;
}

Image resize_columns(const Image& image, int height) {
  Image result = make_image(image.width, height, {});
  const std::vector<Window> rows = windows(image.height, height);
  std::vector<std::int64_t> sum(static_cast<std::size_t>(image.width) * 3);
  for (int y = 0; y < height; ++y) {
    const Window& window = rows[static_cast<std::size_t>(y)];
    std::fill(sum.begin(), sum.end(), kHalf);
    int from = window.first;
    for (const std::int32_t weight : window.weights) {
      const std::uint8_t* pixel = image.at(0, from++);
      for (std::int64_t& channel : sum) channel += std::int64_t{*pixel++} * weight;
    }
    std::transform(sum.begin(), sum.end(), result.at(0, y), to_byte);
  }
  return result;
}

}  // namespace

Image resize_bicubic(const Image& image, int width, int height) {
  check<ValueError>(width >= 1 && width <= kMaxSide && height >= 1 && height <= kMaxSide,
                    "resize_bicubic: size: expected 1 to ", kMaxSide, " pixels a side, got ", width,
                    " x ", height);
  Image result = image.width == width ? image : resize_rows(image, width);
  return result.height == height ? result : resize_columns(result, height);
}

}  // namespace chainline::experiments
