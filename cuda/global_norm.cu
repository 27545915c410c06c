// A warp for each block of 4096 elements of any of the tensors, all in one launch; then a thread for
// each tensor, which adds its blocks in order; then one thread for the sum of all.

#include "tensor/ops/global_norm.h"

#include <cmath>

#include "cuda/row_sum.cuh"
#include "cuda/sweep.cuh"
#include "tensor/ops/clip_factor.h"

namespace chainline::cuda {
namespace {

template <class T>
struct Gradient {
  const T* data;
  std::int64_t n;
};
template <class T>
using Table = SweepTable<Gradient<T>, 4096>;

template <class T>
__global__ void block_squares_kernel(const __grid_constant__ Table<T> table, T* sums) {
  for (std::int64_t c = first_row(); c < table.ends[table.count - 1]; c += rows_at_once()) {
    const int tensor = table.tensor_of(c);
    const std::int64_t begin = (c - table.first_chunk(tensor)) * Table<T>::kChunk;
    const std::int64_t rest = table.entries[tensor].n - begin;
    const T* const p = table.entries[tensor].data + begin;
    const T sum = row_sum<T>(rest < Table<T>::kChunk ? rest : Table<T>::kChunk,
                             [=](std::int64_t i) { return p[i] * p[i]; });
    if (lane() == 0) sums[c] = sum;
  }
}

template <class T>
__global__ void add_blocks_kernel(const __grid_constant__ Table<T> table, const T* sums,
                                  double* squares) {
  for (std::int64_t k = first_element(); k < table.count; k += elements_at_once()) {
    // A chain, whose terms are fetched ahead.
    constexpr int kAhead = 16;
    T total = 0;
    std::int64_t c = table.first_chunk(static_cast<int>(k));
    const std::int64_t end = table.ends[k];
    for (; c + kAhead <= end; c += kAhead) {
      T terms[kAhead];
#pragma unroll
      for (int t = 0; t < kAhead; ++t) terms[t] = sums[c + t];
#pragma unroll
      for (int t = 0; t < kAhead; ++t) total += terms[t];
    }
    for (; c < end; ++c) total += sums[c];
    squares[k] = static_cast<double>(total);
  }
}

__global__ void root_kernel(std::int64_t count, const double* squares, double max_norm,
                            double* norm, double* factor) {
  double sum = 0;
  for (std::int64_t k = 0; k < count; ++k) sum += squares[k];
  *norm = std::sqrt(sum);
  *factor = clip_factor(*norm, max_norm);
}

/// |g_p|^2 of gradients [begin, end), which have one dtype.
template <class T>
void add_squares(std::span<const Tensor> gradients, double* squares) {
  std::vector<Gradient<T>> entries;
  for (const Tensor& g : gradients) entries.push_back({g.device_data<T>(), g.numel()});
  for_each_table<Table<T>>(entries, [&](const Table<T>& table, std::int64_t first) {
    Tensor sums = Tensor::empty(Shape{table.chunks()}, dtype_of<T>, gradients[0].device());
    launch_rows(table.chunks(), &block_squares_kernel<T>, table, sums.mutable_device_data<T>());
    launch_elements(table.count, &add_blocks_kernel<T>, table, sums.device_data<T>(),
                    squares + first);
  });
}

}  // namespace

void global_norm(std::span<const Tensor> gradients, double max_norm, Tensor& norm, Tensor& factor) {
  const auto count = static_cast<std::int64_t>(gradients.size());
  Tensor squares = Tensor::empty(Shape{count}, DType::f64, norm.device());
  double* const of_each = squares.mutable_device_data<double>();
  for (std::size_t begin = 0, end = 0; begin < gradients.size(); begin = end) {
    const DType dtype = gradients[begin].dtype();
    while (end < gradients.size() && gradients[end].dtype() == dtype) ++end;
    visit_floating(dtype, "global_norm", [&]<class T>(Type<T>) {
      add_squares<T>(gradients.subspan(begin, end - begin), of_each + begin);
    });
  }
  launch({dim3(1), dim3(1), 0, stream()}, &root_kernel, count, of_each, max_norm,
         norm.mutable_device_data<double>(), factor.mutable_device_data<double>());
}

}  // namespace chainline::cuda
