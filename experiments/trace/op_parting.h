#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/trace/difference.h"
#include "tensor/shape.h"

namespace chainline::experiments {

/// A tensor that an op read or wrote, without its numbers.
struct TensorMark {
  Shape shape;
  DType dtype = DType::f32;
  std::uint64_t hash = 0;  ///< bits_hash

  bool operator==(const TensorMark&) const = default;
};

/// An op of a computation (ObservedOp), or the whole rule of one in a backward pass.
struct OpMark {
  std::string name, scope, backward_of;
  bool is_rule = false;
  std::vector<TensorMark> inputs;
  /// What outputs held before that the op went on with: the sums over samples of earlier
  /// micro-batches, which ops continue in place.
  std::vector<TensorMark> continued;
  std::vector<TensorMark> outputs;

  /// "linear", "linear_backward_weight in the backward pass of linear", "the rule of linear".
  std::string title() const;
  /// title() and the module: "linear at language_model.layers.0.mlp".
  std::string place() const;
};

/// An op from which on two computations differ.
struct OpParting {
  enum class Kind {
    added,      ///< inputs equal in bits, outputs not: the difference was made here
    inherited,  ///< inputs differ already, by what no op before it computed
    indices,    ///< as added, but the step reads other indices or labels (set by bisect)
    other_op,   ///< the computations do other things here: another op, or other shapes
  };
  Kind kind = Kind::added;
  std::size_t number = 0;  ///< of the op in the order of execution, counted from 1
  OpMark a, b;             ///< the same op for the first two kinds; empty where one has ended
  std::size_t output = 0;  ///< the first that differs
  std::vector<std::size_t> inputs;  ///< those that differ
  TensorDifference element;         ///< of that output; not for other_op
};

struct OpPartings {
  std::size_t ops = 0;             ///< compared
  std::optional<OpParting> first;  ///< the first op that differs in any way
  std::optional<OpParting> added;  ///< the first that adds a difference; may be `first`
};

/// Finds where two computations part, op by op in the order of execution, forward and backward. Each
/// function is run twice and must compute the same both times: once to learn of every op the hashes
/// of what it read and wrote, once for the numbers of the ops that were found. So no more is held in
/// memory than a computation needs by itself.
///
/// Ops are compared by their tensors. What else an op is given (attributes, indices, labels) is not,
/// so `added` means that only where those are the same.
OpPartings find_partings(const std::function<void()>& a, const std::function<void()>& b);

/// Sentences about a parting, a line each.
std::string describe(const OpParting& parting, const std::string& name_a,
                     const std::string& name_b);

}  // namespace chainline::experiments
