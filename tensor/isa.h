#pragma once

#include <string_view>
#include <vector>

namespace chainline {

/// The instruction sets that the CPU's kernels are compiled for. A file of kernels is compiled once
/// for each of them (CMakeLists.txt), with CHAINLINE_ISA as the name of a namespace of its own;
/// `scalar` is what every processor of its kind has. They differ in speed alone.
///
/// A build for benchmarks alone (CMake's CHAINLINE_FREE_ORDER) has free_order besides, which breaks
/// the rules of docs/numerics.md: only set_isa() chooses it.
#if defined(__x86_64__) && defined(CHAINLINE_FREE_ORDER)
enum class Isa : int { scalar, avx2, avx512, free_order };
inline constexpr int kIsas = 4;
#elif defined(__x86_64__)
enum class Isa : int { scalar, avx2, avx512 };
inline constexpr int kIsas = 3;
#elif defined(__aarch64__)
enum class Isa : int { scalar, neon };
inline constexpr int kIsas = 2;
#else
enum class Isa : int { scalar };
inline constexpr int kIsas = 1;
#endif

std::string_view name(Isa isa);

/// The sets that this processor has, in ascending order.
std::vector<Isa> available_isas();

/// The set in use: at first the one that the environment names in CHAINLINE_ISA, or else the last
/// of the available ones.
///
/// Errors   ValueError for a name that is none, DeviceError for a set that this processor lacks;
///          both at the first call
/// Bits     the same with each of them (docs/numerics.md)
Isa isa();

/// **Errors** DeviceError when this processor lacks it.
void set_isa(Isa isa);

}  // namespace chainline
