#include "experiments/trace/op_parting.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>

#include "autograd/node.h"
#include "autograd/op_observer.h"
#include "experiments/training/trace.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

std::vector<Tensor> tensors_of(const Variables& variables) {
  std::vector<Tensor> tensors;
  for (const Variable& v : variables) {
    if (v.defined()) tensors.push_back(v.value());
  }
  return tensors;
}

/// What a node's rule is given: the gradients that arrived, and what was saved for it.
std::vector<Tensor> given_to_rule(const Node& node, const Variables& grad_outputs) {
  std::vector<Tensor> tensors = tensors_of(grad_outputs);
  for (const Node::Saved& s : node.saved_values()) {
    if (s.variable.defined()) tensors.push_back(s.variable.value());
  }
  return tensors;
}

std::vector<TensorMark> marks_of(const std::vector<Tensor>& tensors) {
  const std::vector<std::uint64_t> hashes = bits_hashes(tensors);
  std::vector<TensorMark> marks;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    marks.push_back({tensors[i].shape(), tensors[i].dtype(), hashes[i]});
  }
  return marks;
}

/// The two kinds of events as one.
class Events : public OpObserver {
 public:
  void on_op(const ObservedOp& op) override {
    OpMark mark;
    mark.name = op.name;
    mark.scope = op.scope;
    mark.backward_of = op.backward_of;
    on_event(std::move(mark), tensors_of(op.inputs), op.outputs);
  }
  void on_node(const Node& node, const Variables& grad_outputs,
               const Variables& grad_inputs) override {
    OpMark mark;
    mark.name = node.name();
    mark.scope = node.scope();
    mark.is_rule = true;
    on_event(std::move(mark), given_to_rule(node, grad_outputs), tensors_of(grad_inputs));
  }

 protected:
  virtual void on_event(OpMark mark, const std::vector<Tensor>& inputs,
                        const std::vector<Tensor>& outputs) = 0;
};

/// The first run: hashes of all.
class Marks final : public Events {
 public:
  std::vector<OpMark> list;

 private:
  void on_event(OpMark mark, const std::vector<Tensor>& inputs,
                const std::vector<Tensor>& outputs) override {
    mark.inputs = marks_of(inputs);
    mark.outputs = marks_of(outputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      Written& before = written_[outputs[i].storage().get()];
      // Storage at the same address may be another one by now.
      if (before.storage.lock() == outputs[i].storage()) mark.continued.push_back(before.mark);
      before = {outputs[i].storage(), mark.outputs[i]};
    }
    list.push_back(std::move(mark));
  }

  struct Written {
    std::weak_ptr<Storage> storage;
    TensorMark mark;
  };
  std::map<const Storage*, Written> written_;
};

/// The second run: the outputs of some ops, by their index.
class Outputs final : public Events {
 public:
  std::map<std::size_t, std::vector<Tensor>> of;

 private:
  void on_event(OpMark, const std::vector<Tensor>&, const std::vector<Tensor>& outputs) override {
    const auto wanted = of.find(next_++);
    if (wanted == of.end()) return;
    for (const Tensor& t : outputs) wanted->second.push_back(t.clone());
  }

  std::size_t next_ = 0;
};

bool same_form(const std::vector<TensorMark>& a, const std::vector<TensorMark>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const TensorMark& x, const TensorMark& y) {
                      return x.shape == y.shape && x.dtype == y.dtype;
                    });
}

bool same_op(const OpMark& a, const OpMark& b) {
  return a.name == b.name && a.scope == b.scope && a.backward_of == b.backward_of &&
         a.is_rule == b.is_rule && same_form(a.inputs, b.inputs) && same_form(a.outputs, b.outputs);
}

std::optional<OpParting> parting_of(std::size_t index, const OpMark& a, const OpMark& b) {
  OpParting p;
  p.number = index + 1;
  p.a = a;
  p.b = b;
  if (!same_op(a, b)) {
    p.kind = OpParting::Kind::other_op;
    return p;
  }
  if (a.outputs == b.outputs) return std::nullopt;
  while (a.outputs[p.output] == b.outputs[p.output]) ++p.output;
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    if (!(a.inputs[i] == b.inputs[i])) p.inputs.push_back(i);
  }
  // A rule that passes on what an op made shares its storage, in one of the two perhaps alone.
  const bool same_sums = a.continued.size() != b.continued.size() || a.continued == b.continued;
  const bool equal = p.inputs.empty() && same_sums;
  p.kind = equal ? OpParting::Kind::added : OpParting::Kind::inherited;
  return p;
}

