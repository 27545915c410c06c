// The backward owns rows of the table (tensor/ops/embedding.cpp): the tokens are sorted by id, stably,
// and a thread for each run of equal ids and each column adds them in ascending position. The place
// of a token in that order is counted: whole numbers, and quadratic in the tokens of a batch.

#include "tensor/ops/embedding.h"

#include "cuda/grid.cuh"
#include "cuda/indices.cuh"

namespace chainline::cuda {
namespace {

template <class T>
__global__ void lookup_kernel(std::int64_t n, std::int64_t C, const T* weight,
                              const std::int64_t* ids, T* y) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    y[i] = weight[ids[i / C] * C + i % C];
  }
}

/// order[p] is the token that comes p-th when they are sorted by id, stably.
__global__ void order_kernel(std::int64_t tokens, const std::int64_t* ids, std::int64_t* order) {
  for (std::int64_t i = first_element(); i < tokens; i += elements_at_once()) {
    std::int64_t place = 0;
    for (std::int64_t k = 0; k < tokens; ++k)
      place += ids[k] < ids[i] || (ids[k] == ids[i] && k < i);
    order[place] = i;
  }
}

/// Adds each run's gradients, a chain for each sample, to the row of the total that it names, or of
/// each sample's own total when `sample_stride` is not 0.
template <class T>
__global__ void add_runs_kernel(std::int64_t tokens, std::int64_t C, std::int64_t tokens_per_sample,
                                std::int64_t sample_stride, const T* grad_y,
                                const std::int64_t* ids, const std::int64_t* order, T* total) {
  for (std::int64_t i = first_element(); i < tokens * C; i += elements_at_once()) {
    std::int64_t p = i / C;
    const std::int64_t c = i % C, id = ids[order[p]];
    if (p > 0 && ids[order[p - 1]] == id) continue;  // not where a run begins
    while (p < tokens && ids[order[p]] == id) {
      const std::int64_t sample = order[p] / tokens_per_sample;
      T g = 0;
      for (; p < tokens && ids[order[p]] == id && order[p] / tokens_per_sample == sample; ++p) {
        g += grad_y[order[p] * C + c];
      }
      total[sample * sample_stride + id * C + c] += g;
    }
  }
}

template <class T>
__global__ void add_zero_kernel(std::int64_t n, T* total) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) total[i] += T(0);
}

}  // namespace

void embedding(const Tensor& weight, const Tensor& ids, Tensor& y) {
  check_indices(ids, 0, weight.shape()[0], "embedding", "ids");
  visit_any(weight.dtype(), [&]<class T>(Type<T>) {
    launch_elements(y.numel(), &lookup_kernel<T>, y.numel(), weight.shape()[1],
                    weight.device_data<T>(), ids.device_data<std::int64_t>(),
                    y.mutable_device_data<T>());
  });
}

void embedding_backward(const Tensor& grad_y, const Tensor& ids, std::int64_t V, bool per_sample,
                        bool continues, Tensor& total) {
  const std::int64_t C = grad_y.shape()[-1], tokens = ids.numel();
  check_indices(ids, 0, V, "embedding_backward", "ids");
  if (tokens == 0) return;
  const std::int64_t tokens_per_sample = tokens / sample_count(grad_y.shape());
  Tensor order = Tensor::empty({tokens}, DType::i64, ids.device());
  launch_elements(tokens, &order_kernel, tokens, ids.device_data<std::int64_t>(),
                  order.mutable_device_data<std::int64_t>());
  visit_floating(grad_y.dtype(), "embedding_backward", [&]<class T>(Type<T>) {
    T* const sum = total.mutable_device_data<T>();
    if (continues) launch_elements(total.numel(), &add_zero_kernel<T>, total.numel(), sum);
    launch_elements(tokens * C, &add_runs_kernel<T>, tokens, C, tokens_per_sample,
                    per_sample ? V * C : 0, grad_y.device_data<T>(),
                    ids.device_data<std::int64_t>(), order.device_data<std::int64_t>(), sum);
  });
}

}  // namespace chainline::cuda
