// What is picked has a thread for each element. What is added to has a thread for each line along
// dim, or for each column of a sample, which adds in ascending position: no other thread adds there.

#include "tensor/ops/gather.h"

#include "cuda/elementwise.cuh"
#include "cuda/indices.cuh"

namespace chainline::cuda {
namespace {

template <class T>
__global__ void gather_kernel(std::int64_t n, Offsets<1> walk, const T* x, std::int64_t stride,
                              const std::int64_t* index, T* y) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    std::int64_t at[1];
    walk.at(i, at);
    y[i] = x[at[0] + index[i] * stride];
  }
}

/// The lines of index, src and y, and the steps along them.
struct Lines {
  Offsets<3> starts;
  std::int64_t count, length, index_step, src_step, y_step;
};

template <class T>
__global__ void scatter_add_kernel(Lines lines, const std::int64_t* index, const T* src, T* y) {
  for (std::int64_t l = first_element(); l < lines.count; l += elements_at_once()) {
    std::int64_t at[3];
    lines.starts.at(l, at);
    for (std::int64_t i = 0; i < lines.length; ++i) {
      const std::int64_t to = index[at[0] + i * lines.index_step];
      y[at[2] + to * lines.y_step] += src[at[1] + i * lines.src_step];
    }
  }
}

template <class T>
__global__ void gather_rows_kernel(std::int64_t n, std::int64_t S, std::int64_t rows,
                                   std::int64_t C, const T* x, const std::int64_t* index, T* y) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    const std::int64_t r = i / C, s = index[r];
    y[i] = s < 0 ? T{} : x[(r / rows * S + s) * C + i % C];
  }
}

template <class T>
__global__ void scatter_rows_add_kernel(std::int64_t B, std::int64_t S, std::int64_t rows,
                                        std::int64_t C, const T* grad, const std::int64_t* index,
                                        T* dx) {
  for (std::int64_t i = first_element(); i < B * C; i += elements_at_once()) {
    const std::int64_t b = i / C, c = i % C;
    for (std::int64_t r = b * rows; r < (b + 1) * rows; ++r) {
      if (index[r] >= 0) dx[(b * S + index[r]) * C + c] += grad[r * C + c];
    }
  }
}

}  // namespace

void gather(const Tensor& x, std::int64_t dim, const Tensor& index, Tensor& y) {
  check_indices(index, 0, x.shape()[dim], "gather", "index");
  Strides strides = x.strides();
  strides[dim] = 0;  // the index goes along dim
  const Walk<1> walk(index.shape(), {strides});
  visit_any(x.dtype(), [&]<class T>(Type<T>) {
    launch_elements(y.numel(), &gather_kernel<T>, y.numel(), Offsets<1>(walk), x.device_data<T>(),
                    x.strides()[dim], index.device_data<std::int64_t>(),
                    y.mutable_device_data<T>());
  });
}

void scatter_add(std::int64_t dim, const Tensor& index, const Tensor& src, Tensor& y) {
  check_indices(index, 0, y.shape()[dim], "scatter_add", "index");
  const Shape shape = index.shape().without(dim);
  const auto without = [&](const Strides& strides) {
    Strides rest;
    for (std::int64_t d = 0; d < shape.rank(); ++d) rest[d] = strides[d + (d >= dim)];
    return rest;
  };
  const Walk<3> walk(shape,
                     {without(index.strides()), without(src.strides()), without(y.strides())});
  const Lines lines{Offsets<3>(walk),     shape.numel(),      index.shape()[dim],
                    index.strides()[dim], src.strides()[dim], y.strides()[dim]};
  visit_floating(y.dtype(), "scatter_add", [&]<class T>(Type<T>) {
    launch_elements(lines.count, &scatter_add_kernel<T>, lines, index.device_data<std::int64_t>(),
                    src.device_data<T>(), y.mutable_device_data<T>());
  });
}

void gather_rows(const Tensor& x, const Tensor& index, Tensor& y) {
  check_indices(index, -1, x.shape()[1], "gather_rows", "index");
  visit_any(x.dtype(), [&]<class T>(Type<T>) {
    launch_elements(y.numel(), &gather_rows_kernel<T>, y.numel(), x.shape()[1], index.shape()[1],
                    x.shape()[2], x.device_data<T>(), index.device_data<std::int64_t>(),
                    y.mutable_device_data<T>());
  });
}

void scatter_rows_add(const Tensor& grad, const Tensor& index, Tensor& dx) {
  const std::int64_t B = dx.shape()[0], S = dx.shape()[1], C = dx.shape()[2];
  check_indices(index, -1, S, "scatter_rows_add", "index");
  visit_floating(grad.dtype(), "scatter_rows_add", [&]<class T>(Type<T>) {
    launch_elements(B * C, &scatter_rows_add_kernel<T>, B, S, index.shape()[1], C,
                    grad.device_data<T>(), index.device_data<std::int64_t>(),
                    dx.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
