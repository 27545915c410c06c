#pragma once

#include <cstdint>

#include "bench/device.h"
#include "bench/training.h"

namespace chainline::bench {

/// The model whose shapes the benchmarks of a device take: images of 224 px in patches of 16, a ViT
/// of 12 x 384, a decoder of 12 x 768 with heads of 64, 60 tokens of text, a vocabulary of 32000,
/// batches of 32. An emulated device gets the smallest that pass through the same kernels.
inline StepSizes device_sizes() {
  StepSizes s;
  if (smallest()) {
    s.batch = 2;
    s.image_size = 32;
    s.patch_size = 16;
    s.head_width = 16;
    s.text_tokens = 5;
    s.channels = 32;
    s.text_channels = 48;
    s.vision_hidden = 64;
    s.text_hidden = 64;
    s.layers = 1;
    s.vocabulary = 40;
    return s;
  }
  s.batch = 32;
  s.image_size = 224;
  s.patch_size = 16;
  s.head_width = 64;
  s.text_tokens = 60;
  s.channels = 384;
  s.text_channels = 768;
  s.vision_hidden = 1536;
  s.text_hidden = 2048;
  s.layers = 12;
  s.vocabulary = 32000;
  return s;
}

}  // namespace chainline::bench
