// A warp for each row: its lanes are the lanes of rule 3, so sums need shuffles and no shared
// memory. The formulas are those of tensor/ops/layer_norm.cpp.

#include "tensor/ops/layer_norm.h"

#include "cuda/column_sum.cuh"
#include "cuda/row_sum.cuh"

namespace chainline::cuda {
namespace {

template <class T>
__global__ void forward_kernel(std::int64_t rows, std::int64_t C, const T* x, const T* weight,
                               const T* bias, T eps, T* y, T* mean, T* rstd) {
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T* const row = x + r * C;
    const T m = row_sum<T>(C, [=](std::int64_t c) { return row[c]; }) / static_cast<T>(C);
    const T squares = row_sum<T>(C, [=](std::int64_t c) { return (row[c] - m) * (row[c] - m); });
    const T s = T(1) / std::sqrt(squares / static_cast<T>(C) + eps);
    for (std::int64_t c = lane(); c < C; c += kWarp) {
      y[r * C + c] = (row[c] - m) * s * weight[c] + bias[c];
    }
    if (lane() == 0) {
      mean[r] = m;
      rstd[r] = s;
    }
  }
}

template <class T>
__global__ void backward_kernel(std::int64_t rows, std::int64_t C, const T* grad_y, const T* x,
                                const T* weight, const T* mean, const T* rstd, T* dx) {
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T *const g = grad_y + r * C, *const row = x + r * C;
    const T m = mean[r], s = rstd[r];
    const auto d = [=](std::int64_t c) { return g[c] * weight[c]; };
    const auto n = [=](std::int64_t c) { return (row[c] - m) * s; };
    const T mean_d = row_sum<T>(C, d) / static_cast<T>(C);
    const T mean_dn =
        row_sum<T>(C, [=](std::int64_t c) { return d(c) * n(c); }) / static_cast<T>(C);
    for (std::int64_t c = lane(); c < C; c += kWarp) {
      dx[r * C + c] = s * (d(c) - mean_d - n(c) * mean_dn);
    }
  }
}

/// What row r adds to dweight[c].
template <class T>
struct WeightTerm {
  const T *grad_y, *x, *mean, *rstd;
  std::int64_t C;
  __device__ T operator()(std::int64_t r, std::int64_t c) const {
    return grad_y[r * C + c] * ((x[r * C + c] - mean[r]) * rstd[r]);
  }
};

}  // namespace

void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Tensor& y,
                Tensor& mean, Tensor& rstd) {
  visit_floating(x.dtype(), "layer_norm", [&]<class T>(Type<T>) {
    launch_rows(mean.numel(), &forward_kernel<T>, mean.numel(), x.shape()[-1], x.device_data<T>(),
                weight.device_data<T>(), bias.device_data<T>(), static_cast<T>(eps),
                y.mutable_device_data<T>(), mean.mutable_device_data<T>(),
                rstd.mutable_device_data<T>());
  });
}

void layer_norm_backward(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                         const Tensor& mean, const Tensor& rstd, Tensor& dx, Tensor& dweight,
                         Tensor& dbias) {
  const std::int64_t C = x.shape()[-1];
  visit_floating(x.dtype(), "layer_norm_backward", [&]<class T>(Type<T>) {
    const T *const g = grad_y.device_data<T>(), *const px = x.device_data<T>();
    const T *const m = mean.device_data<T>(), *const s = rstd.device_data<T>();
    launch_rows(mean.numel(), &backward_kernel<T>, mean.numel(), C, g, px, weight.device_data<T>(),
                m, s, dx.mutable_device_data<T>());
    add_column_sums<T>(dweight, x.shape(), WeightTerm<T>{g, px, m, s, C});
    add_column_sums<T>(dbias, x.shape(), ItsGradient<T>{g, C});
  });
}

}  // namespace chainline::cuda
