#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "autograd/engine.h"

namespace chainline {

/// Size of a gradient: its largest and root-mean-square absolute value over the finite entries,
/// and the number of entries that are NaN or infinite.
struct GradientSize {
  double max = 0, rms = 0;
  std::int64_t nonfinite = 0;
};
GradientSize size_of_gradients(const Variables& gradients);

/// One node of a backward pass, as the gradient table shows it.
struct GradientRow {
  std::uint64_t sequence = 0;
  std::string op, scope;
  std::vector<Shape> input_shapes;
  std::size_t saved_bytes = 0;
  GradientSize grad_in;   ///< what arrived at the node's outputs
  GradientSize grad_out;  ///< what the rule passed on to its inputs
};

/// Collects a row per node, newest first. Give it to grad() as `observer`.
///
///   GradientTable table;
///   grad({loss}, parameters, {.observer = &table});
///   table.print(std::cout);
class GradientTable : public BackwardObserver {
 public:
  void on_node(const Node& node, const Variables& grad_outputs,
               const Variables& grad_inputs) override;

  const std::vector<GradientRow>& rows() const { return rows_; }

  /// The first node, in the order of the backward pass, that made a NaN or an infinity out of
  /// finite gradients; null when there is none.
  const GradientRow* birth_of_nonfinite() const;

  /// An aligned table for people.
  void print(std::ostream& out) const;

 private:
  std::vector<GradientRow> rows_;
};

/// The history behind the outputs as a Graphviz graph: a box per op (name, shapes, saved bytes), an
/// ellipse per parameter, one cluster per module. Reads without Graphviz, too.
std::string tape_as_dot(const Variables& outputs);

}  // namespace chainline
