#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/op_observer.h"
#include "autograd/variable.h"
#include "tensor/sample_sum.h"

namespace chainline {

/// What the engine wants from one call of a rule: which inputs need a gradient and, for an input
/// that is a parameter, how its sum over samples starts, continues or stays apart.
class Needs {
 public:
  explicit Needs(std::size_t inputs) : needed_(inputs), sums_(inputs), taken_(inputs) {}

  bool operator[](std::size_t input) const { return needed_[input]; }

  /// For rules whose gradient of this input is a sum over samples: pass it on to the kernel.
  const SampleSum& sum(std::size_t input) const {
    taken_[input] = true;
    return sums_[input];
  }

  // --- the engine's side ---
  void need(std::size_t input) { needed_[input] = true; }
  void set_sum(std::size_t input, SampleSum sum) { sums_[input] = std::move(sum); }
  bool taken(std::size_t input) const { return taken_[input]; }

 private:
  std::vector<bool> needed_;
  std::vector<SampleSum> sums_;
  mutable std::vector<bool> taken_;  // which sums the rule asked for
};

struct Replay;

/// One recorded op: where its inputs came from, what it saved, and its rule.
///
/// A rule is a struct derived from Node. Its backward() is made of ordinary ops on Variables, so
/// that it can be differentiated itself:
///
///   struct MulRule final : Node {
///     std::string_view name() const override { return "mul"; }
///     Variables backward(const Variables& g, const Needs& needs) const override {
///       const auto [a, b] = saved<2>();
///       return {needs[0] ? g[0] * b : Variable(), needs[1] ? g[0] * a : Variable()};
///     }
///   };
class Node : public std::enable_shared_from_this<Node> {
 public:
  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  /// Unlinks its history step by step: a chain of a million ops must not overflow the stack.
  virtual ~Node();

  /// The op's name, as in its file.
  virtual std::string_view name() const = 0;

  /// The gradients of the inputs given those of the outputs; one Variable per input, undefined
  /// where needs[i] is false. A gradient that did not arrive at an output comes as zeros.
  virtual Variables backward(const Variables& grad_outputs, const Needs& needs) const = 0;

  /// For a node that stands for several ops (recompute): records them anew, and the engine walks
  /// them instead of calling backward(). An op has nothing to replay.
  virtual std::optional<Replay> replay() const;

  // --- history ---
  /// Where an input came from: a node's output, a leaf that requires a gradient, or neither.
  struct Edge {
    std::shared_ptr<Node> node;
    std::size_t output = 0;
    Variable leaf;
    Variable constant_origin;  // a detached input, kept for the reason in messages only
    Shape shape;
    bool leads_somewhere() const { return node != nullptr || leaf.defined(); }
  };
  const std::vector<Edge>& inputs() const { return inputs_; }
  /// Shape and dtype of each output: what a gradient that did not arrive is made of.
  struct Output {
    Shape shape;
    DType dtype;
    Device device;
  };
  const std::vector<Output>& outputs() const { return outputs_; }
  /// Recorded later means larger, so descending numbers are a reverse topological order.
  std::uint64_t sequence() const { return sequence_; }
  /// The module that was running, such as "decoder.layers.3.mlp"; empty outside of modules.
  const std::string& scope() const { return scope_; }

  // --- saved values ---
  /// Keeps a value that backward() reads, with the version it has now.
  void save(std::string_view what, const Variable& value);
  /// Keeps one of this op's own outputs; only the tensor, so that no node owns itself.
  void save_output(std::string_view what, const Tensor& value, std::size_t output);

  struct Saved {
    std::string_view what;
    Variable variable;
    std::optional<std::size_t> own_output;
    std::uint64_t version = 0;
  };
  const std::vector<Saved>& saved_values() const { return saved_; }
  std::size_t saved_bytes() const;
  /// Drops the saved values; a later backward() through this node is an AutogradError.
  void release();

  // --- made by record() ---
  void link(std::uint64_t sequence, std::string scope, const Variables& inputs,
            const std::vector<Tensor>& outputs);
  void link(std::uint64_t sequence, std::string scope, std::vector<Edge> inputs,
            const std::vector<Tensor>& outputs);
  /// Tells the memory ledger whose the outputs and the saved values are.
  void name_memory(const std::vector<Tensor>& outputs) const;

 protected:
  /// The saved values in the order they were saved. AutogradError when one was written to since,
  /// or when they were released.
  template <std::size_t N>
  std::array<Variable, N> saved() const {
    std::array<Variable, N> values;
    check_saved(N);
    for (std::size_t i = 0; i < N; ++i) values[i] = unpack(i);
    return values;
  }
  /// The same, for rules that save as many as they are given.
  Variables saved_list() const;

 private:
  void check_saved(std::size_t expected) const;
  Variable unpack(std::size_t i) const;

  std::vector<Edge> inputs_;
  std::vector<Output> outputs_;
  std::vector<Saved> saved_;
  std::uint64_t sequence_ = 0;
  std::string scope_;
  bool released_ = false;
};

/// An input of a node.
struct NodeInput {
  const Node* node;
  std::size_t input;
  const Node::Edge& edge() const { return node->inputs()[input]; }
};

/// Ops recorded anew in place of one node.
struct Replay {
  Variables outputs;            ///< by output of the node, with their history
  std::vector<Node*> nodes;     ///< that history as far as it is new, oldest first
  std::vector<NodeInput> uses;  ///< by input of the node: the use in that history it stands for
};

/// The next sequence number of the tape.
std::uint64_t next_sequence();

/// The outputs of a node as Variables.
std::vector<Variable> outputs_of(const std::shared_ptr<Node>& node,
                                 const std::vector<Tensor>& values);

/// Names the part of a model whose ops are recorded while it lives; nested scopes join with dots.
class NameScope {
 public:
  explicit NameScope(std::string_view name);
  /// A scope in place of the current one.
  struct Whole {
    std::string path;
  };
  explicit NameScope(Whole scope);
  ~NameScope();
  NameScope(const NameScope&) = delete;
  NameScope& operator=(const NameScope&) = delete;

  static const std::string& current();

 private:
  std::string before_;
};

/// Records one op: returns `outputs` as Variables whose history is a new Rule with these inputs.
/// `fill(rule)` sets its attributes and saves its values; it is called only when a gradient may be
/// asked for, that is, when recording is on and an input requires one, or for an OpObserver.
template <class Rule, class Fill>
Variables record(const Variables& inputs, const std::vector<Tensor>& outputs, const Fill& fill) {
  if (OpObserver::current() != nullptr) {
    Rule rule;  // for its name, which may depend on its attributes
    fill(rule);
    tell_observer(rule, inputs, outputs);
  }
  bool needed = false;
  for (const Variable& input : inputs) needed = needed || input.requires_grad();
  if (!needed || !recording()) return Variables(outputs.begin(), outputs.end());
  const auto rule = std::make_shared<Rule>();
  rule->link(next_sequence(), NameScope::current(), inputs, outputs);
  fill(*rule);
  rule->name_memory(outputs);
  return outputs_of(rule, outputs);
}

}  // namespace chainline
