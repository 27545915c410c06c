#include "tensor/ops/compare.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "tensor/iterate.h"
#include "tensor/ops/broadcast.h"

namespace chainline::ops {
namespace {

/// The kernels know the relations that the others are: a > b is b < a, also for NaN.
Tensor compare(Comparison comparison, std::string_view op, const Tensor& a, const Tensor& b) {
  const Broadcast on = broadcast(a, b, op);
  check<DTypeError>(a.dtype() != DType::bf16, op, ": expected dtype f32, f64, i64 or u8, got bf16",
                    "; convert it with to(DType::f32)");
  Tensor y = Tensor::empty(on.a.shape(), DType::u8, a.device());
  kernel::compare(a.device(), comparison, on.a, on.b, y);
  return y;
}

void check_condition(const Tensor& t, std::string_view op) {
  check<DTypeError>(t.dtype() == DType::u8, op, ": expected dtype u8, got ", t.dtype());
}

Tensor logical(Comparison comparison, std::string_view op, const Tensor& a, const Tensor& b) {
  check_condition(a, op);
  return compare(comparison, op, a, b);
}

}  // namespace

Tensor equal(const Tensor& a, const Tensor& b) { return compare(Comparison::equal, "equal", a, b); }
Tensor not_equal(const Tensor& a, const Tensor& b) {
  return compare(Comparison::not_equal, "not_equal", a, b);
}
Tensor less(const Tensor& a, const Tensor& b) { return compare(Comparison::less, "less", a, b); }
Tensor less_equal(const Tensor& a, const Tensor& b) {
  return compare(Comparison::less_equal, "less_equal", a, b);
}
Tensor greater(const Tensor& a, const Tensor& b) {
  const Broadcast on = broadcast(a, b, "greater");
  return compare(Comparison::less, "greater", on.b, on.a);
}
Tensor greater_equal(const Tensor& a, const Tensor& b) {
  const Broadcast on = broadcast(a, b, "greater_equal");
  return compare(Comparison::less_equal, "greater_equal", on.b, on.a);
}

Tensor logical_and(const Tensor& a, const Tensor& b) {
  return logical(Comparison::logical_and, "logical_and", a, b);
}
Tensor logical_or(const Tensor& a, const Tensor& b) {
  return logical(Comparison::logical_or, "logical_or", a, b);
}
Tensor logical_not(const Tensor& x) {
  check_condition(x, "logical_not");
  Tensor y = Tensor::empty(x.shape(), DType::u8, x.device());
  kernel::test_property(x.device(), Property::logical_not, x, y);
  return y;
}

Tensor is_finite(const Tensor& x) {
  check<DTypeError>(x.dtype() != DType::bf16, "is_finite: expected dtype f32, f64, i64 or u8, ",
                    "got bf16; convert it with to(DType::f32)");
  Tensor y = Tensor::empty(x.shape(), DType::u8, x.device());
  kernel::test_property(x.device(), Property::is_finite, x, y);
  return y;
}

}  // namespace chainline::ops

namespace chainline::cpu::CHAINLINE_ISA {

void compare(Comparison comparison, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_numeric(a.dtype(), "compare", [&]<class T>(Type<T>) {
    const auto fill = [&](auto holds) {
      map<std::uint8_t, T, T>(
          y, [holds](T p, T q) { return static_cast<std::uint8_t>(holds(p, q)); }, a, b);
    };
    switch (comparison) {
      case Comparison::equal:
        return fill([](T p, T q) { return p == q; });
      case Comparison::not_equal:
        return fill([](T p, T q) { return p != q; });
      case Comparison::less:
        return fill([](T p, T q) { return p < q; });
      case Comparison::less_equal:
        return fill([](T p, T q) { return p <= q; });
      case Comparison::logical_and:
        return fill([](T p, T q) { return (p != 0) & (q != 0); });
      case Comparison::logical_or:
        return fill([](T p, T q) { return (p != 0) | (q != 0); });
    }
  });
}

void test_property(Property property, const Tensor& x, Tensor& y) {
  visit_numeric(x.dtype(), "test_property", [&]<class T>(Type<T>) {
    const auto fill = [&](auto holds) {
      map<std::uint8_t, T>(
          y, [holds](T p) { return static_cast<std::uint8_t>(holds(p)); }, x);
    };
    switch (property) {
      case Property::logical_not:
        return fill([](T p) { return p == 0; });
      case Property::is_finite:
        if constexpr (std::is_integral_v<T>) {
          return fill([](T) { return true; });
        } else {
          return fill([](T p) { return std::abs(p) <= std::numeric_limits<T>::max(); });
        }
    }
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA
