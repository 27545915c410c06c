#include "tensor/ops/embedding.h"

#include "autograd/node.h"
#include "autograd/ops.h"

namespace chainline {
namespace {

/// The gradient of the table is linear in grad_y: its own gradient looks the rows up again.
struct EmbeddingBackwardRule final : Node {
  std::string_view name() const override { return "embedding_backward"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [ids] = saved<1>();
    return {embedding(g[0], ids.value())};
  }
};

struct EmbeddingRule final : Node {
  std::string_view name() const override { return "embedding"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const Variable ids = saved<1>()[0];
    const Tensor dweight =
        ops::embedding_backward(g[0].value(), ids.value(), inputs()[0].shape[0], needs.sum(0));
    const auto fill = [&](EmbeddingBackwardRule& rule) { rule.save("ids", ids); };
    return record<EmbeddingBackwardRule>({g[0]}, {dweight}, fill);
  }
};

}  // namespace

Variable embedding(const Variable& weight, const Tensor& ids) {
  const auto fill = [&](EmbeddingRule& rule) { rule.save("ids", ids); };
  return record<EmbeddingRule>({weight}, {ops::embedding(weight.value(), ids)}, fill)[0];
}

}  // namespace chainline
