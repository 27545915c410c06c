#include "autograd/engine.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "autograd/ops.h"
#include "autograd/tape.h"
#include "tensor/memory_ledger.h"
#include "tensor/ops/binary.h"

namespace chainline {
namespace {

constexpr std::string_view kParameterGradients = "gradients of parameters";

Variable ones_for(const Variable& output) {
  check<AutogradError>(output.value().numel() == 1, "grad: output of shape ", output.shape(),
                       " is not a scalar; give its gradient in grad_outputs");
  return Variable(Tensor::full(output.shape(), 1, output.dtype(), output.value().device()));
}

/// Which sums over samples the caller wants, by place; nothing for ordinary gradients.
using SumOf = std::function<std::optional<SampleSum>(const Variable& leaf, std::size_t place)>;

/// The backward pass. `gradients` gets the gradient of every place of every leaf asked for;
/// gradients of results in the middle of the graph are returned by node and output.
class Pass {
 public:
  Pass(const Variables& outputs, const Variables& inputs, const GradOptions& options)
      : tape_(outputs, inputs), options_(options) {
    check<AutogradError>(
        options.grad_outputs.empty() || options.grad_outputs.size() == outputs.size(),
        "grad: expected ", outputs.size(), " gradients of outputs, got ",
        options.grad_outputs.size());
    for (const Variable& input : inputs) {
      if (!input.is_leaf()) middle_[input.node().get()].resize(input.node()->outputs().size());
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Variable& output = outputs[i];
      const Variable g = options.grad_outputs.empty() ? ones_for(output) : options.grad_outputs[i];
      check<ShapeError>(g.shape() == output.shape(), "grad: gradient of output ", i,
                        ": expected shape ", output.shape(), ", got ", g.shape());
      if (!output.requires_grad()) continue;
      if (output.is_leaf()) {
        tape_.places(output).push_back({0, i, g});
      } else {
        arrive(output.node().get(), output.output_index(), g);
      }
    }
  }

  void run(const SumOf& sum_of) {
    std::optional<NoGradGuard> off;
    if (!options_.create_graph) off.emplace();
    walk(tape_.nodes(), sum_of, options_.release);
  }

  /// The gradient of an input after run(): the sum over its places, oldest first.
  Variable result(const Variable& input) {
    if (!input.is_leaf()) {
      return middle_.at(input.node().get())[input.output_index()];
    }
    std::vector<Place>& places = tape_.places(input);
    std::sort(places.begin(), places.end());
    Variable total;
    for (const Place& place : places) {
      if (!place.gradient.defined()) continue;
      total = total.defined() ? add(total, place.gradient) : place.gradient;
    }
    return total;
  }

 private:
  /// Inputs are older than the nodes that use them: newest first, every gradient that a node waits
  /// for has arrived when its turn comes.
  void walk(const std::vector<Node*>& nodes, const SumOf& sum_of, bool release) {
    for (auto at = nodes.rbegin(); at != nodes.rend(); ++at) {
      Node& node = **at;
      const auto found = arrived_.find(&node);
      if (found == arrived_.end()) continue;
      Variables gradients = std::move(found->second);
      arrived_.erase(found);
      if (const auto m = middle_.find(&node); m != middle_.end()) {
        m->second = with_zeros(node, gradients);
      }
      const auto& edges = node.inputs();
      if (std::any_of(edges.begin(), edges.end(), [&](const auto& e) { return tape_.needs(e); })) {
        if (std::optional<Replay> replay = node.replay()) {
          walk_inside(node, *std::move(replay), std::move(gradients), sum_of);
        } else {
          step(node, std::move(gradients), sum_of);
        }
      }
      if (release) node.release();
    }
  }

