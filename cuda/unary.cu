// A thread for each element; the function is a type, so that each has a kernel of its own.

#include "tensor/ops/unary.h"

#include <cmath>

#include "cuda/elementwise.cuh"
#include "tensor/math.h"

namespace chainline::cuda {
namespace {

template <class T, UnaryOp kOp>
struct Function {
  __device__ T operator()(T e) const {
    if constexpr (kOp == UnaryOp::neg) return -e;
    if constexpr (kOp == UnaryOp::abs) return math::parts::absolute(e);
    if constexpr (kOp == UnaryOp::sign) return e > 0 ? T(1) : e < 0 ? T(-1) : e;
    if constexpr (kOp == UnaryOp::square) return e * e;
    if constexpr (kOp == UnaryOp::sqrt) return std::sqrt(e);
    if constexpr (kOp == UnaryOp::rsqrt) return math::rsqrt(e);
    if constexpr (kOp == UnaryOp::reciprocal) return 1 / e;
    if constexpr (kOp == UnaryOp::relu) return e < 0 ? T(0) : e;
    if constexpr (kOp == UnaryOp::exp) return math::exp(e);
    if constexpr (kOp == UnaryOp::log) return math::log(e);
    if constexpr (kOp == UnaryOp::tanh) return math::tanh(e);
    if constexpr (kOp == UnaryOp::erf) return math::erf(e);
    if constexpr (kOp == UnaryOp::sigmoid) return math::sigmoid(e);
    if constexpr (kOp == UnaryOp::sin) return math::sin(e);
    if constexpr (kOp == UnaryOp::cos) return math::cos(e);
  }
};

template <class T>
struct Clamp {
  T lowest, highest;
  __device__ T operator()(T e) const { return e < lowest ? lowest : e > highest ? highest : e; }
};

template <class T>
struct Power {
  std::uint64_t digits;
  bool inverts;
  __device__ T operator()(T e) const {
    T power = 1;
    for (std::uint64_t left = digits; left != 0; left >>= 1, e *= e) {
      if (left & 1u) power *= e;
    }
    return inverts ? 1 / power : power;
  }
};

template <UnaryOp kOp>
void run(const Tensor& x, Tensor& y) {
  visit_floating(x.dtype(), name(kOp),
                 [&]<class T>(Type<T>) { elementwise<T, T>(y, Function<T, kOp>(), x); });
}

}  // namespace

void unary(UnaryOp op, const Tensor& x, Tensor& y) {
  switch (op) {
    case UnaryOp::neg:
      return run<UnaryOp::neg>(x, y);
    case UnaryOp::abs:
      return run<UnaryOp::abs>(x, y);
    case UnaryOp::sign:
      return run<UnaryOp::sign>(x, y);
    case UnaryOp::square:
      return run<UnaryOp::square>(x, y);
    case UnaryOp::sqrt:
      return run<UnaryOp::sqrt>(x, y);
    case UnaryOp::rsqrt:
      return run<UnaryOp::rsqrt>(x, y);
    case UnaryOp::reciprocal:
      return run<UnaryOp::reciprocal>(x, y);
    case UnaryOp::relu:
      return run<UnaryOp::relu>(x, y);
    case UnaryOp::exp:
      return run<UnaryOp::exp>(x, y);
    case UnaryOp::log:
      return run<UnaryOp::log>(x, y);
    case UnaryOp::tanh:
      return run<UnaryOp::tanh>(x, y);
    case UnaryOp::erf:
      return run<UnaryOp::erf>(x, y);
    case UnaryOp::sigmoid:
      return run<UnaryOp::sigmoid>(x, y);
    case UnaryOp::sin:
      return run<UnaryOp::sin>(x, y);
    case UnaryOp::cos:
      return run<UnaryOp::cos>(x, y);
  }
}

void clamp(const Tensor& x, double low, double high, Tensor& y) {
  visit_floating(x.dtype(), "clamp", [&]<class T>(Type<T>) {
    elementwise<T, T>(y, Clamp<T>{static_cast<T>(low), static_cast<T>(high)}, x);
  });
}

void pow_int(const Tensor& x, std::int64_t n, Tensor& y) {
  const auto bits = static_cast<std::uint64_t>(n);
  visit_floating(x.dtype(), "pow_int", [&]<class T>(Type<T>) {
    elementwise<T, T>(y, Power<T>{n < 0 ? std::uint64_t{0} - bits : bits, n < 0}, x);
  });
}

}  // namespace chainline::cuda
