#pragma once

#include <string>
#include <vector>

namespace chainline::experiments {

/// What `chainline ops` says about an op.
struct OpRow {
  std::string name;
  std::string header;                ///< where its contract stands
  std::vector<std::string> kernels;  ///< forward and backward; none for a view
  std::vector<std::string> devices;  ///< those that have all of the kernels
  std::string bits = "exact";        ///< the class of docs/numerics.md on these devices
  bool differentiable = false;
  int order = 0;  ///< the highest derivative that gradcheck checks; 0 for one tested by hand
  bool composed = false;  ///< whether it has a twin made of primitive ops
};

/// Every op of tensor/ops/ and autograd/ops.h, by header, then in the header's order.
std::vector<OpRow> op_table();

}  // namespace chainline::experiments
