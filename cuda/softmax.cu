// A warp for each row: its lanes are the lanes of rule 3, and each reads back only what it wrote.
// The formulas are those of tensor/ops/softmax.cpp.

#include "tensor/ops/softmax.h"

#include "cuda/row_sum.cuh"
#include "tensor/math.h"

namespace chainline::cuda {
namespace {

/// What a row is shifted by before exp: its maximum, or 0 for a row of nothing but -inf (or NaN).
template <class T>
__device__ T shift_of(const T* row, std::int64_t C) {
  const T max = row_max<T>(C, [=](std::int64_t c) { return row[c]; });
  return max == -kInfinity<T> ? T(0) : max;
}

template <class T>
__global__ void softmax_kernel(std::int64_t rows, std::int64_t C, const T* x, T* y) {
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T* const row = x + r * C;
    T* const p = y + r * C;
    const T shift = shift_of(row, C);
    for (std::int64_t c = lane(); c < C; c += kWarp) p[c] = math::exp_at_most_one(row[c] - shift);
    const T sum = row_sum<T>(C, [=](std::int64_t c) { return p[c]; });
    if (sum == 0) continue;  // every entry is -inf, every y is 0
    for (std::int64_t c = lane(); c < C; c += kWarp) p[c] /= sum;
  }
}

template <class T>
__global__ void softmax_backward_kernel(std::int64_t rows, std::int64_t C, const T* grad_y,
                                        const T* y, T* dx) {
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T *const g = grad_y + r * C, *const p = y + r * C;
    const T sum = row_sum<T>(C, [=](std::int64_t c) { return g[c] * p[c]; });
    for (std::int64_t c = lane(); c < C; c += kWarp) dx[r * C + c] = p[c] * (g[c] - sum);
  }
}

template <class T>
__global__ void log_softmax_kernel(std::int64_t rows, std::int64_t C, const T* x, T* y) {
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T* const row = x + r * C;
    const T shift = shift_of(row, C);
    const T sum =
        row_sum<T>(C, [=](std::int64_t c) { return math::exp_at_most_one(row[c] - shift); });
    const T log_sum = sum == 0 ? T(0) : math::log(sum);
    for (std::int64_t c = lane(); c < C; c += kWarp) y[r * C + c] = (row[c] - shift) - log_sum;
  }
}

template <class T>
__global__ void log_softmax_backward_kernel(std::int64_t rows, std::int64_t C, const T* grad_y,
                                            const T* y, T* dx) {
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T *const g = grad_y + r * C, *const p = y + r * C;
    const T sum = row_sum<T>(C, [=](std::int64_t c) { return g[c]; });
    for (std::int64_t c = lane(); c < C; c += kWarp) {
      dx[r * C + c] = g[c] - math::exp_at_most_one(p[c]) * sum;
    }
  }
}

std::int64_t rows_of(const Tensor& x) { return x.numel() / x.shape()[-1]; }

}  // namespace

void softmax(const Tensor& x, Tensor& y) {
  visit_floating(x.dtype(), "softmax", [&]<class T>(Type<T>) {
    launch_rows(rows_of(x), &softmax_kernel<T>, rows_of(x), x.shape()[-1], x.device_data<T>(),
                y.mutable_device_data<T>());
  });
}

void softmax_backward(const Tensor& grad_y, const Tensor& y, Tensor& dx) {
  visit_floating(y.dtype(), "softmax_backward", [&]<class T>(Type<T>) {
    launch_rows(rows_of(y), &softmax_backward_kernel<T>, rows_of(y), y.shape()[-1],
                grad_y.device_data<T>(), y.device_data<T>(), dx.mutable_device_data<T>());
  });
}

void log_softmax(const Tensor& x, Tensor& y) {
  visit_floating(x.dtype(), "log_softmax", [&]<class T>(Type<T>) {
    launch_rows(rows_of(x), &log_softmax_kernel<T>, rows_of(x), x.shape()[-1], x.device_data<T>(),
                y.mutable_device_data<T>());
  });
}

void log_softmax_backward(const Tensor& grad_y, const Tensor& y, Tensor& dx) {
  visit_floating(y.dtype(), "log_softmax_backward", [&]<class T>(Type<T>) {
    launch_rows(rows_of(y), &log_softmax_backward_kernel<T>, rows_of(y), y.shape()[-1],
                grad_y.device_data<T>(), y.device_data<T>(), dx.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