std::vector<OpMark> marks_of(const std::function<void()>& computation) {
  Marks marks;
  const ObserveOps watching(marks);
  computation();
  return std::move(marks.list);
}

Outputs outputs_of(const std::function<void()>& computation,
                   const std::vector<std::size_t>& indices) {
  Outputs outputs;
  for (const std::size_t index : indices) outputs.of[index];
  const ObserveOps watching(outputs);
  computation();
  return outputs;
}

std::string form(const OpMark& op) {
  std::ostringstream text;
  for (std::size_t i = 0; i < op.inputs.size(); ++i)
    text << (i > 0 ? " " : "") << op.inputs[i].shape;
  text << " -> ";
  for (std::size_t i = 0; i < op.outputs.size(); ++i) {
    text << (i > 0 ? " " : "") << op.outputs[i].shape;
  }
  return text.str();
}

}  // namespace

std::string OpMark::title() const {
  if (is_rule) return "the rule of " + name;
  return backward_of.empty() ? name : name + " in the backward pass of " + backward_of;
}

std::string OpMark::place() const { return title() + (scope.empty() ? "" : " at " + scope); }

OpPartings find_partings(const std::function<void()>& a, const std::function<void()>& b) {
  const std::vector<OpMark> ops_a = marks_of(a), ops_b = marks_of(b);
  OpPartings result;
  std::vector<std::size_t> wanted;
  const auto take = [&](std::optional<OpParting>& place, const OpParting& p) {
    if (place) return;
    place = p;
    if (p.kind != OpParting::Kind::other_op) wanted.push_back(p.number - 1);
  };
  const std::size_t longer = std::max(ops_a.size(), ops_b.size());
  while (result.ops < longer && !result.added) {
    const std::size_t i = result.ops++;
    const OpMark none;
    const std::optional<OpParting> p =
        parting_of(i, i < ops_a.size() ? ops_a[i] : none, i < ops_b.size() ? ops_b[i] : none);
    if (!p) continue;
    take(result.first, *p);
    if (p->kind == OpParting::Kind::added) take(result.added, *p);
    if (p->kind == OpParting::Kind::other_op) break;
  }
  if (wanted.empty()) return result;
  const Outputs out_a = outputs_of(a, wanted), out_b = outputs_of(b, wanted);
  for (std::optional<OpParting>* p : {&result.first, &result.added}) {
    if (!*p || (*p)->kind == OpParting::Kind::other_op) continue;
    const std::vector<Tensor>& x = out_a.of.at((*p)->number - 1);
    const std::vector<Tensor>& y = out_b.of.at((*p)->number - 1);
    const std::size_t output = (*p)->output;
    const std::optional<TensorDifference> d = output < x.size() && output < y.size()
                                                  ? first_difference(x[output], y[output])
                                                  : std::nullopt;
    check<ValueError>(d.has_value(), "find_partings: ", (*p)->a.place(),
                      ": expected a computation that does the same both times it is run, got "
                      "other numbers");
    (*p)->element = *d;
  }
  return result;
}

std::string describe(const OpParting& p, const std::string& name_a, const std::string& name_b) {
  if (p.kind == OpParting::Kind::other_op) {
    const auto what = [](const OpMark& op) {
      return op.name.empty() ? std::string("nothing more") : op.place() + ", " + form(op);
    };
    return fmt::format("  op {}: the two compute other things from here\n    {}: {}\n    {}: {}\n",
                       p.number, name_a, what(p.a), name_b, what(p.b));
  }
  std::string why;
  if (p.kind == OpParting::Kind::added) {
    why = "added here: its inputs are equal in bits";
  } else if (p.kind == OpParting::Kind::indices) {
    why = "inherited: its tensors are equal in bits, and the step's indices or labels are not";
  } else if (p.inputs.empty()) {
    why = "inherited: the sum that it continues differs already";
  } else {
    why = fmt::format("inherited: of its {} inputs, counted from 0, differ already: {}",
                      p.a.inputs.size(), fmt::join(p.inputs, ", "));
  }
  const std::string output = p.a.outputs.size() == 1 ? "" : fmt::format("output {}, ", p.output);
  return fmt::format("  op {}: {}, {}\n    {}{}\n    {}\n", p.number, p.a.place(), form(p.a),
                     output, describe(p.element, name_a, name_b), why);
}

}  // namespace chainline::experiments
