#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/training/trace.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

/// What two records of a step don't share.
struct LineDifference {
  bool samples = false, loss = false, gradient_norm = false;  // by their bits
  std::vector<std::size_t> gradients, weights;                // which parameters, in their order

  bool any() const {
    return samples || loss || gradient_norm || !gradients.empty() || !weights.empty();
  }
};

/// **Errors** ValueError for records of different numbers of parameters.
LineDifference difference(const TraceLine& a, const TraceLine& b);

/// A line for each thing that differs, indented: "  loss  5.5 in A, 5.25 in B".
std::string describe(const LineDifference& d, const TraceLine& a, const std::string& name_a,
                     const TraceLine& b, const std::string& name_b,
                     const std::vector<std::string>& parameters);

/// Where two tensors of one shape and dtype first differ, in row-major order.
struct TensorDifference {
  std::int64_t different = 0, elements = 0;  // how many of how many
  std::vector<std::int64_t> index;           // of the first that differs
  std::string a, b;                          // its values, with the fewest digits that give them
  /// How many numbers of the dtype lie between: 1 for neighbours. Zeros of both signs are one number;
  /// none where one is a NaN, or for integers.
  std::optional<std::uint64_t> ulps;
};

/// Compares bits, so a NaN equals itself and 0 is not -0; none where all are equal.
///
/// **Errors** ShapeError or DTypeError for tensors that can't be compared.
std::optional<TensorDifference> first_difference(const Tensor& a, const Tensor& b);

/// "element (0, 3): 1.5 in A, 1.5000001 in B, 1 ULP apart; 4 of 96 differ".
std::string describe(const TensorDifference& d, const std::string& name_a,
                     const std::string& name_b);

}  // namespace chainline::experiments
