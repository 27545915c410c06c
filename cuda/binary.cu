// A thread for each element; the operation is a type, so that each has a kernel of its own.

#include "tensor/ops/binary.h"

#include <type_traits>

#include "cuda/elementwise.cuh"

namespace chainline::cuda {
namespace {

/// Where T computes: integers as unsigned ones, whose overflow is defined to wrap around.
template <class T>
using Wrapping =
    typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, Type<T>>::type;

template <class T>
struct Add {
  __device__ T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
  }
};
template <class T>
struct Sub {
  __device__ T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
  }
};
template <class T>
struct Mul {
  __device__ T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
  }
};
template <class T>
struct Div {
  __device__ T operator()(T a, T b) const { return a / b; }
};
template <class T>
struct Maximum {  // a NaN of a compares false with b and stays
  __device__ T operator()(T a, T b) const { return b > a || b != b ? b : a; }
};
template <class T>
struct Minimum {
  __device__ T operator()(T a, T b) const { return b < a || b != b ? b : a; }
};

/// f with one number as its second operand.
template <class T, class F>
struct WithNumber {
  T number;
  __device__ T operator()(T a) const { return F()(a, number); }
};

template <class T, class Use>
void visit_function(BinaryOp op, const Use& use) {
  switch (op) {
    case BinaryOp::add:
      return use(Add<T>());
    case BinaryOp::sub:
      return use(Sub<T>());
    case BinaryOp::mul:
      return use(Mul<T>());
    case BinaryOp::div:
      if constexpr (!std::is_integral_v<T>) use(Div<T>());
      return;
    case BinaryOp::maximum:
      return use(Maximum<T>());
    case BinaryOp::minimum:
      return use(Minimum<T>());
  }
}

/// visit_arithmetic with the fast class.
template <class Use>
void visit_number(DType dtype, std::string_view op, const Use& use) {
  if (dtype == DType::bf16) return use(Type<bf16>{});
  visit_arithmetic(dtype, op, use);
}

}  // namespace

void binary(BinaryOp op, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_number(y.dtype(), name(op), [&]<class T>(Type<T>) {
    visit_function<Arithmetic<T>>(op, [&](auto f) { compute<T, T, T>(y, f, a, b); });
  });
}

void binary_scalar(BinaryOp op, const Tensor& x, double value, Tensor& y) {
  visit_number(y.dtype(), name(op), [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    visit_function<A>(
        op, [&]<class F>(F) { compute<T, T>(y, WithNumber<A, F>{static_cast<A>(value)}, x); });
  });
}

}  // namespace chainline::cuda
