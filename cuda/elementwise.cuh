#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "cuda/arithmetic.cuh"
#include "cuda/grid.cuh"
#include "tensor/iterate.h"

// Functions of every element, for operands with any strides. Numbers of dense ones go 16 bytes at a
// time, which is what a thread can ask of memory at once; bits don't show it.

namespace chainline::cuda {

/// Where element number i of a walk lies in each of its N tensors.
template <int N>
struct Offsets {
  explicit Offsets(const Walk<N>& walk) : rank(static_cast<int>(walk.rank())) {
    for (int d = 0; d < rank; ++d) {
      sizes[d] = walk.size(d);
      for (int k = 0; k < N; ++k) strides[d][k] = walk.strides(d)[static_cast<std::size_t>(k)];
    }
  }

  __device__ void at(std::int64_t i, std::int64_t (&offsets)[N]) const {
    for (int k = 0; k < N; ++k) offsets[k] = 0;
      // Dense operands are one dimension and need no division; it is what others wait for.
#pragma unroll 1
    for (int d = rank - 1; d > 0; --d) {
      const std::int64_t above = i / sizes[d], index = i - above * sizes[d];
      for (int k = 0; k < N; ++k) offsets[k] += index * strides[d][k];
      i = above;
    }
    if (rank > 0) {
      for (int k = 0; k < N; ++k) offsets[k] += i * strides[0][k];
    }
  }

  int rank;
  std::int64_t sizes[kMaxRank], strides[kMaxRank][N];
};

namespace detail {

template <class F, class Out, std::size_t... I, class... In>
__device__ Out apply_at(const F& f, const std::int64_t* offsets, std::index_sequence<I...>,
                        const In*... in) {
  return f(in[offsets[I]]...);
}

template <class F, class Out, class... In>
__global__ void elementwise_kernel(std::int64_t n, Offsets<sizeof...(In)> walk, F f, Out* out,
                                   const In*... in) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    std::int64_t offsets[sizeof...(In)];
    walk.at(i, offsets);
    out[i] = apply_at<F, Out>(f, offsets, std::make_index_sequence<sizeof...(In)>(), in...);
  }
}

}  // namespace detail

/// out[i] = f(in_0[i], in_1[i], ...) for every index i. `out` is dense; the inputs have its shape
/// and any strides. F is a struct whose operator() runs on the device.
///
///   elementwise<float, float, float>(y, Add(), a, b);
template <class Out, class... In, class F, class... Tensors>
void elementwise(Tensor& out, const F& f, const Tensors&... in) {
  constexpr std::size_t N = sizeof...(In);
  static_assert(N == sizeof...(Tensors) && N > 0);
  launch_elements(out.numel(), &detail::elementwise_kernel<F, Out, In...>, out.numel(),
                  Offsets<N>(Walk<N>(out.shape(), {in.strides()...})), f,
                  out.mutable_device_data<Out>(), in.template device_data<In>()...);
}

/// How many elements of operands of these types are at most 16 bytes of each.
template <class... T>
constexpr int kAtOnce = 16 / static_cast<int>(std::max({sizeof(T)...}));

/// That many of one operand.
template <class T, int kCount>
struct alignas(kCount * sizeof(T)) Few {
  T x[kCount];
};

/// Whether a dense operand can be taken so: whether it begins at a multiple of 16 bytes.
inline bool begins_aligned(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
}

namespace detail {

// By value, so that each operand is read at once, before anything is written.
template <class Out, int kCount, class F, class... In>
__device__ Few<Out, kCount> apply_to_few(const F& f, Few<In, kCount>... in) {
  Few<Out, kCount> out;
#pragma unroll
  for (int k = 0; k < kCount; ++k) out.x[k] = f(in.x[k]...);
  return out;
}

template <class F, class Out, class... In>
__global__ void dense_kernel(std::int64_t n, F f, Out* out, const In*... in) {
  constexpr int kCount = kAtOnce<Out, In...>;
  const std::int64_t whole = n / kCount;
  for (std::int64_t i = first_element(); i < whole; i += elements_at_once()) {
    reinterpret_cast<Few<Out, kCount>*>(out)[i] =
        apply_to_few<Out, kCount>(f, reinterpret_cast<const Few<In, kCount>*>(in)[i]...);
  }
  for (std::int64_t i = whole * kCount + first_element(); i < n; i += elements_at_once()) {
    out[i] = f(in[i]...);
  }
}

}  // namespace detail

/// f with operands and a result as they are in memory.
template <class Out, class F>
struct Computed {
  F f;
  template <class... In>
  __device__ Out operator()(In... in) const {
    return static_cast<Out>(f(widen(in)...));
  }
};

/// elementwise for functions of numbers: f computes in Arithmetic<In>, and what it returns is rounded
/// once.
template <class Out, class... In, class F, class... Tensors>
void compute(Tensor& out, const F& f, const Tensors&... in) {
  const Computed<Out, F> g{f};
  const bool dense = (in.is_contiguous() && ...) &&
                     (begins_aligned(in.template device_data<In>()) && ...) &&
                     begins_aligned(out.device_data<Out>());
  if (!dense) return elementwise<Out, In...>(out, g, in...);
  constexpr int kCount = kAtOnce<Out, In...>;
  launch_elements((out.numel() + kCount - 1) / kCount,
                  &detail::dense_kernel<Computed<Out, F>, Out, In...>, out.numel(), g,
                  out.mutable_device_data<Out>(), in.template device_data<In>()...);
}

}  // namespace chainline::cuda
