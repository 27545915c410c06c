#pragma once

#include <cstdint>
#include <ostream>
#include <string>

#include "tensor/tensor.h"

namespace chainline {

/// How a tensor is written. Dimensions longer than `longest` show `edge` entries at either end.
struct PrintFormat {
  /// Digits after the point.
  int precision = 4;
  /// The fewest digits that read back as the same number, in place of a fixed precision.
  bool round_trip = false;
  std::int64_t longest = 12;
  std::int64_t edge = 3;
};

/// The numbers in nested brackets and aligned columns, then dtype and shape.
///
///   [[ 1.0000, -2.5000],
///    [ 0.3333,     nan]]
///   f32 (2, 2)
///
/// Whole numbers are written without digits after the point, "3."; numbers of which some would lose
/// their leading digits or grow too wide, below 10^-3 or from 10^6 on, with exponents. Only what is
/// shown decides.
///
/// A tensor on another device is copied, and named after its device: f32 (2, 2) on cuda:0.
///
/// Errors   ValueError for a format that shows nothing
std::string to_string(const Tensor& x, const PrintFormat& format = {});
std::ostream& operator<<(std::ostream& out, const Tensor& x);

}  // namespace chainline
