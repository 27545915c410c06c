#pragma once

#include <map>
#include <string>
#include <vector>

#include "autograd/node.h"

namespace chainline {

/// Sees every node that a backward pass runs, newest first. The gradient table, the tape as DOT
/// and every other audit is built on it (autograd/audit.h).
class BackwardObserver {
 public:
  virtual ~BackwardObserver() = default;
  virtual void on_node(const Node& node, const Variables& grad_outputs,
                       const Variables& grad_inputs) = 0;
};

/// What grad() does about an input that no gradient reaches.
enum class Unreached {
  error,      ///< AutogradError that gives the reason
  undefined,  ///< an undefined Variable; why_unreached() gives the reason
};

struct GradOptions {
  /// One gradient per output; empty means 1 for each output, which must be a scalar then.
  Variables grad_outputs;
  /// Record the backward pass itself, so that its results can be differentiated again.
  bool create_graph = false;
  /// Drop each node's saved values after it ran.
  bool release = false;
  Unreached unreached = Unreached::error;
  BackwardObserver* observer = nullptr;
};

/// The gradients of sum_i <grad_outputs[i], outputs[i]> with respect to each of `inputs`.
///
///   g_j = sum_i (d outputs[i] / d inputs[j])^T grad_outputs[i]
///
/// A function from values to values: no hidden state is read or left. Inputs may be leaves or
/// results in the middle of the graph.
///
/// Shapes   each gradient has the shape of its input
/// Errors   AutogradError when an output is not a scalar and has no gradient given, when saved
///          values were overwritten or released, or when an input is not reached; ShapeError when
///          a given gradient does not have its output's shape
/// Bits     sums over samples by rules 4 and 6 of docs/numerics.md; a variable used at several
///          places adds their gradients in the order in which the places were recorded
Variables grad(const Variables& outputs, const Variables& inputs, const GradOptions& options = {});

/// Each sample's own gradient of its part of the loss: as grad(), without the sum over samples.
///
/// Shapes   input (...)  ->  (B, ...)
/// Errors   AutogradError naming the op where a parameter is used by an op that is not a sum over
///          samples, so that the question has no answer
/// Bits     the samples' gradients added in order, from +0, are grad()'s bits
Variables per_sample_gradients(const Variables& outputs, const Variables& inputs,
                               const GradOptions& options = {});

/// The gradient of a batch that arrives in micro-batches, equal in bits for every split.
///
/// Accumulating continues each sum over samples where it stopped; it does not add two sums. A
/// parameter used at several places keeps one sum per place, added in the order of the places by
/// finish(). Normalisation belongs into the loss, as a factor known before the first micro-batch.
///
///   GradientAccumulator sums(parameters);
///   for (const Batch& part : parts) sums.add(loss_of(part));
///   optimizer.step(sums.finish());
class GradientAccumulator {
 public:
  explicit GradientAccumulator(Variables parameters);

  /// Adds the gradient of one micro-batch's loss. Errors are those of per_sample_gradients().
  void add(const Variable& loss, const GradOptions& options = {});

  /// One gradient per parameter, undefined where no micro-batch reached it. Starts afresh.
  std::vector<Tensor> finish();

 private:
  Variables parameters_;
  std::map<const void*, std::vector<Tensor>> places_;  // by parameter: one sum per place
};

/// Why no gradient reaches `input` from `outputs`, in a sentence; empty when one does.
std::string why_unreached(const Variables& outputs, const Variable& input);

/// The vector-Jacobian product of f at `inputs`: records f on fresh aliases of them and
/// differentiates it. With aliases only the paths through f count, even where one input was
/// computed from another. It is how a fused backward gets its own derivative.
Variables vjp(Variables (*f)(const Variables&, const Node&), const Variables& inputs,
              const Node& attributes, const Variables& grad_outputs);

}  // namespace chainline