  /// Walks the ops that were recorded anew in place of a node. What they use outside is what the
  /// node uses, so gradients arrive there, and continue sums there, as if they had been kept.
  void walk_inside(const Node& node, Replay replay, Variables gradients, const SumOf& sum_of) {
    for (std::size_t i = 0; i < replay.uses.size(); ++i) {
      const NodeInput& use = replay.uses[i];
      stands_for_.emplace(std::pair(use.node, use.input), place_of(node, i));
    }
    const std::vector<Node*> of_use = tape_.add(replay.nodes);
    std::vector<std::shared_ptr<Node>> alive;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const Variable& output = replay.outputs[i];
      alive.push_back(output.node());
      if (!gradients[i].defined() || !tape_.is_of_use(output.node().get())) continue;
      arrive(output.node().get(), output.output_index(), gradients[i]);
    }
    replay.outputs.clear();  // the values are of no use
    gradients.clear();
    walk(of_use, sum_of, !recording());  // nobody else has these nodes, unless a graph was created
    tape_.remove(of_use);
    for (const NodeInput& use : replay.uses) stands_for_.erase(std::pair(use.node, use.input));
  }

  /// Where the gradient of an input belongs, without one.
  Place place_of(const Node& node, std::size_t input) const {
    const auto found = stands_for_.find(std::pair(&node, input));
    return found != stands_for_.end() ? found->second : Place{node.sequence(), input, {}};
  }

  void step(Node& node, Variables arrived, const SumOf& sum_of) {
    const MemoryScope held("gradient of ", node.name(), node.scope());
    const RuleOfNode ops_are_of(node);
    const Variables grad_outputs = with_zeros(node, std::move(arrived));
    const auto& edges = node.inputs();
    Needs needs(edges.size());
    std::vector<Place*> places(edges.size(), nullptr);
    std::vector<bool> summed(edges.size(), false);
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const Node::Edge& edge = edges[i];
      if (!tape_.needs(edge)) continue;
      needs.need(i);
      if (!edge.leaf.defined()) continue;
      std::vector<Place>& all = tape_.places(edge.leaf);
      const Place here = place_of(node, i);
      const auto place =
          std::find_if(all.begin(), all.end(), [&](const Place& p) { return p.is_at(here); });
      places[i] = &*place;
      if (auto sum = sum_of(edge.leaf, static_cast<std::size_t>(place - all.begin()))) {
        needs.set_sum(i, *std::move(sum));
        summed[i] = true;
      }
    }

    const Variables gradients = node.backward(grad_outputs, needs);
    check<AutogradError>(gradients.size() == edges.size(), node.name(), ": its rule gave ",
                         gradients.size(), " gradients for ", edges.size(), " inputs");
    if (options_.observer != nullptr) options_.observer->on_node(node, grad_outputs, gradients);
    tell_observer_of_node(node, grad_outputs, gradients);
    for (std::size_t i = 0; i < edges.size(); ++i) {
      if (!needs[i] || !gradients[i].defined()) continue;
      if (summed[i] && !needs.taken(i)) refuse_sum(node, edges[i].leaf);
      if (!summed[i]) {
        check<AutogradError>(gradients[i].shape() == edges[i].shape, node.name(),
                             ": its rule gave a gradient of shape ", gradients[i].shape(),
                             " for input ", i, " of shape ", edges[i].shape);
      }
      if (places[i] != nullptr) {
        places[i]->gradient = gradients[i];
      } else {
        arrive(edges[i].node.get(), edges[i].output, gradients[i]);
      }
    }
  }

  void arrive(const Node* node, std::size_t output, const Variable& gradient) {
    Variables& slots = arrived_[node];
    slots.resize(node->outputs().size());
    slots[output] = slots[output].defined() ? add(slots[output], gradient) : gradient;
  }

  static Variables with_zeros(const Node& node, Variables gradients) {
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const Node::Output& output = node.outputs()[i];
      if (!gradients[i].defined()) {
        gradients[i] = Variable(Tensor::zeros(output.shape, output.dtype, output.device));
      }
    }
    return gradients;
  }

  [[noreturn]] static void refuse_sum(const Node& node, const Variable& leaf) {
    throw AutogradError(
        std::string(node.name()) + ": its gradient of " +
        (leaf.name().empty() ? "a parameter of shape " + to_string(leaf.shape()) : leaf.name()) +
        " is not a sum over samples, so it can be neither continued nor kept per sample; use the "
        "parameter through an op that sums over samples (linear, broadcast_to, embedding, a norm)");
  }

  Tape tape_;
  const GradOptions& options_;
  std::unordered_map<const Node*, Variables> arrived_;
  std::unordered_map<const Node*, Variables> middle_;
  std::map<std::pair<const Node*, std::size_t>, Place> stands_for_;  // of uses recorded anew
};

