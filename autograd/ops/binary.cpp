// Arithmetic on two Variables. Operands are broadcast first, by an op of its own, so the rules
// below never see two shapes.

#include "tensor/ops/binary.h"

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/ops/compare.h"
#include "tensor/ops/where.h"

namespace chainline {
namespace {

constexpr auto kNothing = [](auto&) {};

struct Operands {
  Variable a, b;
};

Operands broadcast(const Variable& a, const Variable& b, std::string_view op) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), op);
  return {broadcast_to(a, shape), broadcast_to(b, shape)};
}

struct AddRule final : Node {
  std::string_view name() const override { return "add"; }
  Variables backward(const Variables& g, const Needs&) const override { return {g[0], g[0]}; }
};

struct SubRule final : Node {
  std::string_view name() const override { return "sub"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    return {g[0], needs[1] ? neg(g[0]) : Variable()};
  }
};

struct MulRule final : Node {
  std::string_view name() const override { return "mul"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const auto [a, b] = saved<2>();
    return {needs[0] ? g[0] * b : Variable(), needs[1] ? g[0] * a : Variable()};
  }
};

struct DivRule final : Node {
  std::string_view name() const override { return "div"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const auto [a, b] = saved<2>();
    const Variable da = g[0] / b;
    return {da, needs[1] ? neg(da * a / b) : Variable()};
  }
};

/// The shares of the operands: 1 for the one chosen, 0 for the other, a half each for a tie.
struct ExtremeRule final : Node {
  std::string_view op;
  std::string_view name() const override { return op; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const auto [share_of_a] = saved<1>();
    return {needs[0] ? g[0] * share_of_a : Variable(),
            needs[1] ? g[0] - g[0] * share_of_a : Variable()};
  }
};

Variable extreme(std::string_view op, const Variable& a, const Variable& b, const Tensor& y,
                 const Tensor& a_wins) {
  const auto fill = [&](ExtremeRule& rule) {
    const auto constant = [&](double x) {
      return Tensor::full({}, x, a.dtype(), a.value().device());
    };
    const Tensor tie = ops::equal(a.value(), b.value());
    rule.op = op;
    rule.save("share",
              ops::where(tie, constant(0.5), ops::where(a_wins, constant(1), constant(0))));
  };
  return record<ExtremeRule>({a, b}, {y}, fill)[0];
}

struct AddScalarRule final : Node {
  std::string_view name() const override { return "add_scalar"; }
  Variables backward(const Variables& g, const Needs&) const override { return {g[0]}; }
};

struct MulScalarRule final : Node {
  double s = 0;
  std::string_view name() const override { return "mul_scalar"; }
  Variables backward(const Variables& g, const Needs&) const override {
    return {mul_scalar(g[0], s)};
  }
};

struct WhereRule final : Node {
  std::string_view name() const override { return "where"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    const auto [condition] = saved<1>();
    const Variable zero(Tensor::full({}, 0, g[0].dtype(), g[0].value().device()));
    return {needs[0] ? where(condition.value(), g[0], zero) : Variable(),
            needs[1] ? where(condition.value(), zero, g[0]) : Variable()};
  }
};

}  // namespace

Variable add(const Variable& x, const Variable& y) {
  const auto [a, b] = broadcast(x, y, "add");
  return record<AddRule>({a, b}, {ops::add(a.value(), b.value())}, kNothing)[0];
}

Variable sub(const Variable& x, const Variable& y) {
  const auto [a, b] = broadcast(x, y, "sub");
  return record<SubRule>({a, b}, {ops::sub(a.value(), b.value())}, kNothing)[0];
}

Variable mul(const Variable& x, const Variable& y) {
  const Operands o = broadcast(x, y, "mul");
  const auto fill = [&](MulRule& rule) {
    rule.save("a", o.a);
    rule.save("b", o.b);
  };
  return record<MulRule>({o.a, o.b}, {ops::mul(o.a.value(), o.b.value())}, fill)[0];
}

Variable div(const Variable& x, const Variable& y) {
  const Operands o = broadcast(x, y, "div");
  const auto fill = [&](DivRule& rule) {
    rule.save("a", o.a);
    rule.save("b", o.b);
  };
  return record<DivRule>({o.a, o.b}, {ops::div(o.a.value(), o.b.value())}, fill)[0];
}

Variable maximum(const Variable& x, const Variable& y) {
  const auto [a, b] = broadcast(x, y, "maximum");
  return extreme("maximum", a, b, ops::maximum(a.value(), b.value()),
                 ops::greater(a.value(), b.value()));
}

Variable minimum(const Variable& x, const Variable& y) {
  const auto [a, b] = broadcast(x, y, "minimum");
  return extreme("minimum", a, b, ops::minimum(a.value(), b.value()),
                 ops::less(a.value(), b.value()));
}

Variable add_scalar(const Variable& x, double s) {
  return record<AddScalarRule>({x}, {ops::add_scalar(x.value(), s)}, kNothing)[0];
}

Variable mul_scalar(const Variable& x, double s) {
  const auto fill = [&](MulScalarRule& rule) { rule.s = s; };
  return record<MulScalarRule>({x}, {ops::mul_scalar(x.value(), s)}, fill)[0];
}

Variable where(const Tensor& condition, const Variable& x, const Variable& y) {
  const Shape shape =
      broadcast_shapes(condition.shape(), broadcast_shapes(x.shape(), y.shape(), "where"), "where");
  const Variable a = broadcast_to(x, shape), b = broadcast_to(y, shape);
  const Tensor c = condition.broadcast_to(shape);
  const auto fill = [&](WhereRule& rule) { rule.save("condition", c); };
  return record<WhereRule>({a, b}, {ops::where(c, a.value(), b.value())}, fill)[0];
}

Variable operator+(const Variable& a, const Variable& b) { return add(a, b); }
Variable operator-(const Variable& a, const Variable& b) { return sub(a, b); }
Variable operator*(const Variable& a, const Variable& b) { return mul(a, b); }
Variable operator/(const Variable& a, const Variable& b) { return div(a, b); }
Variable operator-(const Variable& x) { return neg(x); }
Variable operator*(const Variable& x, double s) { return mul_scalar(x, s); }
Variable operator*(double s, const Variable& x) { return mul_scalar(x, s); }
Variable operator+(const Variable& x, double s) { return add_scalar(x, s); }

}  // namespace chainline
