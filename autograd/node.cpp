#include "autograd/node.h"

#include <atomic>

#include "tensor/memory_ledger.h"

namespace chainline {
namespace {

/// Nodes whose destruction waits for its turn. The first ~Node on the stack empties the list, so
/// that destroying a chain is a loop instead of a recursion.
thread_local std::vector<std::shared_ptr<Node>>* waiting = nullptr;

thread_local std::string scope_path;

}  // namespace

Node::~Node() {
  std::vector<std::shared_ptr<Node>> list;
  const bool first = waiting == nullptr;
  if (first) waiting = &list;
  const auto take = [](Variable& v) {
    if (v.impl_ != nullptr && v.impl_.use_count() == 1 && v.impl_->node != nullptr) {
      waiting->push_back(std::move(v.impl_->node));
    }
  };
  for (Edge& edge : inputs_) {
    if (edge.node != nullptr) waiting->push_back(std::move(edge.node));
  }
  for (Saved& s : saved_) take(s.variable);
  inputs_.clear();
  saved_.clear();
  if (!first) return;
  while (!list.empty()) {
    const std::shared_ptr<Node> next = std::move(list.back());
    list.pop_back();
  }
  waiting = nullptr;
}

void Node::link(std::uint64_t sequence, std::string scope, const Variables& inputs,
                const std::vector<Tensor>& outputs) {
  std::vector<Edge> edges;
  for (const Variable& input : inputs) {
    Edge edge;
    if (input.defined()) edge.shape = input.shape();
    if (input.requires_grad()) {
      edge.node = input.node();
      edge.output = input.output_index();
      if (edge.node == nullptr) edge.leaf = input;
    } else if (input.defined() && input.impl_->detached) {
      edge.constant_origin = input;
    }
    edges.push_back(std::move(edge));
  }
  link(sequence, std::move(scope), std::move(edges), outputs);
}

void Node::link(std::uint64_t sequence, std::string scope, std::vector<Edge> inputs,
                const std::vector<Tensor>& outputs) {
  sequence_ = sequence;
  scope_ = std::move(scope);
  inputs_ = std::move(inputs);
  for (const Tensor& output : outputs) {
    outputs_.push_back({output.shape(), output.dtype(), output.device()});
  }
}

void Node::name_memory(const std::vector<Tensor>& outputs) const {
  for (const Tensor& output : outputs) chainline::name_memory(*output.storage(), name(), scope_);
  for (const Saved& s : saved_) {
    if (!s.variable.defined()) continue;
    chainline::name_memory(*s.variable.value().storage(), name(), scope_);
  }
}

void Node::save(std::string_view what, const Variable& value) {
  saved_.push_back({what, value, std::nullopt, value.defined() ? value.value().version() : 0});
}

void Node::save_output(std::string_view what, const Tensor& value, std::size_t output) {
  saved_.push_back({what, Variable(value), output, value.version()});
}

std::size_t Node::saved_bytes() const {
  std::size_t bytes = 0;
  for (const Saved& s : saved_) {
    if (!s.variable.defined()) continue;
    const Tensor& t = s.variable.value();
    bytes += static_cast<std::size_t>(t.numel()) * size_of(t.dtype());
  }
  return bytes;
}

void Node::release() {
  saved_.clear();
  released_ = true;
}

void Node::check_saved(std::size_t expected) const {
  check<AutogradError>(!released_, name(), ": its saved values were released by an earlier ",
                       "backward pass; pass release = false to run through it again");
  check<AutogradError>(saved_.size() == expected, name(), ": its rule reads ", expected,
                       " saved values, ", saved_.size(), " were saved");
}

Variables Node::saved_list() const {
  check_saved(saved_.size());
  Variables values;
  for (std::size_t i = 0; i < saved_.size(); ++i) values.push_back(unpack(i));
  return values;
}

std::optional<Replay> Node::replay() const { return std::nullopt; }

Variable Node::unpack(std::size_t i) const {
  const Saved& s = saved_[i];
  if (!s.variable.defined()) return {};
  const Tensor& value = s.variable.value();
  check<AutogradError>(value.version() == s.version, name(), ": saved ", s.what, " ", value.shape(),
                       " was written to after the forward (version ", s.version, " then, ",
                       value.version(), " now); clone it before the write");
  if (!s.own_output) return s.variable;
  Variable v(value);
  v.impl_->requires_grad = true;
  v.impl_->node = std::const_pointer_cast<Node>(shared_from_this());
  v.impl_->output_index = *s.own_output;
  return v;
}

std::uint64_t next_sequence() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}

std::vector<Variable> outputs_of(const std::shared_ptr<Node>& node,
                                 const std::vector<Tensor>& values) {
  std::vector<Variable> outputs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Variable v(values[i]);
    v.impl_->requires_grad = true;
    v.impl_->node = node;
    v.impl_->output_index = i;
    outputs.push_back(std::move(v));
  }
  return outputs;
}

NameScope::NameScope(std::string_view name) : before_(scope_path) {
  if (!scope_path.empty()) scope_path += '.';
  scope_path += name;
}

NameScope::NameScope(Whole scope) : before_(std::move(scope_path)) {
  scope_path = std::move(scope.path);
}

NameScope::~NameScope() { scope_path = std::move(before_); }

const std::string& NameScope::current() { return scope_path; }

}  // namespace chainline
