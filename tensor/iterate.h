#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>
#include <utility>

#include "tensor/parallel.h"
#include "tensor/tensor.h"

namespace chainline {

/// One walk over N tensors of the same shape, in row-major order, with the dimensions merged where
/// the strides of all of them allow it: dense tensors become a single dimension.
template <std::size_t N>
class Walk {
 public:
  Walk(const Shape& shape, const std::array<Strides, N>& strides) {
    for (std::int64_t d = 0; d < shape.rank(); ++d) {
      if (shape[d] == 1) continue;
      if (rank_ > 0 && merges(shape[d], strides, d)) {
        sizes_[last()] *= shape[d];
      } else {
        sizes_[static_cast<std::size_t>(rank_++)] = shape[d];
      }
      for (std::size_t i = 0; i < N; ++i) strides_[last()][i] = strides[i][d];
    }
    if (rank_ == 0) {
      sizes_[0] = 1;
      strides_[0].fill(1);
      rank_ = 1;
    }
  }

  /// The size of the innermost dimension and each tensor's stride in it.
  std::int64_t inner() const { return sizes_[last()]; }
  const std::array<std::int64_t, N>& inner_strides() const { return strides_[last()]; }

  /// The dimensions as they were merged, slowest first, and each tensor's stride in them.
  std::int64_t rank() const { return rank_; }
  std::int64_t size(std::int64_t d) const { return sizes_[static_cast<std::size_t>(d)]; }
  const std::array<std::int64_t, N>& strides(std::int64_t d) const {
    return strides_[static_cast<std::size_t>(d)];
  }

  /// A row: indices into all but the innermost dimension, and the offsets at which it starts.
  struct Row {
    std::array<std::int64_t, kMaxRank> index{};
    std::array<std::int64_t, N> offsets{};
  };

  /// Row number r. It takes divisions; next_row() does not.
  Row row_number(std::int64_t r) const {
    Row row;
    for (std::int64_t d = rank_ - 2; d >= 0; --d) {
      const auto at = static_cast<std::size_t>(d);
      row.index[at] = r % sizes_[at];
      r /= sizes_[at];
      for (std::size_t k = 0; k < N; ++k) row.offsets[k] += row.index[at] * strides_[at][k];
    }
    return row;
  }
  std::array<std::int64_t, N> row(std::int64_t r) const { return row_number(r).offsets; }

  /// Moves on to the row behind it; behind the last comes the first.
  void next_row(Row& row) const {
    for (std::int64_t d = rank_ - 2; d >= 0; --d) {
      const auto at = static_cast<std::size_t>(d);
      const bool last = ++row.index[at] == sizes_[at];
      const std::int64_t steps = last ? 1 - sizes_[at] : 1;
      for (std::size_t k = 0; k < N; ++k) row.offsets[k] += steps * strides_[at][k];
      if (!last) return;
      row.index[at] = 0;
    }
  }

 private:
  std::size_t last() const { return static_cast<std::size_t>(rank_ - 1); }

  bool merges(std::int64_t size, const std::array<Strides, N>& strides, std::int64_t d) const {
    for (std::size_t i = 0; i < N; ++i) {
      if (strides_[last()][i] != size * strides[i][d]) return false;
    }
    return true;
  }

  std::array<std::int64_t, kMaxRank> sizes_{};
  std::array<std::array<std::int64_t, N>, kMaxRank> strides_{};
  std::int64_t rank_ = 0;
};

/// Runs body(begin, end) over n independent elements, in chunks that are large enough to hide the
/// hand-over to a thread and small enough to share.
template <class F>
void parallel_elements(std::int64_t n, const F& body) {
  constexpr std::int64_t kElementsPerChunk = 16384;
  parallel_for(n, kElementsPerChunk, body);
}

namespace detail {

/// f is taken by value: were it a reference, writing `out` could change what f has captured, and
/// the compiler could not vectorize the loop.
template <class Out, class... In, class F, std::size_t... I>
void map_row(std::int64_t n, Out* out, const std::tuple<const In*...>& in,
             const std::array<std::int64_t, sizeof...(In)>& s, const F f,
             std::index_sequence<I...>) {
  if (((s[I] == 1) && ...)) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = f(std::get<I>(in)[i]...);
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = f(std::get<I>(in)[i * s[I]]...);
  }
}

}  // namespace detail

/// out[i] = f(in_0[i], in_1[i], ...) for every index i. `out` is dense; the inputs have its shape
/// and any strides (broadcast them first). Elements are independent, so threads don't show.
///
///   map<float, float, float>(y, [](float p, float q) { return p + q; }, a, b);
template <class Out, class... In, class F, class... Tensors>
void map(Tensor& out, const F& f, const Tensors&... in) {
  constexpr std::size_t N = sizeof...(In);
  static_assert(N == sizeof...(Tensors) && N > 0);
  const Walk<N> walk(out.shape(), {in.strides()...});
  const auto strides = walk.inner_strides();
  const std::int64_t inner = walk.inner();
  Out* const to = out.mutable_data<Out>();
  const std::tuple<const In*...> from{in.template data<In>()...};
  parallel_elements(out.numel(), [&](std::int64_t begin, std::int64_t end) {
    auto row = walk.row_number(begin / inner);
    std::int64_t column = begin % inner;
    while (begin < end) {
      const std::int64_t n = std::min(inner - column, end - begin);
      const auto rows = [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::tuple<const In*...>{
            (std::get<I>(from) + row.offsets[I] + column * strides[I])...};
      }
      (std::make_index_sequence<N>());
      detail::map_row<Out, In...>(n, to + begin, rows, strides, f, std::make_index_sequence<N>());
      begin += n;
      column = 0;
      walk.next_row(row);
    }
  });
}

}  // namespace chainline
