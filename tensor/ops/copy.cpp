#include "tensor/ops/copy.h"

#include <algorithm>

#include "tensor/convert.h"
#include "tensor/iterate.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// Runs body(n, target, source) for every row of the walk, whose inner strides it gets too: n
/// elements from there on.
template <std::size_t N, class F>
void parallel_walk(const Walk<N>& walk, std::int64_t elements, const F& body) {
  const std::int64_t inner = walk.inner();
  parallel_elements(elements, [&](std::int64_t begin, std::int64_t end) {
    auto row = walk.row_number(begin / inner);
    std::int64_t column = begin % inner;
    while (begin < end) {
      const std::int64_t n = std::min(inner - column, end - begin);
      body(row.offsets, column, n);
      begin += n;
      column = 0;
      walk.next_row(row);
    }
  });
}

}  // namespace

void copy(const Tensor& source, Tensor& target) {
  if (target.numel() == 0) return;
  visit_any(target.dtype(), [&]<class T>(Type<T>) {
    if (target.is_contiguous()) {
      map<T, T>(
          target, [](T x) { return x; }, source);
      return;
    }
    const Walk<2> walk(target.shape(), {target.strides(), source.strides()});
    const T* const from = source.data<T>();
    T* const to = target.mutable_data<T>();
    const auto [to_stride, from_stride] = walk.inner_strides();
    const std::int64_t s = to_stride, t = from_stride;
    parallel_walk(walk, target.numel(), [=](const auto& row, std::int64_t column, std::int64_t n) {
      T* const p = to + row[0] + column * s;
      const T* const q = from + row[1] + column * t;
      for (std::int64_t i = 0; i < n; ++i) p[i * s] = q[i * t];
    });
  });
}

void convert(const Tensor& source, Tensor& target) {
  visit_any(source.dtype(), [&]<class From>(Type<From>) {
    visit_any(target.dtype(), [&]<class To>(Type<To>) {
      map<To, From>(
          target, [](From x) { return chainline::convert<To>(x); }, source);
    });
  });
}

void fill(double value, Tensor& target) {
  if (target.numel() == 0) return;
  visit_any(target.dtype(), [&]<class T>(Type<T>) {
    const T number = chainline::convert<T>(value);
    const Walk<1> walk(target.shape(), {target.strides()});
    T* const to = target.mutable_data<T>();
    const std::int64_t stride = walk.inner_strides()[0];
    parallel_walk(walk, target.numel(), [=](const auto& row, std::int64_t column, std::int64_t n) {
      T* const p = to + row[0] + column * stride;
      if (stride == 1) {
        std::fill_n(p, n, number);
      } else {
        for (std::int64_t i = 0; i < n; ++i) p[i * stride] = number;
      }
    });
  });
}

void arange(Tensor& target) {
  visit_any(target.dtype(), [&]<class T>(Type<T>) {
    T* const p = target.mutable_data<T>();
    for (std::int64_t i = 0; i < target.numel(); ++i) p[i] = chainline::convert<T>(i);
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA
