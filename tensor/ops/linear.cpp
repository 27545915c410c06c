#include "tensor/ops/linear.h"

#include "tensor/column_sum.h"
#include "tensor/gemm.h"
#include "tensor/ops/linear_operands.h"
#include "tensor/ops/matmul.h"
#include "tensor/parallel.h"

namespace chainline::cpu::CHAINLINE_ISA {

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
            Tensor& y) {
  visit_floating(x.dtype(), "linear", [&]<class T>(Type<T>) {
    const std::int64_t N = weight.shape()[0], K = weight.shape()[1];
    const Matrix<T> w{weight.data<T>(), weight.strides()[0], weight.strides()[1]};
    const T* const added = bias.defined() ? bias.data<T>() : nullptr;
    const T* const rest = residual.defined() ? residual.data<T>() : nullptr;
    T* const py = y.mutable_data<T>();
    const auto finish = [=](std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1) {
      for (std::int64_t i = i0; i < i1; ++i) {
        T* const row = py + i * N;
        const T* const old = rest + i * N;
        if (added != nullptr && rest != nullptr) {
          for (std::int64_t j = j0; j < j1; ++j) row[j] = (row[j] + added[j]) + old[j];
        } else if (added != nullptr) {
          for (std::int64_t j = j0; j < j1; ++j) row[j] += added[j];
        } else {
          for (std::int64_t j = j0; j < j1; ++j) row[j] += old[j];
        }
      }
    };
    gemm<T>(x.shape().without(-1).numel(), N, K, {x.data<T>(), K, 1}, w.transposed(), py, N,
            GemmMode::store, added || rest ? Finish(finish) : Finish());
  });
}

void linear_backward_weight(const Tensor& grad_y, const Tensor& x, Tensor& total) {
  const std::int64_t N = grad_y.shape()[-1], K = x.shape()[-1], samples = sample_count(x.shape());
  if (total.numel() == 0 || samples == 0) return;
  const std::int64_t rows = grad_y.numel() / N / samples;
  visit_floating(x.dtype(), "linear_backward_weight", [&]<class T>(Type<T>) {
    // A sample's gradient is the product of grad_y's transpose and x.
    const Matrix<T> dy{grad_y.data<T>(), 1, N}, px{x.data<T>(), K, 1};
    T* const out = total.mutable_data<T>();
    if (total.rank() == 2) {
      gemm_add_chains<T>(N, K, samples, rows, dy, px, out, K);
      return;
    }
    parallel_for(samples, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        gemm<T>(N, K, rows, dy.from(0, b * rows), px.from(b * rows, 0), out + b * N * K, K,
                GemmMode::add);
      }
    });
  });
}

void linear_backward_bias(const Tensor& grad_y, Tensor& total) {
  const std::int64_t N = grad_y.shape()[-1];
  if (N == 0) return;
  visit_floating(grad_y.dtype(), "linear_backward_bias", [&]<class T>(Type<T>) {
    const T* const dy = grad_y.data<T>();
    add_column_sums<T>(total, grad_y.shape(),
                       [=](std::int64_t r, std::int64_t n) { return dy[r * N + n]; });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {
namespace {

void check_rows(const Tensor& t, std::string_view op, std::string_view argument) {
  check<ShapeError>(t.rank() >= 1, op, ": ", argument,
                    ": expected at least 1 dimension, got shape ", t.shape());
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual) {
  const Shape shape = check_linear(x, weight, bias, "linear");
  if (residual.defined()) check_operand(residual, shape, x, "linear", "residual");
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  kernel::linear(x.device(), x.contiguous(), weight, bias.defined() ? bias.contiguous() : bias,
                 residual.defined() ? residual.contiguous() : residual, y);
  return y;
}

Tensor linear_backward_input(const Tensor& grad_y, const Tensor& weight) {
  check_rows(grad_y, "linear_backward_input", "grad_y");
  const std::int64_t N = grad_y.shape()[-1];
  check<ShapeError>(weight.rank() == 2 && weight.shape()[0] == N,
                    "linear_backward_input: weight: expected (", N, ", K), got ", weight.shape());
  const Shape shape = grad_y.shape().with(-1, weight.shape()[1]);
  // With a weight of another dtype only linear multiplies.
  if (grad_y.dtype() == DType::bf16) return linear(grad_y, weight.transpose(0, 1), {});
  const std::int64_t rows = grad_y.shape().slice(0, grad_y.rank() - 1).numel();
  return matmul(grad_y.reshape({rows, N}), weight).reshape(shape);
}

Tensor linear_backward_weight(const Tensor& grad_y, const Tensor& x, const SampleSum& sum) {
  check_rows(grad_y, "linear_backward_weight", "grad_y");
  check_rows(x, "linear_backward_weight", "x");
  check_operand(x, grad_y.shape().with(-1, x.shape()[-1]), grad_y, "linear_backward_weight", "x");
  const Shape parameter{grad_y.shape()[-1], x.shape()[-1]};
  Tensor total =
      sum.start(parameter, sample_count(x.shape()), parameter_dtype(x.dtype()), x.device());
  kernel::linear_backward_weight(x.device(), grad_y.contiguous(), x.contiguous(), total);
  return total;
}

Tensor linear_backward_bias(const Tensor& grad_y, const SampleSum& sum) {
  check_rows(grad_y, "linear_backward_bias", "grad_y");
  Tensor total = sum.start({grad_y.shape()[-1]}, sample_count(grad_y.shape()),
                           parameter_dtype(grad_y.dtype()), grad_y.device());
  kernel::linear_backward_bias(grad_y.device(), grad_y.contiguous(), total);
  return total;
}

}  // namespace chainline::ops
