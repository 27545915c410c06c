#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "autograd/node.h"

namespace chainline {

/// The nodes behind some variables that were recorded after the number `since`, oldest first.
std::vector<Node*> nodes_behind(const Variables& outputs, std::uint64_t since = 0);

/// Where nodes recorded after `since` use what was there before them: parameters, and results of
/// older nodes. In the order in which the uses were recorded.
std::vector<NodeInput> uses_of_older(const std::vector<Node*>& nodes, std::uint64_t since);

/// One use of a parameter: input number `input` of the node recorded as `sequence`.
struct Place {
  std::uint64_t sequence;
  std::size_t input;
  Variable gradient;

  bool operator<(const Place& other) const {
    return sequence != other.sequence ? sequence < other.sequence : input < other.input;
  }
  bool is_at(const Place& other) const {
    return sequence == other.sequence && input == other.input;
  }
};

/// The part of the history that lies between some outputs and the inputs that are asked for.
class Tape {
 public:
  Tape(const Variables& outputs, const Variables& inputs);

  /// The nodes of use, oldest first: those through which a gradient reaches what is asked for.
  const std::vector<Node*>& nodes() const { return nodes_; }
  /// The places of a leaf that is asked for, oldest first, gradients empty.
  std::vector<Place>& places(const Variable& leaf) { return places_[leaf.id()]; }

  bool asks_for(const Variable& leaf) const { return leaves_.count(leaf.id()) != 0; }
  bool is_of_use(const Node* node) const { return of_use_.count(node) != 0; }
  /// Whether a gradient of this input is needed.
  bool needs(const Node::Edge& edge) const {
    return edge.leaf.defined() ? asks_for(edge.leaf) : is_of_use(edge.node.get());
  }

  /// Takes up nodes that were recorded since, oldest first, and returns those of use.
  std::vector<Node*> add(const std::vector<Node*>& nodes);
  void remove(const std::vector<Node*>& nodes);

 private:
  std::vector<Node*> nodes_;
  std::unordered_map<const void*, std::vector<Place>> places_;
  std::unordered_set<const void*> leaves_, targets_;
  std::unordered_set<const Node*> of_use_;
};

}  // namespace chainline
