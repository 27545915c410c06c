#include "autograd/variable.h"

#include <utility>

#include "autograd/node.h"

namespace chainline {
namespace {

thread_local bool recording_on = true;

}  // namespace

Variable::Variable(Tensor value, bool requires_grad) {
  check<AutogradError>(value.defined(), "variable: expected a defined tensor");
  check<DTypeError>(!requires_grad || is_floating(value.dtype()),
                    "variable: expected a floating dtype for a variable with a gradient, got ",
                    value.dtype());
  impl_ = std::make_shared<Impl>();
  impl_->value = std::move(value);
  impl_->requires_grad = requires_grad;
}

const Tensor& Variable::value() const {
  check<AutogradError>(defined(), "variable: it is undefined and has no value");
  return impl_->value;
}

Variable Variable::detach() const {
  Variable v(value());
  v.impl_->detached = true;
  v.impl_->detached_from = impl_->node;
  if (is_leaf()) v.impl_->detached_leaf = impl_;
  return v;
}

Tensor& Variable::mutable_value() {
  check<AutogradError>(is_leaf(), "variable: only a leaf's value can be overwritten in place");
  return impl_->value;
}

void Variable::set_requires_grad(bool requires_grad) {
  check<AutogradError>(is_leaf(), "variable: only a leaf can start or stop requiring a gradient");
  check<DTypeError>(!requires_grad || is_floating(dtype()),
                    "variable: expected a floating dtype for a variable with a gradient, got ",
                    dtype());
  impl_->requires_grad = requires_grad;
}

void Variable::set_name(std::string name) { impl_->name = std::move(name); }

RecordingGuard::RecordingGuard(bool on) : before_(recording_on) { recording_on = on; }
RecordingGuard::~RecordingGuard() { recording_on = before_; }

bool recording() { return recording_on; }

}  // namespace chainline
