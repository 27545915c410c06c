#include "tensor/ops/gather.h"

#include <algorithm>

#include "tensor/iterate.h"
#include "tensor/ops/indices.h"
#include "tensor/ops/operand.h"
#include "tensor/parallel.h"

// gather and scatter_add go along lines: the elements that differ only in their index along dim. A
// line of the index reads from, or adds to, a single line of x, so a thread that owns lines owns
// all that they touch, and no other thread adds there.

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

constexpr std::int64_t kElementsPerChunk = 16384;
constexpr std::int64_t kColumns = 256;

/// Calls f(n, index line, its stride, line of `a`, its stride, line of `b`, its stride) for every
/// line along dim of the index; n is the number of its elements.
template <class A, class B, class F>
void for_each_line(const Tensor& index, std::int64_t dim, A* a, const Strides& a_strides, B* b,
                   const Strides& b_strides, const F& f) {
  const Shape lines = index.shape().without(dim);
  const auto without = [&](const Strides& strides) {
    Strides rest;
    for (std::int64_t d = 0; d < lines.rank(); ++d) rest[d] = strides[d + (d >= dim)];
    return rest;
  };
  const Walk<3> walk(lines, {without(index.strides()), without(a_strides), without(b_strides)});
  const std::int64_t n = index.shape()[dim], inner = walk.inner();
  const auto step = walk.inner_strides();
  const std::int64_t* const first = index.data<std::int64_t>();
  const std::int64_t grain = kElementsPerChunk / std::max<std::int64_t>(n, 1) + 1;
  parallel_for(lines.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const auto row = walk.row(line / inner);
      const std::int64_t i = line % inner;
      f(n, first + row[0] + i * step[0], index.strides()[dim], a + row[1] + i * step[1],
        a_strides[dim], b + row[2] + i * step[2], b_strides[dim]);
    }
  });
}

}  // namespace

void gather(const Tensor& x, std::int64_t dim, const Tensor& index, Tensor& y) {
  check_indices(index, 0, x.shape()[dim], "gather", "index");
  visit_any(x.dtype(), [&]<class T>(Type<T>) {
    for_each_line(index, dim, x.data<T>(), x.strides(), y.mutable_data<T>(), y.strides(),
                  [](std::int64_t n, const std::int64_t* at, std::int64_t at_stride, const T* from,
                     std::int64_t from_stride, T* to, std::int64_t to_stride) {
                    for (std::int64_t i = 0; i < n; ++i) {
                      to[i * to_stride] = from[at[i * at_stride] * from_stride];
                    }
                  });
  });
}

void scatter_add(std::int64_t dim, const Tensor& index, const Tensor& src, Tensor& y) {
  check_indices(index, 0, y.shape()[dim], "scatter_add", "index");
  visit_floating(y.dtype(), "scatter_add", [&]<class T>(Type<T>) {
    for_each_line(index, dim, src.data<T>(), src.strides(), y.mutable_data<T>(), y.strides(),
                  [](std::int64_t n, const std::int64_t* at, std::int64_t at_stride, const T* from,
                     std::int64_t from_stride, T* to, std::int64_t to_stride) {
                    for (std::int64_t i = 0; i < n; ++i) {
                      to[at[i * at_stride] * to_stride] += from[i * from_stride];
                    }
                  });
  });
}

void gather_rows(const Tensor& x, const Tensor& index, Tensor& y) {
  const std::int64_t S = x.shape()[1], C = x.shape()[2], T = index.shape()[1];
  check_indices(index, -1, S, "gather_rows", "index");
  visit_any(x.dtype(), [&]<class E>(Type<E>) {
    const E* const from = x.data<E>();
    const std::int64_t* const at = index.data<std::int64_t>();
    E* const to = y.mutable_data<E>();
    const std::int64_t grain = kElementsPerChunk / std::max<std::int64_t>(C, 1) + 1;
    parallel_for(index.numel(), grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        if (at[i] < 0) {
          std::fill_n(to + i * C, C, E{});
        } else {
          std::copy_n(from + (i / T * S + at[i]) * C, C, to + i * C);
        }
      }
    });
  });
}

