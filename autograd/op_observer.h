#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "autograd/variable.h"

namespace chainline {

/// An op that was computed. What it refers to lasts as long as the call that tells of it.
struct ObservedOp {
  std::string_view name;         ///< as Node::name
  const std::string& scope;      ///< the module whose op it is (NameScope), in a backward pass too
  std::string_view backward_of;  ///< in a backward pass the op whose rule asked for it, else ""
  const Variables& inputs;  ///< what record() is given: tensors, without attributes and indices
  const std::vector<Tensor>& outputs;
};

/// Sees the ops that a thread computes on Variables, forward and backward, in the order in which
/// they are computed: whoever asks where two computations part compares what two observers saw.
///
///   struct Names final : OpObserver {
///     void on_op(const ObservedOp& op) override { std::cout << op.scope << ' ' << op.name << '\n'; }
///   };
///   Names names;
///   const ObserveOps watching(names);
///   grad({loss_of(batch)}, parameters);
///
/// An op is told of whether or not it is recorded. An observer's own ops are not told of. Nothing is
/// told while work of a device is recorded (DeviceGraph) and replayed: let it be computed.
class OpObserver {
 public:
  virtual ~OpObserver() = default;
  virtual void on_op(const ObservedOp& op) = 0;
  /// After the ops of a node's rule: what the rule was given and what it answered. A rule that is
  /// not made of ops is seen here alone.
  virtual void on_node(const Node& node, const Variables& grad_outputs,
                       const Variables& grad_inputs);

  /// The observer of this thread, null for none.
  static OpObserver* current();
};

/// While it lives, the observer sees the ops of this thread, in place of an observer before.
class ObserveOps {
 public:
  explicit ObserveOps(OpObserver& observer);
  ~ObserveOps();
  ObserveOps(const ObserveOps&) = delete;
  ObserveOps& operator=(const ObserveOps&) = delete;

 private:
  OpObserver* before_;
};

// --- the side of record() and of the engine ---

/// Tells the current observer, which there must be, of an op with this rule.
void tell_observer(const Node& rule, const Variables& inputs, const std::vector<Tensor>& outputs);
/// Tells the current observer, if there is one, of a node whose rule has answered.
void tell_observer_of_node(const Node& node, const Variables& grad_outputs,
                           const Variables& grad_inputs);

/// While it lives, ops belong to the rule of this node. Where a rule's own backward pass runs inside
/// of another's, they belong to the outer one.
class RuleOfNode {
 public:
  explicit RuleOfNode(const Node& node);
  ~RuleOfNode();
  RuleOfNode(const RuleOfNode&) = delete;
  RuleOfNode& operator=(const RuleOfNode&) = delete;

 private:
  const Node* before_;
};

}  // namespace chainline
