#pragma once

#include <cstdint>
#include <vector>

#include "experiments/probing/hidden.h"

namespace chainline::experiments {

// What a probe could read without any model, in the form of a layer: the probe of these stands
// beside those of hidden states. What they tell, no model needs to have memorized.

/// The pictures (N, 3, S, S) of f32, each averaged over grid x grid equal squares: 3 grid^2 numbers
/// per picture, channel by channel. Its name is "pixels".
///
/// **Errors** ShapeError for other shapes, or when grid does not divide S.
HiddenStates::Layer pixel_layer(const Tensor& images, std::int64_t grid);

/// Where a view's card lies in the picture that the encoder sees.
struct CardBox {
  std::int64_t x = 0, y = 0;           // of the upper left pixel
  std::int64_t width = 0, height = 0;  // clipped to the picture
};

/// The boxes of the cards in view_images(): the ledger's, through the padding to a square and the
/// resizing to size x size, rounded outwards.
std::vector<CardBox> card_boxes(const ImageSource& images, const Watermarker& watermarker,
                                const std::vector<ProbeView>& views, int size);

/// The pixels of each card alone, the mean of the three channels, from its upper left corner:
/// letters at the same place of a card are the same feature, wherever the card lies. All have the
/// size of the largest box; beyond its own box a card has zeros. Its name is "card pixels".
///
/// **Errors** ShapeError for images of another shape or number, or a box outside of its picture.
HiddenStates::Layer card_layer(const Tensor& images, const std::vector<CardBox>& boxes);

}  // namespace chainline::experiments
