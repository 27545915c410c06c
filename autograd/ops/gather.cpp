// Reading by index and adding by index: each is the other's gradient.

#include "tensor/ops/gather.h"

#include "autograd/node.h"
#include "autograd/ops.h"

namespace chainline {
namespace {

struct GatherRule final : Node {
  std::int64_t dim = 0;
  std::string_view name() const override { return "gather"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [index] = saved<1>();
    const Tensor zeros = Tensor::zeros(inputs()[0].shape, g[0].dtype(), g[0].value().device());
    return {scatter_add(Variable(zeros), dim, index.value(), g[0])};
  }
};

struct ScatterAddRule final : Node {
  std::int64_t dim = 0;
  std::string_view name() const override { return "scatter_add"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const auto [index] = saved<1>();
    return {g[0], needs[1] ? gather(g[0], dim, index.value()) : Variable()};
  }
};

struct GatherRowsRule final : Node {
  std::string_view name() const override { return "gather_rows"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [index] = saved<1>();
    return {scatter_rows_add(g[0], index.value(), inputs()[0].shape[1])};
  }
};

struct ScatterRowsAddRule final : Node {
  std::string_view name() const override { return "scatter_rows_add"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [index] = saved<1>();
    return {gather_rows(g[0], index.value())};
  }
};

}  // namespace

Variable gather(const Variable& x, std::int64_t dim, const Tensor& index) {
  const auto fill = [&](GatherRule& rule) {
    rule.dim = dim;
    rule.save("index", index);
  };
  return record<GatherRule>({x}, {ops::gather(x.value(), dim, index)}, fill)[0];
}

Variable scatter_add(const Variable& x, std::int64_t dim, const Tensor& index,
                     const Variable& source) {
  const auto fill = [&](ScatterAddRule& rule) {
    rule.dim = dim;
    rule.save("index", index);
  };
  return record<ScatterAddRule>({x, source},
                                {ops::scatter_add(x.value(), dim, index, source.value())}, fill)[0];
}

Variable gather_rows(const Variable& x, const Tensor& index) {
  const auto fill = [&](GatherRowsRule& rule) { rule.save("index", index); };
  return record<GatherRowsRule>({x}, {ops::gather_rows(x.value(), index)}, fill)[0];
}

Variable scatter_rows_add(const Variable& x, const Tensor& index, std::int64_t rows) {
  const auto fill = [&](ScatterRowsAddRule& rule) { rule.save("index", index); };
  return record<ScatterRowsAddRule>({x}, {ops::scatter_rows_add(x.value(), index, rows)}, fill)[0];
}

}  // namespace chainline
