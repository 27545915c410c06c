#pragma once

namespace chainline {

/// Whether sums may be taken in any order. They may in one set of kernels that only benchmarks have
/// (cmake/isa.cmake), to tell what the orders of docs/numerics.md cost.
#if defined(CHAINLINE_SUMS_IN_ANY_ORDER)
constexpr bool kFreeOrder = true;
#else
constexpr bool kFreeOrder = false;
#endif

}  // namespace chainline
