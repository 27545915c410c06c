#include "tensor/ops/cat.h"

#include "autograd/node.h"
#include "autograd/ops.h"

namespace chainline {
namespace {

struct CatRule final : Node {
  std::int64_t dim = 0;
  std::string_view name() const override { return "cat"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    Variables gradients(inputs().size());
    std::int64_t start = 0;
    for (std::size_t i = 0; i < inputs().size(); ++i) {
      const std::int64_t length = inputs()[i].shape[dim];
      if (needs[i]) gradients[i] = narrow(g[0], dim, start, length);
      start += length;
    }
    return gradients;
  }
};

}  // namespace

Variable cat(const Variables& parts, std::int64_t dim) {
  check<ShapeError>(!parts.empty(), "cat: expected at least one tensor, got none");
  std::vector<Tensor> values;
  for (const Variable& part : parts) values.push_back(part.value());
  const auto fill = [&](CatRule& rule) { rule.dim = parts[0].shape().dim(dim, "cat"); };
  return record<CatRule>(parts, {ops::cat(values, dim)}, fill)[0];
}

}  // namespace chainline
