#include "nn/embedding.h"

#include "autograd/ops.h"

namespace chainline::nn {

Embedding::Embedding(std::int64_t entries, std::int64_t channels, DType dtype)
    : weight_(Tensor::zeros({entries, channels}, dtype), true) {}

Variable Embedding::operator()(const Tensor& ids) const { return embedding(weight_, ids); }

}  // namespace chainline::nn
