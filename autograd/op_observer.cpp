#include "autograd/op_observer.h"

#include <utility>

#include "autograd/node.h"

namespace chainline {
namespace {

thread_local OpObserver* watching = nullptr;
thread_local const Node* rule_of = nullptr;

/// An observer may compute; it must not see itself do so.
class Telling {
 public:
  Telling() : observer_(std::exchange(watching, nullptr)) {}
  ~Telling() { watching = observer_; }
  Telling(const Telling&) = delete;
  Telling& operator=(const Telling&) = delete;
  OpObserver* operator->() const { return observer_; }

 private:
  OpObserver* observer_;
};

}  // namespace

void OpObserver::on_node(const Node&, const Variables&, const Variables&) {}

OpObserver* OpObserver::current() { return watching; }

ObserveOps::ObserveOps(OpObserver& observer) : before_(std::exchange(watching, &observer)) {}
ObserveOps::~ObserveOps() { watching = before_; }

void tell_observer(const Node& rule, const Variables& inputs, const std::vector<Tensor>& outputs) {
  const Telling told;
  told->on_op({rule.name(), rule_of != nullptr ? rule_of->scope() : NameScope::current(),
               rule_of != nullptr ? rule_of->name() : std::string_view(), inputs, outputs});
}

void tell_observer_of_node(const Node& node, const Variables& grad_outputs,
                           const Variables& grad_inputs) {
  if (watching == nullptr) return;
  const Telling told;
  told->on_node(node, grad_outputs, grad_inputs);
}

RuleOfNode::RuleOfNode(const Node& node) : before_(rule_of) {
  if (rule_of == nullptr) rule_of = &node;
}
RuleOfNode::~RuleOfNode() { rule_of = before_; }

}  // namespace chainline
