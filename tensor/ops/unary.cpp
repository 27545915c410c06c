#include "tensor/ops/unary.h"

#include <cmath>

#include "tensor/iterate.h"
#include "tensor/math.h"

namespace chainline {

std::string_view name(UnaryOp op) {
  constexpr std::string_view names[] = {"neg",   "abs",        "sign",    "square", "sqrt",
                                        "rsqrt", "reciprocal", "relu",    "exp",    "log",
                                        "tanh",  "erf",        "sigmoid", "sin",    "cos"};
  return names[static_cast<std::size_t>(op)];
}

}  // namespace chainline

namespace chainline::ops {
namespace {

/// The output of an elementwise op on x; refuses what kernels do not compute in.
Tensor like(const Tensor& x, std::string_view op) {
  check<DTypeError>(x.dtype() == DType::f32 || x.dtype() == DType::f64, op,
                    ": expected dtype f32 or f64, got ", x.dtype());
  return Tensor::empty(x.shape(), x.dtype(), x.device());
}

Tensor unary(UnaryOp op, const Tensor& x) {
  Tensor y = like(x, name(op));
  kernel::unary(x.device(), op, x, y);
  return y;
}

}  // namespace

Tensor neg(const Tensor& x) { return unary(UnaryOp::neg, x); }
Tensor abs(const Tensor& x) { return unary(UnaryOp::abs, x); }
Tensor sign(const Tensor& x) { return unary(UnaryOp::sign, x); }
Tensor square(const Tensor& x) { return unary(UnaryOp::square, x); }
Tensor sqrt(const Tensor& x) { return unary(UnaryOp::sqrt, x); }
Tensor rsqrt(const Tensor& x) { return unary(UnaryOp::rsqrt, x); }
Tensor reciprocal(const Tensor& x) { return unary(UnaryOp::reciprocal, x); }
Tensor relu(const Tensor& x) { return unary(UnaryOp::relu, x); }
Tensor exp(const Tensor& x) { return unary(UnaryOp::exp, x); }
Tensor log(const Tensor& x) { return unary(UnaryOp::log, x); }
Tensor tanh(const Tensor& x) { return unary(UnaryOp::tanh, x); }
Tensor erf(const Tensor& x) { return unary(UnaryOp::erf, x); }
Tensor sigmoid(const Tensor& x) { return unary(UnaryOp::sigmoid, x); }
Tensor sin(const Tensor& x) { return unary(UnaryOp::sin, x); }
Tensor cos(const Tensor& x) { return unary(UnaryOp::cos, x); }

Tensor clamp(const Tensor& x, double low, double high) {
  check<ValueError>(low <= high, "clamp: expected low <= high, got low ", low, " and high ", high);
  Tensor y = like(x, "clamp");
  kernel::clamp(x.device(), x, low, high, y);
  return y;
}

Tensor pow_int(const Tensor& x, std::int64_t n) {
  Tensor y = like(x, "pow_int");
  kernel::pow_int(x.device(), x, n, y);
  return y;
}

}  // namespace chainline::ops

namespace chainline::cpu::CHAINLINE_ISA {

void unary(UnaryOp op, const Tensor& x, Tensor& y) {
  visit_floating(x.dtype(), name(op), [&]<class T>(Type<T>) {
    const auto fill = [&](auto f) { map<T, T>(y, f, x); };
    switch (op) {
      case UnaryOp::neg:
        return fill([](T e) { return -e; });
      case UnaryOp::abs:
        return fill([](T e) { return std::abs(e); });
      case UnaryOp::sign:
        return fill([](T e) { return e > 0 ? T(1) : e < 0 ? T(-1) : e; });
      case UnaryOp::square:
        return fill([](T e) { return e * e; });
      case UnaryOp::sqrt:
        return fill([](T e) { return std::sqrt(e); });
      case UnaryOp::rsqrt:
        return fill([](T e) { return math::rsqrt(e); });
      case UnaryOp::reciprocal:
        return fill([](T e) { return 1 / e; });
      case UnaryOp::relu:
        return fill([](T e) { return e < 0 ? T(0) : e; });
      case UnaryOp::exp:
        return fill([](T e) { return math::exp(e); });
      case UnaryOp::log:
        return fill([](T e) { return math::log(e); });
      case UnaryOp::tanh:
        return fill([](T e) { return math::tanh(e); });
      case UnaryOp::erf:
        return fill([](T e) { return math::erf(e); });
      case UnaryOp::sigmoid:
        return fill([](T e) { return math::sigmoid(e); });
      case UnaryOp::sin:
        return fill([](T e) { return math::sin(e); });
      case UnaryOp::cos:
        return fill([](T e) { return math::cos(e); });
    }
  });
}

void clamp(const Tensor& x, double low, double high, Tensor& y) {
  visit_floating(x.dtype(), "clamp", [&]<class T>(Type<T>) {
    const T lowest = static_cast<T>(low), highest = static_cast<T>(high);
    map<T, T>(
        y, [=](T e) { return e < lowest    ? lowest
                             : e > highest ? highest
                                           : e; }, x);
  });
}

void pow_int(const Tensor& x, std::int64_t n, Tensor& y) {
  const std::uint64_t digits =
      n < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
  visit_floating(x.dtype(), "pow_int", [&]<class T>(Type<T>) {
    map<T, T>(
        y,
        [=](T e) {
          T power = 1;
          for (std::uint64_t left = digits; left != 0; left >>= 1, e *= e) {
            if (left & 1u) power *= e;
          }
          return n < 0 ? 1 / power : power;
        },
        x);
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA
