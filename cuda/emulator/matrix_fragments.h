#pragma once

// nvcuda::wmma for one warp: products of bf16 matrices with sums in float.
//
// Which lane holds which element is undocumented in CUDA and differs between GPUs. Here it is
// scrambled, so that a kernel which relies on a layout fails at once. Doing the same to all x[i] of
// a fragment, or of two fragments of one type, is fine. Sums are chains over ascending k of fused
// multiply-adds; hardware may round them differently.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <sstream>

#include "cuda/emulator/bfloat16.h"
#include "cuda/emulator/scheduler.h"

namespace nvcuda::wmma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int M, int N, int K>
struct fragment_shape;
template <int M, int N, int K>
struct fragment_shape<matrix_a, M, N, K> {
  static constexpr int rows = M, columns = K, multiplier = 37;
};
template <int M, int N, int K>
struct fragment_shape<matrix_b, M, N, K> {
  static constexpr int rows = K, columns = N, multiplier = 77;
};
template <int M, int N, int K>
struct fragment_shape<accumulator, M, N, K> {
  static constexpr int rows = M, columns = N, multiplier = 109;
};

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
  static_assert(K == 16 && ((M == 16 && N == 16) || (M == 32 && N == 8) || (M == 8 && N == 32)),
                "wmma multiplies 16x16x16, 32x8x16 and 8x32x16");
  using shape = fragment_shape<Use, M, N, K>;
  static constexpr int num_elements = shape::rows * shape::columns / 32;
  T x[num_elements];

  /// The number of the element that x[i] of a lane is, in row-major order. Multiplying by an odd
  /// number permutes the numbers below a power of two.
  static int element(unsigned lane, int i) {
    return (i * 32 + static_cast<int>(lane)) * shape::multiplier % (shape::rows * shape::columns);
  }
};

namespace detail {

using chainline::emulator::kFullMask;
using chainline::emulator::kLanes;
using chainline::emulator::lane;
using chainline::emulator::meet;
using chainline::emulator::Meeting;
using chainline::emulator::Where;

/// What each lane passes to a load or store; it must be the same for all.
struct Place {
  const void* address;
  unsigned leading;
};

template <class T>
void meet_at(const T* address, unsigned leading, const char* name, Where where) {
  if (reinterpret_cast<std::uintptr_t>(address) % 32 != 0) {
    chainline::emulator::fail(name, where, "expected an address that is a multiple of 32 bytes");
  }
  if (leading * sizeof(T) % 16 != 0) {
    chainline::emulator::fail(name, where,
                              "expected a leading dimension that is a multiple of 16 bytes");
  }
  Place mine{address, leading};
  meet(
      kFullMask, name, &mine,
      [](const Meeting& m) {
        const auto& first = *static_cast<const Place*>(m.operands[0]);
        for (unsigned l = 1; l < kLanes; ++l) {
          const auto& other = *static_cast<const Place*>(m.operands[l]);
          if (other.address != first.address || other.leading != first.leading) {
            chainline::emulator::fail(m.name, m.where[l],
                                      "expected one address for all lanes, got different ones");
          }
        }
      },
      where);
}

inline std::size_t offset(int element, int columns, unsigned leading, bool by_rows) {
  const auto row = static_cast<std::size_t>(element / columns);
  const auto column = static_cast<std::size_t>(element % columns);
  return by_rows ? row * leading + column : column * leading + row;
}

template <class Fragment, class T>
void load(Fragment& fragment, const T* address, unsigned leading, bool by_rows, Where where) {
  meet_at(address, leading, "load_matrix_sync", where);
  for (int i = 0; i < Fragment::num_elements; ++i) {
    const int element = Fragment::element(lane(), i);
    fragment.x[i] = address[offset(element, Fragment::shape::columns, leading, by_rows)];
  }
}

template <class A, class B, class C>
struct Product {
  const A* a;
  const B* b;
  const C* c;
  C* d;
};

template <int M, int N, int K, class A, class B, class C>
void multiply(const Meeting& m) {
  float a[M * K], b[K * N], c[M * N];
  const auto each = [&m](auto f) {
    for (unsigned l = 0; l < kLanes; ++l) f(l, *static_cast<Product<A, B, C>*>(m.operands[l]));
  };
  each([&](unsigned l, const auto& p) {
    for (int i = 0; i < A::num_elements; ++i) a[A::element(l, i)] = static_cast<float>(p.a->x[i]);
    for (int i = 0; i < B::num_elements; ++i) b[B::element(l, i)] = static_cast<float>(p.b->x[i]);
    for (int i = 0; i < C::num_elements; ++i) c[C::element(l, i)] = p.c->x[i];
  });
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) {
      float& sum = c[i * N + j];
      for (int k = 0; k < K; ++k) sum = std::fma(a[i * K + k], b[k * N + j], sum);
    }
  }
  each([&](unsigned l, const auto& p) {
    for (int i = 0; i < C::num_elements; ++i) p.d->x[i] = c[C::element(l, i)];
  });
}

template <class Layout>
inline constexpr bool kByRows = false;
template <>
inline constexpr bool kByRows<row_major> = true;

}  // namespace detail

template <class Use, int M, int N, int K, class T, class Layout>
void fill_fragment(fragment<Use, M, N, K, T, Layout>& f, T value) {
  for (T& x : f.x) x = value;
}

template <class Use, int M, int N, int K, class T, class Layout>
void load_matrix_sync(fragment<Use, M, N, K, T, Layout>& f, const T* address, unsigned leading,
                      const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  detail::load(f, address, leading, detail::kByRows<Layout>, {file, line});
}
template <int M, int N, int K, class T>
void load_matrix_sync(fragment<accumulator, M, N, K, T>& f, const T* address, unsigned leading,
                      layout_t layout, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  detail::load(f, address, leading, layout == mem_row_major, {file, line});
}

template <int M, int N, int K, class T>
void store_matrix_sync(T* address, const fragment<accumulator, M, N, K, T>& f, unsigned leading,
                       layout_t layout, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  using Fragment = fragment<accumulator, M, N, K, T>;
  detail::meet_at(address, leading, "store_matrix_sync", {file, line});
  for (int i = 0; i < Fragment::num_elements; ++i) {
    const int element = Fragment::element(detail::lane(), i);
    address[detail::offset(element, N, leading, layout == mem_row_major)] = f.x[i];
  }
}

/// d = a * b + c
template <int M, int N, int K, class LayoutA, class LayoutB>
void mma_sync(fragment<accumulator, M, N, K, float>& d,
              const fragment<matrix_a, M, N, K, __nv_bfloat16, LayoutA>& a,
              const fragment<matrix_b, M, N, K, __nv_bfloat16, LayoutB>& b,
              const fragment<accumulator, M, N, K, float>& c, const char* file = __builtin_FILE(),
              int line = __builtin_LINE()) {
  using A = fragment<matrix_a, M, N, K, __nv_bfloat16, LayoutA>;
  using B = fragment<matrix_b, M, N, K, __nv_bfloat16, LayoutB>;
  using C = fragment<accumulator, M, N, K, float>;
  detail::Product<A, B, C> mine{&a, &b, &c, &d};
  detail::meet(detail::kFullMask, "mma_sync", &mine, &detail::multiply<M, N, K, A, B, C>,
               {file, line});
}

}  // namespace nvcuda::wmma
