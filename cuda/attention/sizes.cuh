#pragma once

#include "cuda/constants.cuh"
#include "cuda/grid.cuh"
#include "tensor/math.h"
#include "tensor/tensor.h"

// What every version of exact attention is asked for (docs/lessons/attention.md).

namespace chainline::cuda {

/// A (B, heads, rows, columns) tensor with any strides.
template <class T>
struct StridedHeads {
  T* data;
  std::int64_t strides[4];

  __device__ T& at(std::int64_t b, std::int64_t h, std::int64_t r, std::int64_t c) const {
    return data[b * strides[0] + h * strides[1] + r * strides[2] + c * strides[3]];
  }
};

template <class T>
StridedHeads<const T> heads_of(const Tensor& t) {
  const Strides& s = t.strides();
  return {t.device_data<T>(), {s[0], s[1], s[2], s[3]}};
}
template <class T>
StridedHeads<T> heads_to(Tensor& t) {
  const Strides s = t.strides();
  return {t.mutable_device_data<T>(), {s[0], s[1], s[2], s[3]}};
}

struct AttentionSizes {
  std::int64_t B, H, G, T, S, D, V;
  bool causal, masked;
  StridedHeads<const std::uint8_t> mask;

  AttentionSizes(const Tensor& q, const Tensor& k, const Tensor& v, bool is_causal,
                 const Tensor& seen)
      : B(q.shape()[0]),
        H(q.shape()[1]),
        G(k.shape()[1]),
        T(q.shape()[2]),
        S(k.shape()[2]),
        D(q.shape()[3]),
        V(v.shape()[3]),
        causal(is_causal),
        masked(seen.defined()),
        mask{} {
    if (masked) mask = heads_of<std::uint8_t>(seen);
  }

  std::int64_t queries() const { return B * H * T; }
  __device__ std::int64_t group(std::int64_t h) const { return h / (H / G); }
  /// Whether query i of head h of sample b sees key j.
  __device__ bool sees(std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
    return (!causal || j <= i + (S - T)) && (!masked || mask.at(b, h, i, j) != 0);
  }
};

/// p = exp(s - max) of a hidden key is +0; in a row of nothing but -inf, -inf - -inf would be a NaN
/// that nobody gave.
template <class T>
__device__ T probability(T score, T max) {
  return math::exp_at_most_one(score - (max == -kInfinity<T> ? T(0) : max));
}

}  // namespace chainline::cuda
