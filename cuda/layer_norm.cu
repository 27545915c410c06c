// A warp for each row: its lanes are the lanes of rule 3, so sums need shuffles and no shared
// memory. The formulas are those of tensor/ops/layer_norm.cpp.

#include "tensor/ops/layer_norm.h"

#include "cuda/column_sum.cuh"
#include "cuda/row_sum.cuh"

namespace chainline::cuda {
namespace {

template <class T>
__global__ void forward_kernel(std::int64_t rows, std::int64_t C, const T* x,
                               const Arithmetic<T>* weight, const Arithmetic<T>* bias,
                               Arithmetic<T> eps, T* y, Arithmetic<T>* mean, Arithmetic<T>* rstd) {
  using A = Arithmetic<T>;
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T* const row = x + r * C;
    const A m = row_sum<A>(C, [=](std::int64_t c) { return widen(row[c]); }) / static_cast<A>(C);
    const auto centred = [=](std::int64_t c) { return widen(row[c]) - m; };
    const A squares = row_sum<A>(C, [=](std::int64_t c) { return centred(c) * centred(c); });
    const A s = A(1) / std::sqrt(squares / static_cast<A>(C) + eps);
    for (std::int64_t c = lane(); c < C; c += kWarp) {
      y[r * C + c] = static_cast<T>(centred(c) * s * weight[c] + bias[c]);
    }
    if (lane() == 0) {
      mean[r] = m;
      rstd[r] = s;
    }
  }
}

template <class T>
__global__ void backward_kernel(std::int64_t rows, std::int64_t C, const T* grad_y, const T* x,
                                const Arithmetic<T>* weight, const Arithmetic<T>* mean,
                                const Arithmetic<T>* rstd, T* dx) {
  using A = Arithmetic<T>;
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    const T *const g = grad_y + r * C, *const row = x + r * C;
    const A m = mean[r], s = rstd[r];
    const auto d = [=](std::int64_t c) { return widen(g[c]) * weight[c]; };
    const auto n = [=](std::int64_t c) { return (widen(row[c]) - m) * s; };
    const A mean_d = row_sum<A>(C, d) / static_cast<A>(C);
    const A mean_dn =
        row_sum<A>(C, [=](std::int64_t c) { return d(c) * n(c); }) / static_cast<A>(C);
    for (std::int64_t c = lane(); c < C; c += kWarp) {
      dx[r * C + c] = static_cast<T>(s * (d(c) - mean_d - n(c) * mean_dn));
    }
  }
}

/// What row r adds to dweight[c].
template <class T>
struct WeightTerm {
  const T *grad_y, *x;
  const Arithmetic<T>*mean, *rstd;
  std::int64_t C;
  __device__ Arithmetic<T> operator()(std::int64_t r, std::int64_t c) const {
    return widen(grad_y[r * C + c]) * ((widen(x[r * C + c]) - mean[r]) * rstd[r]);
  }
};

}  // namespace

void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Tensor& y,
                Tensor& mean, Tensor& rstd) {
  visit_activation(x.dtype(), "layer_norm", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    launch_rows(mean.numel(), &forward_kernel<T>, mean.numel(), x.shape()[-1], x.device_data<T>(),
                weight.device_data<A>(), bias.device_data<A>(), static_cast<A>(eps),
                y.mutable_device_data<T>(), mean.mutable_device_data<A>(),
                rstd.mutable_device_data<A>());
  });
}

void layer_norm_backward(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                         const Tensor& mean, const Tensor& rstd, Tensor& dx, Tensor& dweight,
                         Tensor& dbias) {
  const std::int64_t C = x.shape()[-1];
  visit_activation(x.dtype(), "layer_norm_backward", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    const T *const g = grad_y.device_data<T>(), *const px = x.device_data<T>();
    const A *const m = mean.device_data<A>(), *const s = rstd.device_data<A>();
    launch_rows(mean.numel(), &backward_kernel<T>, mean.numel(), C, g, px, weight.device_data<A>(),
                m, s, dx.mutable_device_data<T>());
    add_column_sums<A>(dweight, x.shape(), WeightTerm<T>{g, px, m, s, C});
    add_column_sums<A>(dbias, x.shape(), ItsGradient<T>{g, C});
  });
}

}  // namespace chainline::cuda
