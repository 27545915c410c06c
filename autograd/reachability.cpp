// Why a gradient does not arrive. The search follows the recorded history from the outputs, and,
// where that fails, goes on through the cuts that detach() made, to name the one that matters.

#include <sstream>
#include <unordered_set>

#include "autograd/engine.h"

namespace chainline {

class Reachability {
 public:
  Reachability(const Variables& outputs, const Variable& input) : input_(input) {
    for (const Variable& output : outputs) {
      if (output.is(input)) found_ = true;
      if (output.is_leaf()) {
        cross(output, "an output is itself detached");
      } else {
        visit(output.node().get(), "");
      }
    }
    while (!found_ && !open_.empty()) {
      const auto [node, cut] = open_.back();
      open_.pop_back();
      scan(*node, cut);
    }
  }

  bool found() const { return found_; }
  const std::string& cut() const { return cut_; }
  const std::string& possible_cut() const { return possible_cut_; }

 private:
  struct Open {
    const Node* node;
    std::string cut;  // the last detach() on the way here; empty where none was crossed
  };

  void visit(const Node* node, const std::string& cut) {
    if (node == nullptr) return;
    if (!input_.is_leaf() && node == input_.node().get()) arrive(cut);
    // A node first seen behind a cut is seen again without one if such a way exists.
    if (seen_.insert(node).second || (cut.empty() && clean_.insert(node).second)) {
      if (cut.empty()) clean_.insert(node);
      open_.push_back({node, cut});
    }
  }

  void arrive(const std::string& cut) {
    if (cut.empty()) {
      found_ = true;
    } else {
      cut_ = cut;
    }
  }

  /// Follows a detached value to what it was computed from, where that still exists.
  void cross(const Variable& constant, const std::string& cut) {
    const auto leaf = constant.impl_->detached_leaf.lock();
    const auto node = constant.impl_->detached_from.lock();
    if (leaf && leaf.get() == input_.id()) arrive(cut);
    if (node) visit(node.get(), cut);
    if (constant.impl_->detached && !leaf && !node) possible_cut_ = cut;
  }

  void scan(const Node& node, const std::string& cut) {
    for (std::size_t i = 0; i < node.inputs().size() && !found_; ++i) {
      const Node::Edge& edge = node.inputs()[i];
      if (edge.leaf.defined() && edge.leaf.is(input_)) arrive(cut);
      visit(edge.node.get(), cut);
      if (edge.constant_origin.defined()) {
        std::ostringstream here;
        here << "detach() cuts the path at input " << i << " of " << node.name() << " (op "
             << node.sequence();
        if (!node.scope().empty()) here << " in " << node.scope();
        here << ")";
        cross(edge.constant_origin, here.str());
      }
    }
  }

  const Variable& input_;
  std::vector<Open> open_;
  std::unordered_set<const Node*> seen_, clean_;
  bool found_ = false;
  std::string cut_, possible_cut_;
};

std::string why_unreached(const Variables& outputs, const Variable& input) {
  if (!input.requires_grad()) return "it does not require a gradient (it is frozen or a constant)";
  const Reachability search(outputs, input);
  if (search.found()) return "";
  if (!search.cut().empty()) return search.cut();
  const std::string unused =
      "no recorded op that leads to the outputs uses it (ops under a NoGradGuard are not recorded)";
  if (search.possible_cut().empty()) return unused;
  return unused + ", unless it was behind a cut: " + search.possible_cut();
}

}  // namespace chainline
