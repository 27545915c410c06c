#include "tensor/ops/extremum.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "tensor/ops/along.h"
#include "tensor/row_sum.h"

namespace chainline::ops {
namespace {

/// The dimension counted from the front, after the checks that all searches share.
std::int64_t searched(const Tensor& x, std::int64_t d, std::string_view op) {
  check<DTypeError>(x.dtype() == DType::f32 || x.dtype() == DType::f64, op,
                    ": expected dtype f32 or f64, got ", x.dtype());
  d = x.shape().dim(d, op);
  check<ShapeError>(x.shape()[d] > 0, op, ": expected at least one element along dimension ", d,
                    ", got shape ", x.shape());
  return d;
}

Tensor extremum(Extremum which, std::string_view op, const Tensor& x, std::int64_t d,
                bool keepdim) {
  d = searched(x, d, op);
  Tensor y =
      Tensor::empty(keepdim ? x.shape().with(d, 1) : x.shape().without(d), x.dtype(), x.device());
  kernel::extremum(x.device(), which, x.contiguous(), d, y);
  return y;
}

}  // namespace

Tensor amax(const Tensor& x, std::int64_t d, bool keepdim) {
  return extremum(Extremum::largest, "amax", x, d, keepdim);
}
Tensor amin(const Tensor& x, std::int64_t d, bool keepdim) {
  return extremum(Extremum::smallest, "amin", x, d, keepdim);
}

Tensor argmax(const Tensor& x, std::int64_t d) {
  d = searched(x, d, "argmax");
  Tensor y = Tensor::empty(x.shape().without(d), DType::i64, x.device());
  kernel::argmax(x.device(), x.contiguous(), d, y);
  return y;
}

}  // namespace chainline::ops

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// `further(b, a)`: b lies beyond a, for numbers and for vectors of them. A NaN lies beyond
/// everything and stays, because nothing compares true with it.
template <class T, class Further>
void search(const Tensor& x, std::int64_t d, T start, const Further& further, Tensor& y) {
  const Along along(x.shape(), d);
  const T* const from = x.data<T>();
  T* const to = y.mutable_data<T>();
  const auto choose = [further](auto& a, const auto& b) {
    a = further(b, a) ? b : a;
    a = b != b ? b : a;
  };
  parallel_columns(along, [&](std::int64_t first, std::int64_t column, std::int64_t n) {
    const T* p = from + first;
    T* const best = to + column;
    if (along.inner == 1) {
      best[0] = detail::row_reduce<T>(
          along.length, start, [p](std::int64_t i) { return p[i]; }, choose);
    } else {
      std::fill_n(best, n, start);
      for (std::int64_t k = 0; k < along.length; ++k, p += along.inner) {
        for (std::int64_t i = 0; i < n; ++i) choose(best[i], p[i]);
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      best[i] = best[i] != best[i] ? std::numeric_limits<T>::quiet_NaN() : best[i] + T(0);
    }
  });
}

}  // namespace

void extremum(Extremum which, const Tensor& x, std::int64_t d, Tensor& y) {
  visit_floating(x.dtype(), "extremum", [&]<class T>(Type<T>) {
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    if (which == Extremum::largest) {
      search<T>(
          x, d, -kInfinity, [](const auto& b, const auto& a) { return b > a; }, y);
    } else {
      search<T>(
          x, d, kInfinity, [](const auto& b, const auto& a) { return b < a; }, y);
    }
  });
}

void argmax(const Tensor& x, std::int64_t d, Tensor& y) {
  const Along along(x.shape(), d);
  visit_floating(x.dtype(), "argmax", [&]<class T>(Type<T>) {
    const T* const from = x.data<T>();
    std::int64_t* const to = y.mutable_data<std::int64_t>();
    parallel_columns(along, [&](std::int64_t first, std::int64_t column, std::int64_t n) {
      for (std::int64_t i = 0; i < n; ++i) {
        const T* const p = from + first + i;
        std::int64_t at = 0;
        T best = p[0];
        for (std::int64_t k = 1; k < along.length; ++k) {
          const T next = p[k * along.inner];
          if (next > best || (next != next && best == best)) {
            best = next;
            at = k;
          }
        }
        to[column + i] = at;
      }
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA
