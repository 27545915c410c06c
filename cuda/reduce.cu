// A sum has the two stages of tensor/ops/reduce.cpp: a warp for each row of the last dimension, if
// that one is summed over, then a thread for each result, which makes its chains alone.

#include "tensor/ops/reduce.h"

#include "cuda/elementwise.cuh"
#include "cuda/row_sum.cuh"
#include "tensor/math_parts.h"
#include "tensor/ops/chains_of_sum.h"

namespace chainline::cuda {
namespace {

template <class T>
__global__ void fold_rows_kernel(std::int64_t rows, std::int64_t C, Offsets<1> walk,
                                 std::int64_t stride, const T* x, T* sums) {
  for (std::int64_t r = first_row(); r < rows; r += rows_at_once()) {
    std::int64_t at[1];
    walk.at(r, at);
    const T* const row = x + at[0];
    const T sum = row_sum<T>(C, [=](std::int64_t c) { return row[c * stride]; });
    if (lane() == 0) sums[r] = sum;
  }
}

/// The sums of x's rows, in the shape of x with a last dimension of 1.
template <class T>
Tensor fold_rows(const Tensor& x) {
  Tensor sums = Tensor::empty(x.shape().with(-1, 1), x.dtype(), x.device());
  const Walk<1> walk(x.shape().without(-1), {x.strides()});
  launch_rows(sums.numel(), &fold_rows_kernel<T>, sums.numel(), x.shape()[-1], Offsets<1>(walk),
              x.strides()[x.rank() - 1], x.device_data<T>(), sums.mutable_device_data<T>());
  return sums;
}

/// What add_chains_kernel sums over: the samples, and the terms of each.
struct Chains {
  Offsets<1> outputs, terms;
  std::int64_t samples, sample_stride, length;
};

template <class T>
__global__ void add_chains_kernel(std::int64_t n, Chains chains, const T* x, T* total) {
  for (std::int64_t o = first_element(); o < n; o += elements_at_once()) {
    std::int64_t start[1], term[1];
    chains.outputs.at(o, start);
    T sum = total[o];
    for (std::int64_t b = 0; b < chains.samples; ++b) {
      const T* const sample = x + start[0] + b * chains.sample_stride;
      T chain = 0;
      for (std::int64_t t = 0; t < chains.length; ++t) {
        chains.terms.at(t, term);
        chain += sample[term[0]];
      }
      sum += chain;
    }
    total[o] = sum;
  }
}

/// total[o] = (total[o] + g_1[o]) + g_2[o] + ..., where g_b is the chain over the middle dimensions
/// that are summed over, and b counts the first one if it is.
template <class T>
void add_chains(const Tensor& x, Tensor& total) {
  const ChainsOfSum of(x, total);
  const Chains chains{Offsets<1>(Walk<1>(of.kept.shape, {of.kept.strides})),
                      Offsets<1>(Walk<1>(of.middle.shape, {of.middle.strides})), of.samples,
                      of.sample_stride, of.middle.shape.numel()};
  launch_elements(total.numel(), &add_chains_kernel<T>, total.numel(), chains, x.device_data<T>(),
                  total.mutable_device_data<T>());
}

constexpr std::int64_t kBlock = 4096;

template <class T>
__global__ void block_norms_kernel(std::int64_t blocks, std::int64_t n, const T* x, T* sums) {
  for (std::int64_t b = first_row(); b < blocks; b += rows_at_once()) {
    const T* const p = x + b * kBlock;
    const std::int64_t rest = n - b * kBlock;
    const T sum =
        row_sum<T>(rest < kBlock ? rest : kBlock, [=](std::int64_t i) { return p[i] * p[i]; });
    if (lane() == 0) sums[b] = sum;
  }
}

/// One thread adds the blocks in order.
template <class T>
__global__ void add_blocks_kernel(std::int64_t blocks, const T* sums, T* y) {
  T total = 0;
  for (std::int64_t b = 0; b < blocks; ++b) total += sums[b];
  *y = total;
}

template <class T>
__global__ void count_nonfinite_kernel(std::int64_t n, const T* x, unsigned long long* count) {
  unsigned long long here = 0;
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    here += !(math::parts::absolute(x[i]) <= kLargest<T>);
  }
  if (here > 0) atomicAdd(count, here);  // whole numbers: the order of arrival does not show
}

}  // namespace

void sum(const Tensor& x, Tensor& total) {
  if (x.numel() == 0) return;
  visit_floating(x.dtype(), "sum", [&]<class T>(Type<T>) {
    const bool over_rows = total.shape()[-1] != x.shape()[-1];
    add_chains<T>(over_rows ? fold_rows<T>(x) : x, total);
  });
}

void norm2(const Tensor& x, Tensor& y) {
  const std::int64_t n = x.numel(), blocks = (n + kBlock - 1) / kBlock;
  visit_floating(x.dtype(), "norm2", [&]<class T>(Type<T>) {
    Tensor sums = Tensor::empty({blocks}, x.dtype(), x.device());
    launch_rows(blocks, &block_norms_kernel<T>, blocks, n, x.device_data<T>(),
                sums.mutable_device_data<T>());
    launch({dim3(1), dim3(1), 0, stream()}, &add_blocks_kernel<T>, blocks, sums.device_data<T>(),
           y.mutable_device_data<T>());
  });
}

void count_nonfinite(const Tensor& x, Tensor& count) {
  count.fill(0);
  visit_floating(x.dtype(), "count_nonfinite", [&]<class T>(Type<T>) {
    launch_elements(
        x.numel(), &count_nonfinite_kernel<T>, x.numel(), x.device_data<T>(),
        reinterpret_cast<unsigned long long*>(count.mutable_device_data<std::int64_t>()));
  });
}

}  // namespace chainline::cuda
