#include "tensor/ops/layer_norm.h"

#include <cmath>

#include "tensor/column_sum.h"
#include "tensor/ops/operand.h"
#include "tensor/row_sum.h"
#include "tensor/rows.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// Two passes over a row: the mean first, then the centred squares. One pass with
/// E[x^2] - E[x]^2 would be faster and would lose every digit when |mean| >> std.
template <class T>
void layer_norm_row(const T* x, const T* weight, const T* bias, T eps, std::int64_t C, T* y,
                    T& mean, T& rstd) {
  const T m = row_sum<T>(C, [=](std::int64_t c) { return x[c]; }) / static_cast<T>(C);
  const T squares = row_sum<T>(C, [=](std::int64_t c) { return (x[c] - m) * (x[c] - m); });
  const T s = T(1) / std::sqrt(squares / static_cast<T>(C) + eps);
  for (std::int64_t c = 0; c < C; ++c) y[c] = (x[c] - m) * s * weight[c] + bias[c];
  mean = m;
  rstd = s;
}

/// Writes dx and adds the row's terms to dweight and dbias while its numbers are at hand. Without
/// __restrict the compiler would have to compare more addresses than it is willing to.
template <class T>
void layer_norm_backward_row(const T* grad_y, const T* x, const T* weight, T mean, T rstd,
                             std::int64_t C, T* __restrict dx, T* __restrict dweight,
                             T* __restrict dbias) {
  const auto d = [=](std::int64_t c) { return grad_y[c] * weight[c]; };
  const auto n = [=](std::int64_t c) { return (x[c] - mean) * rstd; };
  const auto [sum_d, sum_dn] = row_sums<T>(C, d, [=](std::int64_t c) { return d(c) * n(c); });
  const T mean_d = sum_d / static_cast<T>(C), mean_dn = sum_dn / static_cast<T>(C);
  for (std::int64_t c = 0; c < C; ++c) {
    dx[c] = rstd * (d(c) - mean_d - n(c) * mean_dn);
    dweight[c] += grad_y[c] * n(c);
    dbias[c] += grad_y[c];
  }
}

}  // namespace

void layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Tensor& y,
                Tensor& mean, Tensor& rstd) {
  const std::int64_t C = x.shape()[-1];
  const Rows rows{mean.numel(), C};
  visit_floating(x.dtype(), "layer_norm", [&]<class T>(Type<T>) {
    const T *px = x.data<T>(), *pw = weight.data<T>(), *pb = bias.data<T>();
    T *py = y.mutable_data<T>(), *pm = mean.mutable_data<T>(), *ps = rstd.mutable_data<T>();
    parallel_rows(rows, [=](std::int64_t r) {
      layer_norm_row(px + r * C, pw, pb, static_cast<T>(eps), C, py + r * C, pm[r], ps[r]);
    });
  });
}

void layer_norm_backward(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                         const Tensor& mean, const Tensor& rstd, Tensor& dx, Tensor& dweight,
                         Tensor& dbias) {
  const std::int64_t C = x.shape()[-1];
  visit_floating(x.dtype(), "layer_norm_backward", [&]<class T>(Type<T>) {
    const T *pg = grad_y.data<T>(), *px = x.data<T>(), *pw = weight.data<T>();
    const T *pm = mean.data<T>(), *ps = rstd.data<T>();
    T* pdx = dx.mutable_data<T>();
    const std::array<Tensor*, 2> totals{&dweight, &dbias};
    for_rows_with_column_sums<T>(totals, x.shape(), [=](std::int64_t r, const auto& sums) {
      layer_norm_backward_row(pg + r * C, px + r * C, pw, pm[r], ps[r], C, pdx + r * C, sums[0],
                              sums[1]);
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

LayerNormResult layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const Shape parameter{rows_of(x, "layer_norm", "x").length};
  check_parameter(weight, parameter, x, "layer_norm", "weight");
  check_parameter(bias, parameter, x, "layer_norm", "bias");
  const Shape row_statistics = x.shape().without(-1);
  const DType statistic = parameter_dtype(x.dtype());
  LayerNormResult out{Tensor::empty(x.shape(), x.dtype(), x.device()),
                      Tensor::empty(row_statistics, statistic, x.device()),
                      Tensor::empty(row_statistics, statistic, x.device())};
  kernel::layer_norm(x.device(), x.contiguous(), weight.contiguous(), bias.contiguous(), eps, out.y,
                     out.mean, out.rstd);
  return out;
}

LayerNormGradients layer_norm_backward(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                                       const Tensor& mean, const Tensor& rstd,
                                       const SampleSum& dweight, const SampleSum& dbias) {
  const Shape parameter{rows_of(x, "layer_norm_backward", "x").length};
  const Shape row_statistics = x.shape().without(-1);
  check_operand(grad_y, x.shape(), x, "layer_norm_backward", "grad_y");
  check_parameter(weight, parameter, x, "layer_norm_backward", "weight");
  check_parameter(mean, row_statistics, x, "layer_norm_backward", "mean");
  check_parameter(rstd, row_statistics, x, "layer_norm_backward", "rstd");
  const std::int64_t samples = sample_count(x.shape());
  LayerNormGradients out{Tensor::empty(x.shape(), x.dtype(), x.device()),
                         dweight.start(parameter, samples, weight.dtype(), x.device()),
                         dbias.start(parameter, samples, weight.dtype(), x.device())};
  kernel::layer_norm_backward(x.device(), grad_y.contiguous(), x.contiguous(), weight.contiguous(),
                              mean.contiguous(), rstd.contiguous(), out.dx, out.dweight, out.dbias);
  return out;
}

}  // namespace chainline::ops
