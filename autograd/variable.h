#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace chainline {

class Node;
class Variable;
using Variables = std::vector<Variable>;
using Function = std::function<Variables(const Variables&)>;

/// A Tensor with a history: its value, and the node that computed it. A leaf has no node; it is a
/// parameter when it requires a gradient and a constant otherwise.
///
/// Copying shares identity: both copies are the same variable. Gradients are asked for with
/// `grad(outputs, inputs)` (autograd/engine.h); there is no .grad field.
///
///   Variable w(Tensor::full({2}, 3, DType::f64), true);
///   Variable loss = sum_all(w * w);
///   grad({loss}, {w})[0];                              // (6, 6)
class Variable {
 public:
  /// Undefined: "no value here", as a rule answers for an input that needs no gradient.
  Variable() = default;
  /// A leaf.
  Variable(Tensor value, bool requires_grad = false);  // NOLINT: a Tensor is a constant

  bool defined() const { return impl_ != nullptr; }
  const Tensor& value() const;
  const Shape& shape() const { return value().shape(); }
  DType dtype() const { return value().dtype(); }

  bool requires_grad() const { return impl_ != nullptr && impl_->requires_grad; }
  bool is_leaf() const { return impl_ != nullptr && impl_->node == nullptr; }
  /// The node that computed it and which of its outputs this is.
  const std::shared_ptr<Node>& node() const { return impl_->node; }
  std::size_t output_index() const { return impl_->output_index; }

  /// The same value without history: nothing behind it receives a gradient through it.
  Variable detach() const;

  // --- leaves only: what optimizers, loaders and freezing use ---
  /// The value for overwriting in place; what was saved of it before is stale from then on.
  Tensor& mutable_value();
  void set_requires_grad(bool requires_grad);
  /// A name for messages and tables.
  const std::string& name() const { return impl_->name; }
  void set_name(std::string name);

  /// Whether both are the same variable, not whether their values are equal.
  bool is(const Variable& other) const { return impl_ == other.impl_; }
  /// A key for maps of variables; unique as long as the variable lives.
  const void* id() const { return impl_.get(); }

 private:
  friend class Node;
  friend class Reachability;
  friend std::vector<Variable> outputs_of(const std::shared_ptr<Node>&, const std::vector<Tensor>&);

  struct Impl {
    Tensor value;
    bool requires_grad = false;
    std::shared_ptr<Node> node;
    std::size_t output_index = 0;
    std::string name;
    // Why a gradient ends here, for messages; weak, since detaching is how history is let go.
    bool detached = false;
    std::weak_ptr<Node> detached_from;
    std::weak_ptr<Impl> detached_leaf;
  };
  std::shared_ptr<Impl> impl_;
};

/// Turns recording on or off on this thread while it lives. Nests.
class RecordingGuard {
 public:
  explicit RecordingGuard(bool on);
  ~RecordingGuard();
  RecordingGuard(const RecordingGuard&) = delete;
  RecordingGuard& operator=(const RecordingGuard&) = delete;

 private:
  bool before_;
};

/// While one is alive on this thread, ops compute values and record no history.
class NoGradGuard : RecordingGuard {
 public:
  NoGradGuard() : RecordingGuard(false) {}
};

/// Whether ops record on this thread.
bool recording();

}  // namespace chainline
