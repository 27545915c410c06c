#include "tensor/ops/rms_norm.h"

#include <cmath>

#include "tensor/column_sum.h"
#include "tensor/ops/operand.h"
#include "tensor/row_sum.h"
#include "tensor/rows.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

template <class T>
void rms_norm_row(const T* x, const T* weight, T eps, std::int64_t C, T* y, T& rstd) {
  const T squares = row_sum<T>(C, [=](std::int64_t c) { return x[c] * x[c]; });
  const T s = T(1) / std::sqrt(squares / static_cast<T>(C) + eps);
  for (std::int64_t c = 0; c < C; ++c) y[c] = x[c] * s * weight[c];
  rstd = s;
}

/// Writes dx and adds the row's terms to dweight while its numbers are at hand.
template <class T>
void rms_norm_backward_row(const T* grad_y, const T* x, const T* weight, T rstd, std::int64_t C,
                           T* __restrict dx, T* __restrict dweight) {
  const auto d = [=](std::int64_t c) { return grad_y[c] * weight[c]; };
  const auto n = [=](std::int64_t c) { return x[c] * rstd; };
  const T mean_dn = row_sum<T>(C, [=](std::int64_t c) { return d(c) * n(c); }) / static_cast<T>(C);
  for (std::int64_t c = 0; c < C; ++c) {
    dx[c] = rstd * (d(c) - n(c) * mean_dn);
    dweight[c] += grad_y[c] * n(c);
  }
}

}  // namespace

void rms_norm(const Tensor& x, const Tensor& weight, double eps, Tensor& y, Tensor& rstd) {
  const std::int64_t C = x.shape()[-1];
  const Rows rows{rstd.numel(), C};
  visit_floating(x.dtype(), "rms_norm", [&]<class T>(Type<T>) {
    const T *px = x.data<T>(), *pw = weight.data<T>();
    T *py = y.mutable_data<T>(), *ps = rstd.mutable_data<T>();
    parallel_rows(rows, [=](std::int64_t r) {
      rms_norm_row(px + r * C, pw, static_cast<T>(eps), C, py + r * C, ps[r]);
    });
  });
}

void rms_norm_backward(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                       const Tensor& rstd, Tensor& dx, Tensor& dweight) {
  const std::int64_t C = x.shape()[-1];
  visit_floating(x.dtype(), "rms_norm_backward", [&]<class T>(Type<T>) {
    const T *pg = grad_y.data<T>(), *px = x.data<T>(), *pw = weight.data<T>();
    const T* ps = rstd.data<T>();
    T* pdx = dx.mutable_data<T>();
    const std::array<Tensor*, 1> totals{&dweight};
    for_rows_with_column_sums<T>(totals, x.shape(), [=](std::int64_t r, const auto& sums) {
      rms_norm_backward_row(pg + r * C, px + r * C, pw, ps[r], C, pdx + r * C, sums[0]);
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

RmsNormResult rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  const Shape parameter{rows_of(x, "rms_norm", "x").length};
  check_parameter(weight, parameter, x, "rms_norm", "weight");
  RmsNormResult out{Tensor::empty(x.shape(), x.dtype(), x.device()),
                    Tensor::empty(x.shape().without(-1), weight.dtype(), x.device())};
  kernel::rms_norm(x.device(), x.contiguous(), weight.contiguous(), eps, out.y, out.rstd);
  return out;
}

RmsNormGradients rms_norm_backward(const Tensor& grad_y, const Tensor& x, const Tensor& weight,
                                   const Tensor& rstd, const SampleSum& dweight) {
  const Shape parameter{rows_of(x, "rms_norm_backward", "x").length};
  check_operand(grad_y, x.shape(), x, "rms_norm_backward", "grad_y");
  check_parameter(weight, parameter, x, "rms_norm_backward", "weight");
  check_parameter(rstd, x.shape().without(-1), x, "rms_norm_backward", "rstd");
  RmsNormGradients out{
      Tensor::empty(x.shape(), x.dtype(), x.device()),
      dweight.start(parameter, sample_count(x.shape()), weight.dtype(), x.device())};
  kernel::rms_norm_backward(x.device(), grad_y.contiguous(), x.contiguous(), weight.contiguous(),
                            rstd.contiguous(), out.dx, out.dweight);
  return out;
}

}  // namespace chainline::ops
