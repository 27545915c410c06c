#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string_view>

#include "tensor/error.h"
#include "tensor/host_device.h"

namespace chainline {

enum class DType : std::uint8_t { f32, f64, bf16, i64, u8 };

/// The upper half of a binary32: the same range, 8 bits of precision. It is a storage format;
/// arithmetic on it happens in float, and storing rounds to nearest even.
class bf16 {
 public:
  bf16() = default;
  CHAINLINE_HOST_DEVICE explicit bf16(float x) {
    const auto bits = __builtin_bit_cast(std::uint32_t, x);  // std::bit_cast is a host function
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
      bits_ = static_cast<std::uint16_t>((bits >> 16) | 0x40u);  // a NaN stays one
    } else {
      bits_ = static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
    }
  }
  CHAINLINE_HOST_DEVICE explicit operator float() const {
    return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits_) << 16);
  }

  static bf16 from_bits(std::uint16_t bits) {
    bf16 x;
    x.bits_ = bits;
    return x;
  }
  std::uint16_t bits() const { return bits_; }

 private:
  std::uint16_t bits_ = 0;
};

template <class T>
struct Type {
  using type = T;
};

namespace detail {
template <class T>
struct DTypeOf;  // not an element type
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<bf16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
}  // namespace detail

template <class T>
inline constexpr DType dtype_of = detail::DTypeOf<T>::value;

constexpr std::string_view name(DType d) {
  constexpr std::string_view names[] = {"f32", "f64", "bf16", "i64", "u8"};
  return names[static_cast<std::size_t>(d)];
}
inline std::ostream& operator<<(std::ostream& out, DType d) { return out << name(d); }

constexpr bool is_floating(DType d) {
  return d == DType::f32 || d == DType::f64 || d == DType::bf16;
}

/// Calls f(Type<T>{}) with the element type T that d stands for.
template <class F>
decltype(auto) visit_any(DType d, F&& f) {
  switch (d) {
    case DType::f32:
      return f(Type<float>{});
    case DType::f64:
      return f(Type<double>{});
    case DType::bf16:
      return f(Type<bf16>{});
    case DType::i64:
      return f(Type<std::int64_t>{});
    case DType::u8:
      break;
  }
  return f(Type<std::uint8_t>{});
}

/// Calls f(Type<T>{}) for the types that kernels compute in, f32 and f64; anything else is a
/// DTypeError that names the op.
template <class F>
decltype(auto) visit_floating(DType d, std::string_view op, F&& f) {
  check<DTypeError>(d == DType::f32 || d == DType::f64, op, ": expected dtype f32 or f64, got ", d);
  if (d == DType::f32) return f(Type<float>{});
  return f(Type<double>{});
}

/// Calls f(Type<T>{}) for the types that are counted or compared in: f32, f64, i64, u8.
template <class F>
decltype(auto) visit_numeric(DType d, std::string_view op, F&& f) {
  check<DTypeError>(d != DType::bf16, op, ": expected dtype f32, f64, i64 or u8, got bf16",
                    "; convert it with to(DType::f32)");
  if (d == DType::i64) return f(Type<std::int64_t>{});
  if (d == DType::u8) return f(Type<std::uint8_t>{});
  if (d == DType::f64) return f(Type<double>{});
  return f(Type<float>{});
}

inline std::size_t size_of(DType d) {
  return visit_any(d, []<class T>(Type<T>) { return sizeof(T); });
}

}  // namespace chainline
