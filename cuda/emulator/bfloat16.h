#pragma once

#ifdef CHAINLINE_TOOLKIT_TYPES
#include <cuda_bf16.h>
#else

#include <bit>
#include <cstdint>

/// CUDA's name for the upper half of a binary32, with its conversions; kernels compute in float.
struct __nv_bfloat16 {
  std::uint16_t bits;

  __nv_bfloat16() = default;
  /// Rounds to nearest even. Without this constructor, braces would take a float for bits.
  explicit constexpr __nv_bfloat16(float x) : bits(rounded(x)) {}
  explicit constexpr operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }

 private:
  static constexpr std::uint16_t rounded(float x) {
    const auto all = std::bit_cast<std::uint32_t>(x);
    if ((all & 0x7fffffffu) > 0x7f800000u) return 0x7fff;  // CUDA's one NaN
    return static_cast<std::uint16_t>((all + 0x7fffu + ((all >> 16) & 1u)) >> 16);
  }
};

constexpr float __bfloat162float(__nv_bfloat16 x) { return static_cast<float>(x); }
constexpr __nv_bfloat16 __float2bfloat16(float x) { return __nv_bfloat16(x); }
constexpr __nv_bfloat16 __float2bfloat16_rn(float x) { return __nv_bfloat16(x); }
constexpr unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
constexpr __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) {
  return std::bit_cast<__nv_bfloat16>(bits);
}
#endif
