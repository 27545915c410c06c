#pragma once

#include <cstdint>

#include "experiments/data/dataset.h"
#include "experiments/data/image.h"

namespace chainline::experiments {

/// What is done to one picture.
struct ImageTransform {
  int degrees = 0;        // counter-clockwise, the canvas grown to hold all, its corners black
  bool flip = false;      // left becomes right
  double brightness = 1;  // bytes times this
  double contrast = 1;    // distances from the picture's mean grey times this
};

/// The transform that the published code draws for a picture: degrees -30 .. 30, a flip with
/// probability 1/2, brightness and contrast 0.8 .. 1.2. With `may_flip` off the draw is the same but
/// the flip is left out. A function of (seed, index).
ImageTransform draw_transform(std::uint64_t seed, std::int64_t index, bool may_flip);

/// Rotation first (bilinear, 16 samples of a pixel's side), then flip, brightness, contrast.
///
/// **Bits** sine and cosine are tensor/math.h's, weights integers: the same bytes everywhere.
Image apply_transform(const Image& image, const ImageTransform& transform);

/// Every image of the split transformed. As published, a flip also meets pictures whose questions
/// ask for left and right, whose answers it makes wrong; without `as_published` those are not
/// flipped.
Split with_transformed_images(const Split& split, std::uint64_t seed, bool as_published);

}  // namespace chainline::experiments
