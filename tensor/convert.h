#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "tensor/dtype.h"
#include "tensor/math_parts.h"

namespace chainline {
namespace detail {

// What <limits> has as functions, which only the host may call.
template <class T>
constexpr T kLowest = std::numeric_limits<T>::min();
template <class T>
constexpr T kHighest = std::numeric_limits<T>::max();

}  // namespace detail

/// One element in another type. Floating values go through double or float without a second
/// rounding. Integers are cut off; what is beyond their range becomes the nearest of them, NaN 0.
template <class To, class From>
CHAINLINE_HOST_DEVICE To convert(From x) {
  if constexpr (std::is_same_v<From, bf16>) {
    return convert<To>(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bf16>) {
    // double -> float -> bf16 would round twice; rounding to odd in between keeps it exact.
    if constexpr (std::is_same_v<From, double> || std::is_same_v<From, std::int64_t>) {
      using namespace math::parts;
      const auto wide = static_cast<double>(x);
      const auto narrow = static_cast<float>(wide);
      if (static_cast<double>(narrow) == wide || !(narrow - narrow == 0)) return bf16(narrow);
      const bool above = static_cast<double>(absolute(narrow)) > absolute(wide);
      return bf16(from_bits<float>((bits_of(narrow) - (above ? 1u : 0u)) | 1u));
    } else {
      return bf16(static_cast<float>(x));
    }
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // What a cast makes of numbers out of range is left open by C++, and differs between devices.
    using detail::kHighest, detail::kLowest;
    if (x != x) return 0;
    if (x <= static_cast<From>(kLowest<To>)) return kLowest<To>;
    return x >= static_cast<From>(kHighest<To>) ? kHighest<To> : static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace chainline
