#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace chainline::simd {

/// Several Ts side by side, with the few operations that matrix products need. `Vec<T>::kWidth`
/// differs between instruction sets; what a lane computes does not: every operation is the IEEE
/// one, rounded once. Without a known instruction set, an array stands in for the register.
template <class T>
struct Vec {
  static constexpr std::int64_t kWidth = 16 / sizeof(T);
  std::array<T, 16 / sizeof(T)> lanes;

  static Vec zero() { return broadcast(T(0)); }
  static Vec broadcast(T x) {
    Vec v;
    v.lanes.fill(x);
    return v;
  }
  static Vec load(const T* p) {
    Vec v;
    for (std::size_t l = 0; l < v.lanes.size(); ++l) v.lanes[l] = p[l];
    return v;
  }
  void store(T* p) const {
    for (std::size_t l = 0; l < lanes.size(); ++l) p[l] = lanes[l];
  }
  /// The first n elements; the lanes beyond are +0, and their memory is not touched.
  static Vec load_first(std::int64_t n, const T* p) {
    Vec v = zero();
    for (std::int64_t l = 0; l < n; ++l) v.lanes[static_cast<std::size_t>(l)] = p[l];
    return v;
  }
  void store_first(std::int64_t n, T* p) const {
    for (std::int64_t l = 0; l < n; ++l) p[l] = lanes[static_cast<std::size_t>(l)];
  }
  friend Vec operator+(Vec a, Vec b) {
    for (std::size_t l = 0; l < a.lanes.size(); ++l) a.lanes[l] += b.lanes[l];
    return a;
  }
  /// a * b + c, rounded once.
  friend Vec fma(Vec a, Vec b, Vec c) {
    for (std::size_t l = 0; l < a.lanes.size(); ++l) {
      c.lanes[l] = std::fma(a.lanes[l], b.lanes[l], c.lanes[l]);
    }
    return c;
  }
};

#if defined(__AVX512F__)

template <>
struct Vec<float> {
  static constexpr std::int64_t kWidth = 16;
  __m512 r;
  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, r); }
  static __mmask16 first(std::int64_t n) { return static_cast<__mmask16>((1U << n) - 1); }
  static Vec load_first(std::int64_t n, const float* p) {
    return {_mm512_maskz_loadu_ps(first(n), p)};
  }
  void store_first(std::int64_t n, float* p) const { _mm512_mask_storeu_ps(p, first(n), r); }
  friend Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.r, b.r)}; }
  friend Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.r, b.r, c.r)}; }
};

template <>
struct Vec<double> {
  static constexpr std::int64_t kWidth = 8;
  __m512d r;
  static Vec zero() { return {_mm512_setzero_pd()}; }
  static Vec broadcast(double x) { return {_mm512_set1_pd(x)}; }
  static Vec load(const double* p) { return {_mm512_loadu_pd(p)}; }
  void store(double* p) const { _mm512_storeu_pd(p, r); }
  static __mmask8 first(std::int64_t n) { return static_cast<__mmask8>((1U << n) - 1); }
  static Vec load_first(std::int64_t n, const double* p) {
    return {_mm512_maskz_loadu_pd(first(n), p)};
  }
  void store_first(std::int64_t n, double* p) const { _mm512_mask_storeu_pd(p, first(n), r); }
  friend Vec operator+(Vec a, Vec b) { return {_mm512_add_pd(a.r, b.r)}; }
  friend Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_pd(a.r, b.r, c.r)}; }
};

#elif defined(__AVX2__) && defined(__FMA__)

template <>
struct Vec<float> {
  static constexpr std::int64_t kWidth = 8;
  __m256 r;
  static Vec zero() { return {_mm256_setzero_ps()}; }
  static Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  void store(float* p) const { _mm256_storeu_ps(p, r); }
  static __m256i first(std::int64_t n) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lanes);
  }
  static Vec load_first(std::int64_t n, const float* p) {
    return {_mm256_maskload_ps(p, first(n))};
  }
  void store_first(std::int64_t n, float* p) const { _mm256_maskstore_ps(p, first(n), r); }
  friend Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.r, b.r)}; }
  friend Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.r, b.r, c.r)}; }
};

template <>
struct Vec<double> {
  static constexpr std::int64_t kWidth = 4;
  __m256d r;
  static Vec zero() { return {_mm256_setzero_pd()}; }
  static Vec broadcast(double x) { return {_mm256_set1_pd(x)}; }
  static Vec load(const double* p) { return {_mm256_loadu_pd(p)}; }
  void store(double* p) const { _mm256_storeu_pd(p, r); }
  static __m256i first(std::int64_t n) {
    const __m256i lanes = _mm256_setr_epi64x(0, 1, 2, 3);
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), lanes);
  }
  static Vec load_first(std::int64_t n, const double* p) {
    return {_mm256_maskload_pd(p, first(n))};
  }
  void store_first(std::int64_t n, double* p) const { _mm256_maskstore_pd(p, first(n), r); }
  friend Vec operator+(Vec a, Vec b) { return {_mm256_add_pd(a.r, b.r)}; }
  friend Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_pd(a.r, b.r, c.r)}; }
};

#elif defined(__ARM_NEON) && defined(__aarch64__)

template <>
struct Vec<float> {
  static constexpr std::int64_t kWidth = 4;
  float32x4_t r;
  static Vec zero() { return {vdupq_n_f32(0)}; }
  static Vec broadcast(float x) { return {vdupq_n_f32(x)}; }
  static Vec load(const float* p) { return {vld1q_f32(p)}; }
  void store(float* p) const { vst1q_f32(p, r); }
  static Vec load_first(std::int64_t n, const float* p) {
    float lanes[kWidth] = {};
    for (std::int64_t l = 0; l < n; ++l) lanes[l] = p[l];
    return load(lanes);
  }
  void store_first(std::int64_t n, float* p) const {
    float lanes[kWidth];
    store(lanes);
    for (std::int64_t l = 0; l < n; ++l) p[l] = lanes[l];
  }
  friend Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.r, b.r)}; }
  friend Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.r, a.r, b.r)}; }
};

