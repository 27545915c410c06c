#pragma once

#include <cstdint>
#include <vector>

#include "experiments/data/dataset.h"

namespace chainline::experiments {

/// Two disjoint random halves of a split's images, each with their examples in their order: one to
/// train the base on, one for the fine-tuning. A function of (split, seed).
struct Halves {
  Split first, second;
};
Halves halves_of(const Split& split, std::uint64_t seed);

/// The given images, renumbered 0, 1, 2, ... in that order, with their examples. Names stay.
///
/// **Errors** ValueError for an image outside of the split, or given twice.
Split subset_of(const Split& split, const std::vector<std::int64_t>& images);

/// At most `count` images of a split, drawn by the seed.
Split sample_of(const Split& split, std::int64_t count, std::uint64_t seed);

/// Every image padded to a square and resized to side x side: the canvas that cards are drawn on. A
/// card of letters 7 pixels high covers less of a larger canvas.
Split on_canvas(const Split& split, int side);

/// The examples of the given kinds alone, and the images that they are about.
///
/// **Errors** ValueError when none is left, naming the kinds that there are.
Split of_kinds(const Split& split, const std::vector<std::string>& kinds);

}  // namespace chainline::experiments
