#include "tensor/ops/matmul.h"

#include "tensor/gemm.h"
#include "tensor/iterate.h"
#include "tensor/ops/broadcast.h"
#include "tensor/parallel.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// From this many matrices on, threads take whole products; below, they share each product.
constexpr std::int64_t kManyMatrices = 8;

template <class T>
Matrix<T> matrix_of(const Tensor& t) {
  return {t.data<T>(), t.strides()[t.rank() - 2], t.strides()[t.rank() - 1]};
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, Tensor& y) {
  const Shape& shape = y.shape();
  const std::int64_t M = shape[-2], N = shape[-1], K = a.shape()[-1];
  if (y.numel() == 0) return;
  // The walk merges the leading dimensions; its rows and inner index count the matrices.
  const Walk<2> walk(shape.slice(0, shape.rank() - 2), {leading_strides(a), leading_strides(b)});
  const std::int64_t matrices = y.numel() / (M * N), inner = walk.inner();
  const std::int64_t a_step = walk.inner_strides()[0], b_step = walk.inner_strides()[1];
  visit_floating(y.dtype(), "matmul", [&]<class T>(Type<T>) {
    const Matrix<T> first_a = matrix_of<T>(a), first_b = matrix_of<T>(b);
    T* const c = y.mutable_data<T>();
    const auto product = [&](std::int64_t n) {
      const auto offsets = walk.row(n / inner);
      Matrix<T> x = first_a, w = first_b;
      x.data += offsets[0] + n % inner * a_step;
      w.data += offsets[1] + n % inner * b_step;
      gemm<T>(M, N, K, x, w, c + n * M * N, N);
    };
    if (inner == matrices && b_step == 0 && a_step == M * first_a.row_stride) {
      // One matrix b for all, and the rows of a evenly spaced: a single tall product.
      gemm<T>(matrices * M, N, K, first_a, first_b, c, N);
    } else if (matrices < kManyMatrices) {
      for (std::int64_t n = 0; n < matrices; ++n) product(n);
    } else {
      parallel_for(matrices, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t n = begin; n < end; ++n) product(n);
      });
    }
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

Tensor matmul(const Tensor& a, const Tensor& b) {
  check<ShapeError>(a.rank() >= 2, "matmul: a: expected at least 2 dimensions, got shape ",
                    a.shape());
  check<ShapeError>(b.rank() >= 2, "matmul: b: expected at least 2 dimensions, got shape ",
                    b.shape());
  check_alike(b, a, "matmul", "b");
  check<ShapeError>(b.shape()[-2] == a.shape()[-1], "matmul: b: expected ", a.shape()[-1],
                    " rows, one for each column of a ", a.shape(), ", got shape ", b.shape());
  const auto leading = [](const Tensor& t) { return t.shape().slice(0, t.rank() - 2); };
  const Shape batch = broadcast_shapes(leading(a), leading(b), "matmul");
  const auto matrices = [&](std::int64_t rows, std::int64_t columns) {
    return batch.inserted(batch.rank(), rows).inserted(batch.rank() + 1, columns);
  };
  Tensor y = Tensor::empty(matrices(a.shape()[-2], b.shape()[-1]), a.dtype(), a.device());
  kernel::matmul(a.device(), a.broadcast_to(matrices(a.shape()[-2], a.shape()[-1])),
                 b.broadcast_to(matrices(b.shape()[-2], b.shape()[-1])), y);
  return y;
}

}  // namespace chainline::ops
