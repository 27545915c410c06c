#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autograd/accuracy.h"

namespace chainline::experiments {

/// What `chainline ops` says about an op.
struct OpRow {
  std::string name;
  std::string header;                ///< where its contract stands
  std::vector<std::string> kernels;  ///< forward and backward; none for a view
  std::vector<std::string> devices;  ///< those that have all of the kernels
  std::string bits = "exact";        ///< the class of docs/numerics.md on these devices
  std::string proof;                 ///< the test of that class, as gtest names it
  /// What it does with bf16 activations on CUDA (--math=fast): "copied", "rounded once" from what
  /// the exact class has in f32, "repeatable", or "" where one of its kernels refuses them.
  std::string fast;
  bool differentiable = false;
  int order = 0;  ///< the highest derivative that gradcheck checks; 0 for one tested by hand
  bool composed = false;  ///< whether it has a twin made of primitive ops
  /// The worst of its cases in f32, and where their bound is derived (autograd/op_bounds.h); none
  /// for an op without cases.
  std::optional<Accuracy> accuracy;
  std::string bound_from;
};

/// Every op of tensor/ops/ and autograd/ops.h, by header, then in the header's order. Runs the op
/// cases, which takes some hundredths of a second.
std::vector<OpRow> op_table();

}  // namespace chainline::experiments
