// A warp for each row: its lanes are the lanes of rule 3. The formulas are those of
// tensor/ops/rms_norm.cpp.

#include "tensor/ops/rms_norm.h"

#include "cuda/column_sum.cuh"
#include "cuda/row_sum.cuh"

namespace chainline::cuda {
namespace {

template <class T>
__global__ void forward_kernel(std::int64_t rows, std::int64_t C, const T* x,
                               const Arithmetic<T>* weight, Arithmetic<T> eps, T* y,
                               Arithmetic<T>* rstd) {
  using A = Arithmetic<T>;
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T* const row = x + r * C;
    const A squares = row_sum<A>(C, [=](std::int64_t c) { return widen(row[c]) * widen(row[c]); });
    const A s = A(1) / std::sqrt(squares / static_cast<A>(C) + eps);
    for (std::int64_t c = lane(); c < C; c += kWarp) {
      y[r * C + c] = static_cast<T>(widen(row[c]) * s * weight[c]);
    }
    if (lane() == 0) rstd[r] = s;
  }
}

template <class T>
__global__ void backward_kernel(std::int64_t rows, std::int64_t C, const T* grad_y, const T* x,
                                const Arithmetic<T>* weight, const Arithmetic<T>* rstd, T* dx) {
  using A = Arithmetic<T>;
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T *const g = grad_y + r * C, *const row = x + r * C;
    const A s = rstd[r];
    const auto d = [=](std::int64_t c) { return widen(g[c]) * weight[c]; };
    const auto n = [=](std::int64_t c) { return widen(row[c]) * s; };
    const A mean_dn =
        row_sum<A>(C, [=](std::int64_t c) { return d(c) * n(c); }) / static_cast<A>(C);
    for (std::int64_t c = lane(); c < C; c += kWarp) {
      dx[r * C + c] = static_cast<T>(s * (d(c) - n(c) * mean_dn));
    }
  }
}

/// What row r adds to dweight[c].
template <class T>
struct WeightTerm {
  const T *grad_y, *x;
  const Arithmetic<T>* rstd;
  std::int64_t C;
  __device__ Arithmetic<T> operator()(std::int64_t r, std::int64_t c) const {
    return widen(grad_y[r * C + c]) * (widen(x[r * C + c]) * rstd[r]);
  }
};

}  // namespace

void rms_norm(const Tensor& x, const Tensor& weight, double eps, Tensor& y, Tensor& rstd) {
  visit_activation(x.dtype(), "rms_norm", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    launch_rows(rstd.numel(), &forward_kernel<T>, rstd.numel(), x.shape()[-1], x.device_data<T>(),
                weight.device_data<A>(), static_cast<A>(eps), y.mutable_device_data<T>(),
                rstd.mutable_device_data<A>());
  });
}

void rms_norm_backward(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                       const Tensor& rstd, Tensor& dx, Tensor& dweight) {
  const std::int64_t C = x.shape()[-1];
  visit_activation(x.dtype(), "rms_norm_backward", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    const T *const g = grad_y.device_data<T>(), *const px = x.device_data<T>();
    const A* const s = rstd.device_data<A>();
    launch_rows(rstd.numel(), &backward_kernel<T>, rstd.numel(), C, g, px, weight.device_data<A>(),
                s, dx.mutable_device_data<T>());
    add_column_sums<A>(dweight, x.shape(), WeightTerm<T>{g, px, s, C});
  });
}

}  // namespace chainline::cuda
