#include "nn/projector.h"

namespace chainline::nn {

Projector::Projector(std::int64_t image_channels, std::int64_t text_channels, DType dtype)
    : linear1_(image_channels, text_channels, true, dtype),
      linear2_(text_channels, text_channels, true, dtype) {}

Variable Projector::operator()(const Variable& x) const {
  return linear2_(linear1_.then_gelu(x, GeluForm::erf));
}

void Projector::visit(ParameterVisitor& v) {
  v.child("linear_1", linear1_);
  v.child("linear_2", linear2_);
}

}  // namespace chainline::nn
