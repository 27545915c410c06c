#include "autograd/tape.h"

#include <algorithm>

namespace chainline {

std::vector<Node*> nodes_behind(const Variables& outputs, std::uint64_t since) {
  std::unordered_set<const Node*> seen;
  std::vector<Node*> open, all;
  const auto visit = [&](Node* node) {
    if (node != nullptr && node->sequence() > since && seen.insert(node).second) {
      open.push_back(node);
    }
  };
  for (const Variable& output : outputs) {
    if (output.defined()) visit(output.node().get());
  }
  while (!open.empty()) {
    Node* node = open.back();
    open.pop_back();
    all.push_back(node);
    for (const Node::Edge& edge : node->inputs()) visit(edge.node.get());
  }
  std::sort(all.begin(), all.end(),
            [](const Node* a, const Node* b) { return a->sequence() < b->sequence(); });
  return all;
}

std::vector<NodeInput> uses_of_older(const std::vector<Node*>& nodes, std::uint64_t since) {
  std::vector<NodeInput> uses;
  for (const Node* node : nodes) {
    for (std::size_t i = 0; i < node->inputs().size(); ++i) {
      const Node::Edge& edge = node->inputs()[i];
      if (!edge.leads_somewhere()) continue;
      if (edge.node == nullptr || edge.node->sequence() <= since) uses.push_back({node, i});
    }
  }
  return uses;
}

Tape::Tape(const Variables& outputs, const Variables& inputs) {
  for (const Variable& input : inputs) {
    if (input.is_leaf()) {
      leaves_.insert(input.id());
    } else {
      targets_.insert(input.node().get());
    }
  }
  const std::vector<Node*> all = nodes_behind(outputs);
  for (const Node* node : all) {
    for (std::size_t i = 0; i < node->inputs().size(); ++i) {
      const Variable& leaf = node->inputs()[i].leaf;
      if (leaf.defined() && asks_for(leaf)) places(leaf).push_back({node->sequence(), i, {}});
    }
  }
  nodes_ = add(all);
}

std::vector<Node*> Tape::add(const std::vector<Node*>& nodes) {
  // Oldest first, a node is of use when an input of it is asked for, or comes from a node of use.
  std::vector<Node*> of_use;
  for (Node* node : nodes) {
    bool use = targets_.count(node) != 0;
    for (const Node::Edge& edge : node->inputs()) use = use || needs(edge);
    if (!use) continue;
    of_use_.insert(node);
    of_use.push_back(node);
  }
  return of_use;
}

void Tape::remove(const std::vector<Node*>& nodes) {
  for (const Node* node : nodes) of_use_.erase(node);
}

}  // namespace chainline
