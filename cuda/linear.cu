// Products of cuda/gemm.cuh. A sample's weight gradient is the product of grad_y's transpose and x,
// a chain over the sample's rows.
//
// The fast class multiplies by cuda/fast/product.h. Its weight gradient is one product over the rows of
// all samples, which goes on from the f32 total.

#include "tensor/ops/linear.h"

#include "cuda/column_sum.cuh"
#include "cuda/fast/product.h"
#include "cuda/fast/weight.h"
#include "cuda/gemm.cuh"

namespace chainline::cuda {
namespace {

void fast_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                 Tensor& y) {
  const std::int64_t N = weight.shape()[0], K = weight.shape()[1];
  const FastWeight w = fast_weight(weight);
  run_product({.M = y.numel() / N,
               .N = N,
               .K = K,
               .a = x.device_data<bf16>(),
               .b = w.numbers.device_data<bf16>(),
               .b_transposed = w.transposed,
               .bias = bias.defined() ? bias.device_data<float>() : nullptr,
               .residual = residual.defined() ? residual.device_data<bf16>() : nullptr,
               .c = y.mutable_device_data<bf16>(),
               .c_type = DType::bf16},
              stream());
}

/// The rows of all samples are one sum, unless a sum per sample is asked for.
void fast_backward_weight(const Tensor& grad_y, const Tensor& x, Tensor& total) {
  const std::int64_t N = grad_y.shape()[-1], K = x.shape()[-1];
  const std::int64_t sums = total.rank() == 2 ? 1 : sample_count(x.shape());
  const std::int64_t rows = grad_y.numel() / N / sums;
  for (std::int64_t b = 0; b < sums; ++b) {
    run_product({.M = N,
                 .N = K,
                 .K = rows,
                 .a = grad_y.device_data<bf16>() + b * rows * N,
                 .a_transposed = true,
                 .b = x.device_data<bf16>() + b * rows * K,
                 .c = total.mutable_device_data<float>() + b * N * K,
                 .c_type = DType::f32,
                 .add = true},
                stream());
  }
}

}  // namespace

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
            Tensor& y) {
  const std::int64_t N = weight.shape()[0], K = weight.shape()[1];
  if (y.numel() == 0) return;
  if (x.dtype() == DType::bf16) return fast_linear(x, weight, bias, residual, y);
  visit_floating(x.dtype(), "linear", [&]<class T>(Type<T>) {
    const Matrix<T> w{weight.device_data<T>(), weight.strides()[0], weight.strides()[1]};
    gemm<T>({.M = y.numel() / N,
             .N = N,
             .length = K,
             .a = {x.device_data<T>(), K, 1},
             .b = w.transposed(),
             .bias = bias.defined() ? bias.device_data<T>() : nullptr,
             .residual = residual.defined() ? residual.device_data<T>() : nullptr,
             .c = y.mutable_device_data<T>()});
  });
}

void linear_backward_weight(const Tensor& grad_y, const Tensor& x, Tensor& total) {
  const std::int64_t N = grad_y.shape()[-1], K = x.shape()[-1], samples = sample_count(x.shape());
  if (total.numel() == 0 || samples == 0) return;
  if (x.dtype() == DType::bf16) return fast_backward_weight(grad_y, x, total);
  const std::int64_t rows = grad_y.numel() / N / samples;
  visit_floating(x.dtype(), "linear_backward_weight", [&]<class T>(Type<T>) {
    Product<T> product{.M = N,
                       .N = K,
                       .length = rows,
                       .chains = samples,
                       .mode = GemmMode::add,
                       .a = {grad_y.device_data<T>(), 1, N},
                       .b = {x.device_data<T>(), K, 1},
                       .c = total.mutable_device_data<T>()};
    if (total.rank() == 2) {
      gemm<T>(product);
      return;
    }
    product.chains = 1;
    Strides of_grad, of_x;
    of_grad[0] = rows * N;
    of_x[0] = rows * K;
    gemm<T>(samples, product, Walk<2>(Shape{samples}, {of_grad, of_x}));
  });
}

void linear_backward_bias(const Tensor& grad_y, Tensor& total) {
  const std::int64_t N = grad_y.shape()[-1];
  visit_activation(grad_y.dtype(), "linear_backward_bias", [&]<class T>(Type<T>) {
    add_column_sums<Arithmetic<T>>(total, grad_y.shape(),
                                   ItsGradient<T>{grad_y.device_data<T>(), N});
  });
}

}  // namespace chainline::cuda
