#include "tensor/ops/softmax.h"

#include <algorithm>
#include <limits>

#include "tensor/math.h"
#include "tensor/ops/operand.h"
#include "tensor/row_sum.h"
#include "tensor/rows.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// What a row is shifted by before exp: its maximum, or 0 for a row of nothing but -inf (or NaN),
/// where -inf - -inf would be a NaN that nobody gave.
template <class T>
T shift_of(const T* x, std::int64_t C) {
  const T max = row_max<T>(C, [=](std::int64_t c) { return x[c]; });
  return max == -std::numeric_limits<T>::infinity() ? T(0) : max;
}

// A short row alone would mostly wait, for its maximum, its sum and the division by it. So rows take
// each step side by side, as many as a cache holds.

constexpr std::int64_t kSideBySide = 32;

template <class T>
void softmax_rows(const T* x, std::int64_t rows, std::int64_t C, T* y) {
  T shift[kSideBySide];
  for (std::int64_t r = 0; r < rows; ++r) shift[r] = shift_of(x + r * C, C);
  for (std::int64_t r = 0; r < rows; ++r) {
    const T s = shift[r];
    for (std::int64_t c = r * C; c < (r + 1) * C; ++c) y[c] = math::exp_at_most_one(x[c] - s);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    T* const p = y + r * C;
    const T sum = row_sum<T>(C, [=](std::int64_t c) { return p[c]; });
    if (sum == 0) continue;  // every entry is -inf, every y is 0
    for (std::int64_t c = 0; c < C; ++c) p[c] /= sum;
  }
}

template <class T>
void log_softmax_rows(const T* x, std::int64_t rows, std::int64_t C, T* y) {
  T shift[kSideBySide], log_sum[kSideBySide];
  for (std::int64_t r = 0; r < rows; ++r) shift[r] = shift_of(x + r * C, C);
  for (std::int64_t r = 0; r < rows; ++r) {
    const T *p = x + r * C, s = shift[r];
    const T sum = row_sum<T>(C, [=](std::int64_t c) { return math::exp_at_most_one(p[c] - s); });
    log_sum[r] = sum == 0 ? T(0) : math::log(sum);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = r * C; c < (r + 1) * C; ++c) y[c] = (x[c] - shift[r]) - log_sum[r];
  }
}

/// Runs body(r, n) for groups of n rows from r on.
template <class F>
void parallel_row_groups(Rows rows, const F& body) {
  constexpr std::int64_t kCached = 2048, kElementsPerChunk = 16384;
  const std::int64_t side_by_side = std::clamp<std::int64_t>(kCached / rows.length, 1, kSideBySide);
  const std::int64_t grain = std::max(side_by_side, kElementsPerChunk / rows.length);
  parallel_for(rows.count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r += side_by_side) {
      body(r, std::min(side_by_side, end - r));
    }
  });
}

}  // namespace

void softmax(const Tensor& x, Tensor& y) {
  const Rows rows = rows_of(x, "softmax", "x");
  visit_floating(x.dtype(), "softmax", [&]<class T>(Type<T>) {
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    const std::int64_t C = rows.length;
    parallel_row_groups(
        rows, [=](std::int64_t r, std::int64_t n) { softmax_rows(px + r * C, n, C, py + r * C); });
  });
}

void softmax_backward(const Tensor& grad_y, const Tensor& y, Tensor& dx) {
  const Rows rows = rows_of(y, "softmax_backward", "y");
  visit_floating(y.dtype(), "softmax_backward", [&]<class T>(Type<T>) {
    const T *pg = grad_y.data<T>(), *py = y.data<T>();
    T* pdx = dx.mutable_data<T>();
    const std::int64_t C = rows.length;
    parallel_rows(rows, [=](std::int64_t r) {
      const T *g = pg + r * C, *p = py + r * C;
      const T sum = row_sum<T>(C, [=](std::int64_t c) { return g[c] * p[c]; });
      T* d = pdx + r * C;
      for (std::int64_t c = 0; c < C; ++c) d[c] = p[c] * (g[c] - sum);
    });
  });
}

void log_softmax(const Tensor& x, Tensor& y) {
  const Rows rows = rows_of(x, "log_softmax", "x");
  visit_floating(x.dtype(), "log_softmax", [&]<class T>(Type<T>) {
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    const std::int64_t C = rows.length;
    parallel_row_groups(rows, [=](std::int64_t r, std::int64_t n) {
      log_softmax_rows(px + r * C, n, C, py + r * C);
    });
  });
}

void log_softmax_backward(const Tensor& grad_y, const Tensor& y, Tensor& dx) {
  const Rows rows = rows_of(y, "log_softmax_backward", "y");
  visit_floating(y.dtype(), "log_softmax_backward", [&]<class T>(Type<T>) {
    const T *pg = grad_y.data<T>(), *py = y.data<T>();
    T* pdx = dx.mutable_data<T>();
    const std::int64_t C = rows.length;
    parallel_rows(rows, [=](std::int64_t r) {
      const T *g = pg + r * C, *p = py + r * C;
      const T sum = row_sum<T>(C, [=](std::int64_t c) { return g[c]; });
      T* d = pdx + r * C;
      for (std::int64_t c = 0; c < C; ++c) d[c] = g[c] - math::exp_at_most_one(p[c]) * sum;
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

Tensor softmax(const Tensor& x) {
  rows_of(x, "softmax", "x");
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::softmax(x.device(), x.contiguous(), y);
  return y;
}

Tensor softmax_backward(const Tensor& grad_y, const Tensor& y) {
  rows_of(y, "softmax_backward", "y");
  check_operand(grad_y, y.shape(), y, "softmax_backward", "grad_y");
  Tensor dx = Tensor::empty(y.shape(), y.dtype(), y.device());
  kernel::softmax_backward(y.device(), grad_y.contiguous(), y.contiguous(), dx);
  return dx;
}

Tensor log_softmax(const Tensor& x) {
  rows_of(x, "log_softmax", "x");
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::log_softmax(x.device(), x.contiguous(), y);
  return y;
}

Tensor log_softmax_backward(const Tensor& grad_y, const Tensor& y) {
  rows_of(y, "log_softmax_backward", "y");
  check_operand(grad_y, y.shape(), y, "log_softmax_backward", "grad_y");
  Tensor dx = Tensor::empty(y.shape(), y.dtype(), y.device());
  kernel::log_softmax_backward(y.device(), grad_y.contiguous(), y.contiguous(), dx);
  return dx;
}

}  // namespace chainline::ops
