#include "tensor/ops/matmul.h"

#include "autograd/node.h"
#include "autograd/ops.h"

namespace chainline {
namespace {

struct MatmulRule final : Node {
  std::string_view name() const override { return "matmul"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const auto [a, b] = saved<2>();
    return {needs[0] ? matmul(g[0], transpose(b, -1, -2)) : Variable(),
            needs[1] ? matmul(transpose(a, -1, -2), g[0]) : Variable()};
  }
};

}  // namespace

Variable matmul(const Variable& x, const Variable& y) {
  check<ShapeError>(x.shape().rank() >= 2 && y.shape().rank() >= 2,
                    "matmul: expected matrices or batches of them, got shapes ", x.shape(), " and ",
                    y.shape());
  // The leading dimensions broadcast by an op of their own, like those of any other op.
  const Shape &s = x.shape(), &t = y.shape();
  const Shape batch =
      broadcast_shapes(s.slice(0, s.rank() - 2), t.slice(0, t.rank() - 2), "matmul");
  const auto stretched = [&](const Variable& v) {
    const Shape& own = v.shape();
    return broadcast_to(v, batch.inserted(-1, own[-2]).inserted(-1, own[-1]));
  };
  const Variable a = stretched(x), b = stretched(y);
  const auto fill = [&](MatmulRule& rule) {
    rule.save("a", a);
    rule.save("b", b);
  };
  return record<MatmulRule>({a, b}, {ops::matmul(a.value(), b.value())}, fill)[0];
}

}  // namespace chainline
