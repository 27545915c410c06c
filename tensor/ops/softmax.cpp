#include "tensor/ops/softmax.h"

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

template <class T>
void softmax_row(const T* x, std::int64_t C, T* y) {
  const T shift = shift_of(x, C);
  for (std::int64_t c = 0; c < C; ++c) y[c] = math::exp_at_most_one(x[c] - shift);
  const T sum = row_sum<T>(C, [=](std::int64_t c) { return y[c]; });
  if (sum == 0) return;  // every entry is -inf, every y is 0
  for (std::int64_t c = 0; c < C; ++c) y[c] /= sum;
}

template <class T>
void log_softmax_row(const T* x, std::int64_t C, T* y) {
  const T shift = shift_of(x, C);
  const T sum = row_sum<T>(C, [=](std::int64_t c) { return math::exp_at_most_one(x[c] - shift); });
  const T log_sum = sum == 0 ? T(0) : math::log(sum);
  for (std::int64_t c = 0; c < C; ++c) y[c] = (x[c] - shift) - log_sum;
}

}  // namespace

void softmax(const Tensor& x, Tensor& y) {
  const Rows rows = rows_of(x, "softmax", "x");
  visit_floating(x.dtype(), "softmax", [&]<class T>(Type<T>) {
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    const std::int64_t C = rows.length;
    parallel_rows(rows, [=](std::int64_t r) { softmax_row(px + r * C, C, py + r * C); });
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
    parallel_rows(rows, [=](std::int64_t r) { log_softmax_row(px + r * C, C, py + r * C); });
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
