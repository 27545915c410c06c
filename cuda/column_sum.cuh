#pragma once

#include "cuda/arithmetic.cuh"
#include "cuda/grid.cuh"
#include "tensor/sample_sum.h"

// The gradient of a parameter that every row uses (tensor/column_sum.h): a thread for each column
// of each sample makes the chain over the sample's rows, then a thread for each column adds the
// samples in order.

namespace chainline::cuda {

/// sums[b, c] (+)= the chain of term(r, c) over the rows of sample b.
template <class T, class Term>
__global__ void column_chains(std::int64_t samples, std::int64_t rows, std::int64_t C, Term term,
                              bool adds, T* sums) {
  for (std::int64_t i = first_element(); i < samples * C; i += elements_at_once()) {
    const std::int64_t b = i / C, c = i % C;
    T sum = 0;
    for (std::int64_t r = b * rows; r < (b + 1) * rows; ++r) sum += term(r, c);
    sums[i] = adds ? sums[i] + sum : sum;
  }
}

template <class T>
__global__ void add_samples(std::int64_t samples, std::int64_t C, const T* sums, T* total) {
  for (std::int64_t c = first_element(); c < C; c += elements_at_once()) {
    T sum = total[c];
    for (std::int64_t b = 0; b < samples; ++b) sum += sums[b * C + c];
    total[c] = sum;
  }
}

/// The term of a parameter that is added to every row: the row's own gradient.
template <class T>
struct ItsGradient {
  const T* grad_y;
  std::int64_t C;
  __device__ Arithmetic<T> operator()(std::int64_t r, std::int64_t c) const {
    return widen(grad_y[r * C + c]);
  }
};

/// Adds the columns of term(r, c), where r counts the rows of a tensor of shape x, (B, ..., C), to
/// total: (C), or (B, C) per sample. Term is a struct whose operator() runs on the device.
///
/// Bits     rules 4 and 6 (docs/numerics.md)
template <class T, class Term>
void add_column_sums(Tensor& total, const Shape& x, const Term& term) {
  const std::int64_t C = x[-1], samples = sample_count(x);
  if (samples == 0 || C == 0) return;
  const std::int64_t rows = x.numel() / C / samples;
  if (total.rank() == 2) {
    launch_elements(samples * C, &column_chains<T, Term>, samples, rows, C, term, true,
                    total.mutable_device_data<T>());
    return;
  }
  Tensor sums = Tensor::empty({samples, C}, total.dtype(), total.device());
  launch_elements(samples * C, &column_chains<T, Term>, samples, rows, C, term, false,
                  sums.mutable_device_data<T>());
  launch_elements(C, &add_samples<T>, samples, C, sums.device_data<T>(),
                  total.mutable_device_data<T>());
}

}  // namespace chainline::cuda
