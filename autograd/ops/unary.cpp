// Functions of one Variable, element by element. A rule reads the output where the derivative is
// shorter in it (exp, tanh, sigmoid, sqrt), so that the input need not be kept.

#include "tensor/ops/unary.h"

#include <numbers>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/ops/compare.h"

namespace chainline {
namespace {

/// A rule dx = g f(x): the input is saved.
template <class Derivative>
struct InputRule final : Node {
  std::string_view op;
  std::string_view name() const override { return op; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [x] = saved<1>();
    return {Derivative{}(g[0], x)};
  }
};

/// A rule dx = g f(y): the output is saved.
template <class Derivative>
struct OutputRule final : Node {
  std::string_view op;
  std::string_view name() const override { return op; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [y] = saved<1>();
    return {Derivative{}(g[0], y)};
  }
};

template <class Derivative>
Variable from_input(std::string_view op, const Variable& x, const Tensor& y, Derivative) {
  const auto fill = [&](InputRule<Derivative>& rule) {
    rule.op = op;
    rule.save("x", x);
  };
  return record<InputRule<Derivative>>({x}, {y}, fill)[0];
}

template <class Derivative>
Variable from_output(std::string_view op, const Variable& x, const Tensor& y, Derivative) {
  const auto fill = [&](OutputRule<Derivative>& rule) {
    rule.op = op;
    rule.save_output("y", y, 0);
  };
  return record<OutputRule<Derivative>>({x}, {y}, fill)[0];
}

using V = const Variable&;

Tensor constant(const Tensor& like, double x) {
  return Tensor::full({}, x, like.dtype(), like.device());
}

/// A rule dx = g mask with a mask of zeros and ones that is itself constant.
struct MaskRule final : Node {
  std::string_view op;
  std::string_view name() const override { return op; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [mask] = saved<1>();
    const Variable zero(constant(g[0].value(), 0));
    return {where(mask.value(), g[0], zero)};
  }
};

Variable from_mask(std::string_view op, const Variable& x, const Tensor& y, const Tensor& mask) {
  const auto fill = [&](MaskRule& rule) {
    rule.op = op;
    rule.save("mask", mask);
  };
  return record<MaskRule>({x}, {y}, fill)[0];
}

struct PowIntRule final : Node {
  int n = 0;
  std::string_view name() const override { return "pow_int"; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [x] = saved<1>();
    return {n == 0 ? mul_scalar(g[0], 0) : mul_scalar(g[0] * pow_int(x, n - 1), n)};
  }
};

}  // namespace

Variable neg(const Variable& x) {
  struct Rule final : Node {
    std::string_view name() const override { return "neg"; }
    Variables backward(const Variables& g, const Needs&) const override { return {neg(g[0])}; }
  };
  return record<Rule>({x}, {ops::neg(x.value())}, [](Rule&) {})[0];
}

Variable abs(const Variable& x) {
  return from_input("abs", x, ops::abs(x.value()),
                    [](V g, V v) { return g * Variable(ops::sign(v.value())); });
}

Variable square(const Variable& x) {
  return from_input("square", x, ops::square(x.value()),
                    [](V g, V v) { return mul_scalar(g * v, 2); });
}

Variable sqrt(const Variable& x) {
  return from_output("sqrt", x, ops::sqrt(x.value()),
                     [](V g, V y) { return mul_scalar(g / y, 0.5); });
}

Variable rsqrt(const Variable& x) {
  return from_output("rsqrt", x, ops::rsqrt(x.value()),
                     [](V g, V y) { return mul_scalar(g * (square(y) * y), -0.5); });
}

Variable reciprocal(const Variable& x) {
  return from_output("reciprocal", x, ops::reciprocal(x.value()),
                     [](V g, V y) { return neg(g * square(y)); });
}

Variable exp(const Variable& x) {
  return from_output("exp", x, ops::exp(x.value()), [](V g, V y) { return g * y; });
}

Variable log(const Variable& x) {
  return from_input("log", x, ops::log(x.value()), [](V g, V v) { return g / v; });
}

Variable tanh(const Variable& x) {
  return from_output("tanh", x, ops::tanh(x.value()), [](V g, V y) { return g - g * square(y); });
}

Variable erf(const Variable& x) {
  return from_input("erf", x, ops::erf(x.value()), [](V g, V v) {
    return g * mul_scalar(exp(neg(square(v))), 2 * std::numbers::inv_sqrtpi);
  });
}

Variable sigmoid(const Variable& x) {
  return from_output("sigmoid", x, ops::sigmoid(x.value()),
                     [](V g, V y) { return g * (y - square(y)); });
}

Variable sin(const Variable& x) {
  return from_input("sin", x, ops::sin(x.value()), [](V g, V v) { return g * cos(v); });
}

Variable cos(const Variable& x) {
  return from_input("cos", x, ops::cos(x.value()), [](V g, V v) { return neg(g * sin(v)); });
}

Variable relu(const Variable& x) {
  return from_mask("relu", x, ops::relu(x.value()),
                   ops::greater(x.value(), constant(x.value(), 0)));
}

Variable clamp(const Variable& x, double lo, double hi) {
  const Tensor& v = x.value();
  return from_mask("clamp", x, ops::clamp(v, lo, hi),
                   ops::logical_and(ops::greater_equal(v, constant(v, lo)),
                                    ops::less_equal(v, constant(v, hi))));
}

Variable pow_int(const Variable& x, int n) {
  const auto fill = [&](PowIntRule& rule) {
    rule.n = n;
    rule.save("x", x);
  };
  return record<PowIntRule>({x}, {ops::pow_int(x.value(), n)}, fill)[0];
}

}  // namespace chainline
