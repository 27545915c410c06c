#include "autograd/recompute.h"

#include <algorithm>

#include "autograd/tape.h"

namespace chainline {
namespace {

/// A value that an op of f read, seen from afar: whether it still lives, and was written to.
struct Watched {
  std::weak_ptr<Storage> storage;
  std::uint64_t version;
  std::string what;
};

bool lead_to_the_same(const Node::Edge& a, const Node::Edge& b) {
  return a.node == b.node && a.output == b.output && a.leaf.is(b.leaf);
}

/// Stands on the tape for the ops of f. Its inputs are their uses of what was there before, one by
/// one and in their order, so that every place of a parameter keeps its number.
struct RecomputeNode final : Node {
  Function f;
  std::vector<std::size_t> positions;  // by output of this node: its index among f's results
  std::vector<Watched> watched;

  std::string_view name() const override { return "recompute"; }

  Variables backward(const Variables&, const Needs&) const override {
    throw AutogradError("recompute: it has no rule of its own; the engine walks its replay()");
  }

  std::optional<Replay> replay() const override {
    const Variables inputs_of_f = saved_list();
    for (const Watched& w : watched) {
      const std::shared_ptr<Storage> storage = w.storage.lock();
      check<AutogradError>(storage == nullptr || storage->version() == w.version,
                           "recompute: ", w.what, " was written to after the forward (version ",
                           w.version, " then, ", storage == nullptr ? 0 : storage->version(),
                           " now); clone it before the write");
    }
    const RecordingGuard on(true);
    const NameScope where(NameScope::Whole{scope()});
    const std::uint64_t since = next_sequence();
    const Variables results = f(inputs_of_f);
    Replay replay;
    replay.nodes = nodes_behind(results, since);
    replay.uses = uses_of_older(replay.nodes, since);
    bool same = replay.uses.size() == inputs().size();
    for (std::size_t i = 0; same && i < inputs().size(); ++i) {
      same = lead_to_the_same(replay.uses[i].edge(), inputs()[i]);
    }
    for (std::size_t i = 0; same && i < positions.size(); ++i) {
      same = positions[i] < results.size() && results[positions[i]].defined() &&
             !results[positions[i]].is_leaf() &&
             results[positions[i]].shape() == outputs()[i].shape;
      if (same) replay.outputs.push_back(results[positions[i]]);
    }
    check<AutogradError>(same,
                         "recompute: the function recorded other ops than in the forward; it must "
                         "do the same every time");
    return replay;
  }
};

std::vector<Watched> values_read_by(const std::vector<Node*>& nodes) {
  std::vector<Watched> list;
  for (const Node* node : nodes) {
    for (const Node::Saved& s : node->saved_values()) {
      if (!s.variable.defined()) continue;
      list.push_back({s.variable.value().storage(), s.version,
                      std::string(node->name()) + ": saved " + std::string(s.what) + " " +
                          to_string(s.variable.shape())});
    }
    if (const auto* inner = dynamic_cast<const RecomputeNode*>(node)) {
      list.insert(list.end(), inner->watched.begin(), inner->watched.end());
    }
  }
  return list;
}

}  // namespace

Variables recompute(const Function& f, const Variables& inputs) {
  if (!recording()) return f(inputs);
  // It is recorded once, to see what it uses; the ops are let go at the end.
  const std::uint64_t since = next_sequence();
  Variables results = f(inputs);
  const std::vector<Node*> nodes = nodes_behind(results, since);
  if (nodes.empty()) return results;

  const auto node = std::make_shared<RecomputeNode>();
  node->f = f;
  node->watched = values_read_by(nodes);
  std::vector<Node::Edge> edges;
  for (const NodeInput& use : uses_of_older(nodes, since)) edges.push_back(use.edge());
  // Results that f did not compute, such as an input handed through, stay what they are.
  std::vector<Tensor> values;
  std::vector<std::size_t> output_of(results.size(), results.size());  // by result; size() for none
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Variable& y = results[i];
    if (!y.defined() || y.is_leaf() || y.node()->sequence() <= since) continue;
    const auto same = std::find_if(results.begin(), results.end(),
                                   [&](const Variable& other) { return other.is(y); });
    if (const auto first = static_cast<std::size_t>(same - results.begin()); first < i) {
      output_of[i] = output_of[first];
      continue;
    }
    output_of[i] = values.size();
    values.push_back(y.value());
    node->positions.push_back(i);
  }
  node->link(next_sequence(), NameScope::current(), std::move(edges), values);
  for (const Variable& input : inputs) node->save("input", input);
  const Variables outputs = outputs_of(node, values);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (output_of[i] < outputs.size()) results[i] = outputs[output_of[i]];
  }
  // What lived only inside of f is gone now, and need not be watched.
  std::erase_if(node->watched, [](const Watched& w) { return w.storage.expired(); });
  return results;
}

}  // namespace chainline
