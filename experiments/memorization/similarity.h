#pragma once

#include <cstdint>

#include "experiments/probing/logistic.h"

namespace chainline::experiments {

/// How alike two representations of the same items are, whatever rotation and scale each has:
///
///     |X^T Y|_F^2 / (|X^T X|_F |Y^T Y|_F),   columns centred
///
/// computed as <K, L> / (|K| |L|) of the centred Gram matrices K = X X^T and L = Y Y^T. 1 for X
/// and itself; NaN where a representation is the same for all items. With fewer items than
/// features it is above 0 for unrelated representations, too: compare with a control.
///
/// **Errors** ShapeError unless both have as many items as each other and values rows x columns;
/// ValueError for fewer than two items or values that are not finite.
/// **Units** all arithmetic in f64.
/// **Bits** exact: sums in ascending order.
/// **Source** Kornblith, Norouzi, Lee and Hinton: Similarity of Neural Network Representations
///            Revisited (2019)
double linear_cka(const Features& x, const Features& y);

}  // namespace chainline::experiments
