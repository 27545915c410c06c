// A thread for each element; the question is a type, so that each has a kernel of its own.

#include "tensor/ops/compare.h"

#include <type_traits>

#include "cuda/constants.cuh"
#include "cuda/elementwise.cuh"
#include "tensor/math_parts.h"

namespace chainline::cuda {
namespace {

template <class T, Comparison kComparison>
struct Holds {
  __device__ std::uint8_t operator()(T p, T q) const {
    if constexpr (kComparison == Comparison::equal) return p == q;
    if constexpr (kComparison == Comparison::not_equal) return p != q;
    if constexpr (kComparison == Comparison::less) return p < q;
    if constexpr (kComparison == Comparison::less_equal) return p <= q;
    if constexpr (kComparison == Comparison::logical_and) return p != 0 && q != 0;
    if constexpr (kComparison == Comparison::logical_or) return p != 0 || q != 0;
  }
};

template <class T>
struct IsZero {
  __device__ std::uint8_t operator()(T p) const { return p == 0; }
};

template <class T>
struct IsFinite {
  __device__ std::uint8_t operator()(T p) const {
    if constexpr (std::is_integral_v<T>) {
      return 1;
    } else {
      return math::parts::absolute(p) <= kLargest<T>;
    }
  }
};

template <Comparison kComparison>
void run(const Tensor& a, const Tensor& b, Tensor& y) {
  visit_numeric(a.dtype(), "compare", [&]<class T>(Type<T>) {
    elementwise<std::uint8_t, T, T>(y, Holds<T, kComparison>(), a, b);
  });
}

}  // namespace

void compare(Comparison comparison, const Tensor& a, const Tensor& b, Tensor& y) {
  switch (comparison) {
    case Comparison::equal:
      return run<Comparison::equal>(a, b, y);
    case Comparison::not_equal:
      return run<Comparison::not_equal>(a, b, y);
    case Comparison::less:
      return run<Comparison::less>(a, b, y);
    case Comparison::less_equal:
      return run<Comparison::less_equal>(a, b, y);
    case Comparison::logical_and:
      return run<Comparison::logical_and>(a, b, y);
    case Comparison::logical_or:
      return run<Comparison::logical_or>(a, b, y);
  }
}

void test_property(Property property, const Tensor& x, Tensor& y) {
  visit_numeric(x.dtype(), "test_property", [&]<class T>(Type<T>) {
    if (property == Property::logical_not) {
      elementwise<std::uint8_t, T>(y, IsZero<T>(), x);
    } else {
      elementwise<std::uint8_t, T>(y, IsFinite<T>(), x);
    }
  });
}

}  // namespace chainline::cuda
