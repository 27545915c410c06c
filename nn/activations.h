#pragma once

#include "autograd/ops.h"
#include "tensor/error.h"

namespace chainline::nn {

/// What the values between a module's layers are kept in: the dtype of its parameters, or bf16 beside
/// f32 parameters, which is the fast class (docs/numerics.md) and needs a device that has it.
class Activations {
 public:
  explicit Activations(DType parameters) : parameters_(parameters), dtype_(parameters) {}

  /// Errors   ValueError for what is neither the dtype of the parameters nor bf16 beside f32
  void set(DType dtype) {
    check<ValueError>(dtype == parameters_ || (dtype == DType::bf16 && parameters_ == DType::f32),
                      "activations: expected ", parameters_,
                      parameters_ == DType::f32 ? " or bf16" : "", ", got ", dtype);
    dtype_ = dtype;
  }
  DType dtype() const { return dtype_; }

  /// x, which comes in the dtype of the parameters, as an activation; and an activation in the dtype of
  /// the parameters again. Without bf16 both are x itself.
  Variable from_parameters(const Variable& x) const { return fast() ? to(x, dtype_) : x; }
  Variable to_parameters(const Variable& x) const { return fast() ? to(x, parameters_) : x; }

 private:
  bool fast() const { return dtype_ != parameters_; }

  DType parameters_, dtype_;
};

}  // namespace chainline::nn