std::optional<SampleSum> no_sum(const Variable&, std::size_t) { return std::nullopt; }

Variables results(Pass& pass, const Variables& outputs, const Variables& inputs,
                  const GradOptions& options) {
  Variables gradients;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    gradients.push_back(pass.result(inputs[i]));
    if (options.unreached == Unreached::error && !gradients.back().defined()) {
      const std::string& name = inputs[i].name();
      throw AutogradError("grad: input " + std::to_string(i) +
                          (name.empty() ? "" : " (" + name + ")") + " of shape " +
                          to_string(inputs[i].shape()) +
                          " gets no gradient: " + why_unreached(outputs, inputs[i]));
    }
  }
  return gradients;
}

}  // namespace

Variables grad(const Variables& outputs, const Variables& inputs, const GradOptions& options) {
  Pass pass(outputs, inputs, options);
  pass.run(no_sum);
  return results(pass, outputs, inputs, options);
}

Variables per_sample_gradients(const Variables& outputs, const Variables& inputs,
                               const GradOptions& options) {
  check<AutogradError>(!options.create_graph,
                       "per_sample_gradients: create_graph is not supported; differentiate the "
                       "loss of one sample with grad()");
  for (const Variable& input : inputs) {
    check<AutogradError>(input.is_leaf(), "per_sample_gradients: expected leaves, got the result ",
                         "of an op");
  }
  Pass pass(outputs, inputs, options);
  pass.run([](const Variable&, std::size_t) { return SampleSum{{}, true}; });
  return results(pass, outputs, inputs, options);
}

GradientAccumulator::GradientAccumulator(Variables parameters)
    : parameters_(std::move(parameters)) {
  for (const Variable& p : parameters_) {
    check<AutogradError>(p.is_leaf(), "accumulate: expected leaves, got the result of an op");
  }
}

void GradientAccumulator::add(const Variable& loss, const GradOptions& options) {
  check<AutogradError>(!options.create_graph, "accumulate: create_graph is not supported");
  Pass pass({loss}, parameters_, options);
  pass.run([this](const Variable& leaf, std::size_t place) {
    std::vector<Tensor>& sums = places_[leaf.id()];
    if (sums.size() <= place) sums.resize(place + 1);
    if (!sums[place].defined()) {
      const MemoryScope held(kParameterGradients);
      sums[place] = Tensor::zeros(leaf.shape(), leaf.dtype(), leaf.value().device());
    }
    return SampleSum{sums[place], false};
  });
}

std::vector<Tensor> GradientAccumulator::finish() {
  const MemoryScope held(kParameterGradients);
  std::vector<Tensor> totals;
  for (const Variable& p : parameters_) {
    Tensor total;
    for (const Tensor& sum : places_[p.id()]) {
      if (!sum.defined()) continue;
      total = total.defined() ? ops::add(total, sum) : sum;
    }
    totals.push_back(total);
  }
  places_.clear();
  return totals;
}

Variables vjp(Variables (*f)(const Variables&, const Node&), const Variables& inputs,
              const Node& attributes, const Variables& grad_outputs) {
  // While a graph is being created an alias is a recorded op, so that the result can be
  // differentiated further, down to the true inputs; otherwise it is a leaf.
  const bool create_graph = recording();
  Variables aliases;
  for (const Variable& input : inputs) {
    aliases.push_back(create_graph ? alias(input)
                                   : Variable(input.value(), is_floating(input.dtype())));
  }
  const RecordingGuard on(true);
  GradOptions options;
  options.grad_outputs = grad_outputs;
  options.create_graph = create_graph;
  options.unreached = Unreached::undefined;
  return grad(f(aliases, attributes), aliases, options);
}

}  // namespace chainline
