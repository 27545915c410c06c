#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/parameter.h"

namespace chainline::nn {

/// Draws the weights of a new model: every parameter with two or more dimensions gets independent
/// normal values of variance 1 / (its last dimension), the number of terms that a product with it
/// sums; vectors keep what their module gave them (biases 0, norms 1).
///
/// Each parameter has a random stream of its own, keyed by its name: adding a layer or changing
/// the order of modules leaves the other weights as they were.
///
/// Bits     a function of (seed, name, shape)
void init_weights(const std::vector<NamedParameter>& parameters, std::uint64_t seed);

}  // namespace chainline::nn
