#pragma once

#include <cstdint>
#include <type_traits>

#include "tensor/dtype.h"
#include "tensor/math_parts.h"

namespace chainline {

/// One element in another type. Floating values go through double or float without a second
/// rounding.
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
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace chainline
