#pragma once

#include <limits>

namespace chainline::cuda {

// What <limits> has as functions, which only the host may call.
template <class T>
constexpr T kInfinity = std::numeric_limits<T>::infinity();
template <class T>
constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
template <class T>
constexpr T kLargest = std::numeric_limits<T>::max();

}  // namespace chainline::cuda