void scatter_rows_add(const Tensor& grad, const Tensor& index, Tensor& dx) {
  const std::int64_t S = dx.shape()[1], C = dx.shape()[2], B = index.shape()[0];
  const std::int64_t T = index.shape()[1];
  check_indices(index, -1, S, "scatter_rows_add", "index");
  visit_floating(grad.dtype(), "scatter_rows_add", [&]<class E>(Type<E>) {
    const E* const from = grad.data<E>();
    const std::int64_t* const at = index.data<std::int64_t>();
    E* const to = dx.mutable_data<E>();
    // A thread owns a block of columns of a sample.
    const std::int64_t blocks = (C + kColumns - 1) / kColumns;
    const std::int64_t grain = kElementsPerChunk / kColumns / std::max<std::int64_t>(T, 1) + 1;
    parallel_for(B * blocks, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t b = i / blocks, first = i % blocks * kColumns;
        const std::int64_t last = std::min(first + kColumns, C);
        for (std::int64_t t = 0; t < T; ++t) {
          const std::int64_t s = at[b * T + t];
          if (s < 0) continue;
          const E* const token = from + (b * T + t) * C;
          E* const row = to + (b * S + s) * C;
          for (std::int64_t c = first; c < last; ++c) row[c] += token[c];
        }
      }
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {
namespace {

/// What gather and scatter_add ask of x and index; returns dim counted from the front.
std::int64_t check_lines(const Tensor& x, std::int64_t dim, const Tensor& index,
                         std::string_view op) {
  const std::int64_t d = x.shape().dim(dim, op);
  check<DTypeError>(index.dtype() == DType::i64, op, ": index: expected dtype i64, got ",
                    index.dtype());
  check<DeviceError>(index.device() == x.device(), op, ": index: expected device ", x.device(),
                     ", got ", index.device());
  check<ShapeError>(index.rank() == x.rank(), op, ": index: expected the ", x.rank(),
                    " dimensions of x ", x.shape(), ", got ", index.shape());
  for (std::int64_t i = 0; i < x.rank(); ++i) {
    check<ShapeError>(i == d || index.shape()[i] <= x.shape()[i], op,
                      ": index: expected at most size ", x.shape()[i], " in dimension ", i,
                      " for x ", x.shape(), ", got ", index.shape());
  }
  return d;
}

/// What gather_rows and scatter_rows_add ask of the rows and their index.
void check_rows(const Tensor& rows, const Tensor& index, std::string_view op,
                std::string_view argument, bool same_length) {
  check<ShapeError>(rows.rank() == 3, op, ": ", argument, ": expected three dimensions, got ",
                    rows.shape());
  check<DTypeError>(index.dtype() == DType::i64, op, ": index: expected dtype i64, got ",
                    index.dtype());
  check<DeviceError>(index.device() == rows.device(), op, ": index: expected device ",
                     rows.device(), ", got ", index.device());
  check<ShapeError>(index.rank() == 2 && index.shape()[0] == rows.shape()[0] &&
                        (!same_length || index.shape()[1] == rows.shape()[1]),
                    op, ": index: expected shape (", rows.shape()[0], ", ",
                    same_length ? std::to_string(rows.shape()[1]) : "T", "), got ", index.shape());
}

}  // namespace

Tensor gather(const Tensor& x, std::int64_t dim, const Tensor& index) {
  const std::int64_t d = check_lines(x, dim, index, "gather");
  Tensor y = Tensor::empty(index.shape(), x.dtype(), x.device());
  kernel::gather(x.device(), x, d, index.contiguous(), y);
  return y;
}

Tensor scatter_add(const Tensor& x, std::int64_t dim, const Tensor& index, const Tensor& src) {
  const std::int64_t d = check_lines(x, dim, index, "scatter_add");
  check<DTypeError>(x.dtype() == DType::f32 || x.dtype() == DType::f64,
                    "scatter_add: x: expected dtype f32 or f64, got ", x.dtype());
  check<DTypeError>(src.dtype() == x.dtype(), "scatter_add: src: expected dtype ", x.dtype(),
                    ", got ", src.dtype());
  check<DeviceError>(src.device() == x.device(), "scatter_add: src: expected device ", x.device(),
                     ", got ", src.device());
  check<ShapeError>(src.shape() == index.shape(), "scatter_add: src: expected the shape of index ",
                    index.shape(), ", got ", src.shape(), "; narrow the larger one");
  Tensor y = x.clone();
  kernel::scatter_add(x.device(), d, index.contiguous(), src, y);
  return y;
}

Tensor gather_rows(const Tensor& x, const Tensor& index) {
  check_rows(x, index, "gather_rows", "x", false);
  Tensor y = Tensor::empty({x.shape()[0], index.shape()[1], x.shape()[2]}, x.dtype(), x.device());
  kernel::gather_rows(x.device(), x.contiguous(), index.contiguous(), y);
  return y;
}

Tensor scatter_rows_add(const Tensor& grad, const Tensor& index, std::int64_t S) {
  check_rows(grad, index, "scatter_rows_add", "grad", true);
  if (is_fast(grad)) return scatter_rows_add(grad.to(DType::f32), index, S).to(DType::bf16);
  check<DTypeError>(grad.dtype() == DType::f32 || grad.dtype() == DType::f64,
                    "scatter_rows_add: grad: expected dtype f32 or f64, got ", grad.dtype());
  Tensor dx = Tensor::zeros({grad.shape()[0], S, grad.shape()[2]}, grad.dtype(), grad.device());
  kernel::scatter_rows_add(grad.device(), grad.contiguous(), index.contiguous(), dx);
  return dx;
}

}  // namespace chainline::ops
