#include "tensor/ops/embedding.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <vector>

#include "tensor/ops/indices.h"
#include "tensor/parallel.h"

// The backward owns rows of the table. The tokens are sorted by id, and a stable sort keeps them in
// ascending position, so each row finds its tokens as one run, in the order in which rule 11 adds
// them. A thread takes whole runs; two threads never meet at a row.

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

constexpr std::int64_t kElementsPerChunk = 16384;
constexpr std::int64_t kColumns = 64;  // a sample's chains in flight; they stay in registers

/// Tokens order[begin, end) all name one row: adds their gradients, a chain for each sample, to
/// that row of the total (of each sample's own total when `sample_stride` is not 0).
template <class T>
void add_run(const T* grad, std::int64_t C, std::int64_t tokens_per_sample,
             const std::int64_t* order, std::int64_t begin, std::int64_t end, T* row,
             std::int64_t sample_stride) {
  while (begin < end) {
    const std::int64_t sample = order[begin] / tokens_per_sample;
    std::int64_t stop = begin + 1;
    while (stop < end && order[stop] / tokens_per_sample == sample) ++stop;
    T* const to = row + sample * sample_stride;
    for (std::int64_t first = 0; first < C; first += kColumns) {
      const std::int64_t n = std::min(kColumns, C - first);
      std::array<T, kColumns> g{};
      for (std::int64_t t = begin; t < stop; ++t) {
        const T* const token = grad + order[t] * C + first;
        for (std::int64_t c = 0; c < n; ++c) g[static_cast<std::size_t>(c)] += token[c];
      }
      for (std::int64_t c = 0; c < n; ++c) to[first + c] += g[static_cast<std::size_t>(c)];
    }
    begin = stop;
  }
}

}  // namespace

void embedding(const Tensor& weight, const Tensor& ids, Tensor& y) {
  const std::int64_t C = weight.shape()[1];
  check_indices(ids, 0, weight.shape()[0], "embedding", "ids");
  visit_any(weight.dtype(), [&]<class T>(Type<T>) {
    const T* const table = weight.data<T>();
    const std::int64_t* const id = ids.data<std::int64_t>();
    T* const to = y.mutable_data<T>();
    const std::int64_t grain = kElementsPerChunk / std::max<std::int64_t>(C, 1) + 1;
    parallel_for(ids.numel(), grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) std::copy_n(table + id[i] * C, C, to + i * C);
    });
  });
}

void embedding_backward(const Tensor& grad_y, const Tensor& ids, std::int64_t V, bool per_sample,
                        bool continues, Tensor& total) {
  const std::int64_t C = grad_y.shape()[-1], N = ids.numel();
  check_indices(ids, 0, V, "embedding_backward", "ids");
  if (N == 0) return;
  const std::int64_t tokens_per_sample = N / sample_count(grad_y.shape());
  const std::int64_t* const id = ids.data<std::int64_t>();
  std::vector<std::int64_t> order(static_cast<std::size_t>(N));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [id](std::int64_t a, std::int64_t b) { return id[a] < id[b]; });
  std::vector<std::int64_t> runs;  // where the tokens of each row start in `order`, and N
  for (std::int64_t i = 0; i < N; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (i == 0 || id[order[at]] != id[order[at - 1]]) runs.push_back(i);
  }
  runs.push_back(N);

  visit_floating(grad_y.dtype(), "embedding_backward", [&]<class T>(Type<T>) {
    const T* const grad = grad_y.data<T>();
    T* const sum = total.mutable_data<T>();
    if (continues) {
      parallel_for(total.numel(), kElementsPerChunk, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) sum[i] += T(0);
      });
    }
    const std::int64_t sample_stride = per_sample ? V * C : 0;
    const std::int64_t rows = static_cast<std::int64_t>(runs.size()) - 1;
    const std::int64_t grain = kElementsPerChunk / std::max<std::int64_t>(C, 1) / (N / rows) + 1;
    parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t first = runs[static_cast<std::size_t>(r)];
        const std::int64_t v = id[order[static_cast<std::size_t>(first)]];
        add_run(grad, C, tokens_per_sample, order.data(), first,
                runs[static_cast<std::size_t>(r + 1)], sum + v * C, sample_stride);
      }
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

Tensor embedding(const Tensor& weight, const Tensor& ids) {
  check<ShapeError>(weight.rank() == 2, "embedding: weight: expected shape (V, C), got ",
                    weight.shape());
  check<DTypeError>(is_floating(weight.dtype()),
                    "embedding: weight: expected dtype f32, f64 or bf16, got ", weight.dtype());
  check<DTypeError>(ids.dtype() == DType::i64, "embedding: ids: expected dtype i64, got ",
                    ids.dtype());
  check<DeviceError>(ids.device() == weight.device(), "embedding: ids: expected device ",
                     weight.device(), ", got ", ids.device());
  Tensor y = Tensor::empty(ids.shape().inserted(ids.rank(), weight.shape()[1]), weight.dtype(),
                           weight.device());
  kernel::embedding(weight.device(), weight.contiguous(), ids.contiguous(), y);
  return y;
}

Tensor embedding_backward(const Tensor& grad_y, const Tensor& ids, std::int64_t V,
                          const SampleSum& sum) {
  check<DTypeError>(ids.dtype() == DType::i64, "embedding_backward: ids: expected dtype i64, got ",
                    ids.dtype());
  check<DTypeError>(grad_y.dtype() == DType::f32 || grad_y.dtype() == DType::f64,
                    "embedding_backward: grad_y: expected dtype f32 or f64, got ", grad_y.dtype());
  check<ShapeError>(
      grad_y.rank() == ids.rank() + 1 && grad_y.shape().slice(0, ids.rank()) == ids.shape(),
      "embedding_backward: grad_y: expected the shape of ids ", ids.shape(),
      " and one dimension more, got ", grad_y.shape());
  check<DeviceError>(ids.device() == grad_y.device(), "embedding_backward: ids: expected device ",
                     grad_y.device(), ", got ", ids.device());
  const std::int64_t C = grad_y.shape()[-1];
  Tensor total = sum.start({V, C}, sample_count(grad_y.shape()), grad_y.dtype(), grad_y.device());
  kernel::embedding_backward(grad_y.device(), grad_y.contiguous(), ids.contiguous(), V,
                             sum.per_sample, !sum.per_sample && sum.into.defined(), total);
  return total;
}

}  // namespace chainline::ops
