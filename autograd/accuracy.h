#pragma once

#include "autograd/op_cases.h"

namespace chainline {

/// How far an op case in f32 is from the same case in f64, for the same inputs: those that f32
/// holds.
struct Accuracy {
  double ulps = 0;   ///< the largest error of an element, in ulps of f32 of its exact value
  double bound = 0;  ///< what that element's error may be, in the same unit
  double share = 0;  ///< the largest error of an element divided by its own bound
  /// Whether every element keeps its bound.
  bool ok() const { return share <= 1; }
};

/// Runs a case in f32 and in f64 and holds every element to the bound of the case. An element whose
/// bound is 0 must be equal; NaN is equal to nothing.
///
/// Errors   those of the op
Accuracy measure_accuracy(const OpCase& c);

}  // namespace chainline
