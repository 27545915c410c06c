#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/statistics/statistics.h"

namespace chainline::experiments {

/// Levenshtein's distance: the fewest insertions, deletions and replacements of bytes that make one
/// text the other. Secrets here are ASCII, where a byte is a character.
std::int64_t edit_distance(std::string_view a, std::string_view b);

/// edit_distance(a, b) / max(|a|, |b|), in [0, 1]; 0 for two empty texts.
double normalized_edit_distance(std::string_view a, std::string_view b);

/// What a model's outputs give away of the secrets they were asked for.
struct Extraction {
  std::int64_t asked = 0;
  std::int64_t exact = 0;  // outputs equal to their secret, byte for byte
  Interval exact_share;    // Wilson, 95 %
  double edit_distance = 0;
  std::vector<double> edit_distances;  // normalized, one per output
};

/// Compares output i with secret i. What the same outputs share with secrets of others is chance:
/// call it again with those.
///
/// **Errors** ValueError for no outputs, or not one secret for each.
Extraction extraction(const std::vector<std::string>& outputs,
                      const std::vector<std::string>& secrets);

}  // namespace chainline::experiments
