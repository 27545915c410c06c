#include "tensor/ops/binary.h"

#include <cmath>
#include <type_traits>

#include "tensor/iterate.h"
#include "tensor/ops/broadcast.h"
#include "tensor/ops/operand.h"

namespace chainline {

std::string_view name(BinaryOp op) {
  constexpr std::string_view names[] = {"add", "sub", "mul", "div", "maximum", "minimum"};
  return names[static_cast<std::size_t>(op)];
}

}  // namespace chainline

namespace chainline::ops {
namespace {

void check_arithmetic(const Tensor& x, BinaryOp op, std::string_view op_name) {
  const DType dtype = x.dtype();
  if (op == BinaryOp::div) {
    check<DTypeError>(dtype != DType::i64, op_name, ": expected dtype f32 or f64, got i64",
                      "; a division of integers is not defined");
  }
  check<DTypeError>(dtype == DType::f32 || dtype == DType::f64 || dtype == DType::i64 || is_fast(x),
                    op_name, ": expected dtype f32, f64 or i64, got ", dtype);
}

Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b) {
  check_arithmetic(a, op, name(op));
  const Broadcast on = broadcast(a, b, name(op));
  Tensor y = Tensor::empty(on.a.shape(), a.dtype(), a.device());
  kernel::binary(a.device(), op, on.a, on.b, y);
  return y;
}

Tensor binary_scalar(BinaryOp op, std::string_view op_name, const Tensor& x, double value) {
  check_arithmetic(x, op, op_name);
  if (x.dtype() == DType::i64) {
    check<ValueError>(std::trunc(value) == value && std::abs(value) < 0x1p63, op_name,
                      ": value: expected an integer of 64 bits for dtype i64, got ", value);
  }
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::binary_scalar(x.device(), op, x, value, y);
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return binary(BinaryOp::add, a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return binary(BinaryOp::sub, a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return binary(BinaryOp::mul, a, b); }
Tensor div(const Tensor& a, const Tensor& b) { return binary(BinaryOp::div, a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return binary(BinaryOp::maximum, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return binary(BinaryOp::minimum, a, b); }

Tensor add_scalar(const Tensor& x, double value) {
  return binary_scalar(BinaryOp::add, "add_scalar", x, value);
}
Tensor mul_scalar(const Tensor& x, double value) {
  return binary_scalar(BinaryOp::mul, "mul_scalar", x, value);
}
Tensor div_scalar(const Tensor& x, double value) {
  return binary_scalar(BinaryOp::div, "div_scalar", x, value);
}

}  // namespace chainline::ops

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// Where T computes: integers as unsigned ones, whose overflow is defined to wrap around.
template <class T>
using Wrapping =
    typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, Type<T>>::type;

/// Calls use(f) with the function (T, T) -> T that op names, so that the choice is made once and
/// not for every element.
template <class T, class Use>
void visit_function(BinaryOp op, const Use& use) {
  using W = Wrapping<T>;
  switch (op) {
    case BinaryOp::add:
      return use([](T a, T b) { return static_cast<T>(static_cast<W>(a) + static_cast<W>(b)); });
    case BinaryOp::sub:
      return use([](T a, T b) { return static_cast<T>(static_cast<W>(a) - static_cast<W>(b)); });
    case BinaryOp::mul:
      return use([](T a, T b) { return static_cast<T>(static_cast<W>(a) * static_cast<W>(b)); });
    case BinaryOp::div:
      if constexpr (!std::is_integral_v<T>) use([](T a, T b) { return a / b; });
      return;
    case BinaryOp::maximum:  // a NaN of a compares false with b and stays
      return use([](T a, T b) { return b > a || b != b ? b : a; });
    case BinaryOp::minimum:
      return use([](T a, T b) { return b < a || b != b ? b : a; });
  }
}

}  // namespace

void binary(BinaryOp op, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_arithmetic(y.dtype(), name(op), [&]<class T>(Type<T>) {
    visit_function<T>(op, [&](auto f) { map<T, T, T>(y, f, a, b); });
  });
}

void binary_scalar(BinaryOp op, const Tensor& x, double value, Tensor& y) {
  visit_arithmetic(y.dtype(), name(op), [&]<class T>(Type<T>) {
    const T number = static_cast<T>(value);
    visit_function<T>(op, [&](auto f) {
      map<T, T>(
          y, [f, number](T element) { return f(element, number); }, x);
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA
