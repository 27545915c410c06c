#include "nn/init.h"

#include <cmath>

#include "tensor/random.h"

namespace chainline::nn {

void init_weights(const std::vector<NamedParameter>& parameters, std::uint64_t seed) {
  for (const NamedParameter& p : parameters) {
    Variable variable = p.variable;
    const Shape shape = variable.shape();
    if (shape.rank() < 2) continue;
    const double std = 1 / std::sqrt(static_cast<double>(shape[-1]));
    RandomSequence random = Generator(seed, "init/" + p.name).sequence(0, 0);
    Tensor drawn = Tensor::empty(shape, DType::f64);
    double* const values = drawn.mutable_data<double>();
    for (std::int64_t i = 0; i < drawn.numel(); ++i) values[i] = std * random.normal();
    Tensor& value = variable.mutable_value();
    value.copy_from(drawn.to(value.device()).to(value.dtype()));
  }
}

}  // namespace chainline::nn