template <>
struct Vec<double> {
  static constexpr std::int64_t kWidth = 2;
  float64x2_t r;
  static Vec zero() { return {vdupq_n_f64(0)}; }
  static Vec broadcast(double x) { return {vdupq_n_f64(x)}; }
  static Vec load(const double* p) { return {vld1q_f64(p)}; }
  void store(double* p) const { vst1q_f64(p, r); }
  static Vec load_first(std::int64_t n, const double* p) {
    double lanes[kWidth] = {};
    for (std::int64_t l = 0; l < n; ++l) lanes[l] = p[l];
    return load(lanes);
  }
  void store_first(std::int64_t n, double* p) const {
    double lanes[kWidth];
    store(lanes);
    for (std::int64_t l = 0; l < n; ++l) p[l] = lanes[l];
  }
  friend Vec operator+(Vec a, Vec b) { return {vaddq_f64(a.r, b.r)}; }
  friend Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f64(c.r, a.r, b.r)}; }
};

#endif

/// The rows of a register tile that is two vectors wide: as many as the instruction set's
/// registers hold beside one row of B and one broadcast element of A.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 14;
#elif defined(__AVX2__) && defined(__FMA__)
inline constexpr int kTileRows = 6;
#elif defined(__ARM_NEON) && defined(__aarch64__)
inline constexpr int kTileRows = 12;
#else
inline constexpr int kTileRows = 4;
#endif

/// Writes a kWidth x kWidth block transposed: to[k * to_stride + j] = from[j * from_stride + k].
template <class T>
inline void transpose_block(const T* from, std::int64_t from_stride, T* to,
                            std::int64_t to_stride) {
  constexpr std::int64_t W = Vec<T>::kWidth;
  for (std::int64_t k = 0; k < W; ++k) {
    for (std::int64_t j = 0; j < W; ++j) to[k * to_stride + j] = from[j * from_stride + k];
  }
}

#if defined(__AVX2__) && defined(__FMA__)

/// An 8 x 8 block: pairs of rows, then groups of four, then the 128-bit halves change places.
inline void transpose_8x8(const float* from, std::int64_t from_stride, float* to,
                          std::int64_t to_stride) {
  const auto row = [&](std::int64_t j) { return _mm256_loadu_ps(from + j * from_stride); };
  __m256 pairs[8], fours[8];
  for (int j = 0; j < 8; j += 2) {
    const __m256 even = row(j), odd = row(j + 1);
    pairs[j] = _mm256_unpacklo_ps(even, odd);
    pairs[j + 1] = _mm256_unpackhi_ps(even, odd);
  }
  for (int h = 0; h < 8; h += 4) {
    for (int i = 0; i < 2; ++i) {
      fours[h + 2 * i] = _mm256_shuffle_ps(pairs[h + i], pairs[h + i + 2], 0x44);
      fours[h + 2 * i + 1] = _mm256_shuffle_ps(pairs[h + i], pairs[h + i + 2], 0xee);
    }
  }
  for (int k = 0; k < 4; ++k) {
    _mm256_storeu_ps(to + k * to_stride, _mm256_permute2f128_ps(fours[k], fours[k + 4], 0x20));
    _mm256_storeu_ps(to + (k + 4) * to_stride,
                     _mm256_permute2f128_ps(fours[k], fours[k + 4], 0x31));
  }
}

inline void transpose_4x4(const double* from, std::int64_t from_stride, double* to,
                          std::int64_t to_stride) {
  const __m256d r0 = _mm256_loadu_pd(from), r1 = _mm256_loadu_pd(from + from_stride);
  const __m256d r2 = _mm256_loadu_pd(from + 2 * from_stride);
  const __m256d r3 = _mm256_loadu_pd(from + 3 * from_stride);
  const __m256d even01 = _mm256_unpacklo_pd(r0, r1), odd01 = _mm256_unpackhi_pd(r0, r1);
  const __m256d even23 = _mm256_unpacklo_pd(r2, r3), odd23 = _mm256_unpackhi_pd(r2, r3);
  _mm256_storeu_pd(to, _mm256_permute2f128_pd(even01, even23, 0x20));
  _mm256_storeu_pd(to + to_stride, _mm256_permute2f128_pd(odd01, odd23, 0x20));
  _mm256_storeu_pd(to + 2 * to_stride, _mm256_permute2f128_pd(even01, even23, 0x31));
  _mm256_storeu_pd(to + 3 * to_stride, _mm256_permute2f128_pd(odd01, odd23, 0x31));
}

// A register of AVX2 holds one such block's row; of AVX-512, two.

template <>
inline void transpose_block(const float* from, std::int64_t from_stride, float* to,
                            std::int64_t to_stride) {
  for (std::int64_t k = 0; k < Vec<float>::kWidth; k += 8) {
    for (std::int64_t j = 0; j < Vec<float>::kWidth; j += 8) {
      transpose_8x8(from + j * from_stride + k, from_stride, to + k * to_stride + j, to_stride);
    }
  }
}

template <>
inline void transpose_block(const double* from, std::int64_t from_stride, double* to,
                            std::int64_t to_stride) {
  for (std::int64_t k = 0; k < Vec<double>::kWidth; k += 4) {
    for (std::int64_t j = 0; j < Vec<double>::kWidth; j += 4) {
      transpose_4x4(from + j * from_stride + k, from_stride, to + k * to_stride + j, to_stride);
    }
  }
}

#endif

}  // namespace chainline::simd
