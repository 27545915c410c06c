#pragma once

// CUDA's words for kernels that g++ or clang compile. Kernel files include cuda/device.cuh instead,
// which takes this or the toolkit.
//
// Words that wait take the caller's file and line as hidden arguments, so that reports can say where
// each thread stands.

#include "cuda/emulator/keywords.h"

// The keywords come first: CUDA's own headers leave alone what is defined already.
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstdio>

#include "cuda/emulator/atomics.h"
#include "cuda/emulator/intrinsics.h"
#include "cuda/emulator/scheduler.h"
#include "cuda/emulator/vector_types.h"

inline constexpr int warpSize = 32;

#define CHAINLINE_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

// Barriers and fences.

inline void __syncthreads(CHAINLINE_HERE) {
  chainline::emulator::block_barrier(chainline::emulator::Vote::none, 0, "__syncthreads",
                                     {file, line});
}
inline int __syncthreads_and(int predicate, CHAINLINE_HERE) {
  return chainline::emulator::block_barrier(chainline::emulator::Vote::all, predicate,
                                            "__syncthreads_and", {file, line});
}
inline int __syncthreads_or(int predicate, CHAINLINE_HERE) {
  return chainline::emulator::block_barrier(chainline::emulator::Vote::any, predicate,
                                            "__syncthreads_or", {file, line});
}
inline int __syncthreads_count(int predicate, CHAINLINE_HERE) {
  return chainline::emulator::block_barrier(chainline::emulator::Vote::count, predicate,
                                            "__syncthreads_count", {file, line});
}
inline void __syncwarp(unsigned mask = 0xffffffffu, CHAINLINE_HERE) {
  chainline::emulator::warp_barrier(mask, {file, line});
}
inline void __threadfence() { chainline::emulator::fence(); }
inline void __threadfence_block() { chainline::emulator::fence(); }
inline void __threadfence_system() { chainline::emulator::fence(); }
/// A thread that waits for another's store calls it in its loop; here it lets the others run.
inline void __nanosleep(unsigned, CHAINLINE_HERE) { chainline::emulator::pause({file, line}); }
[[noreturn]] inline void __trap(CHAINLINE_HERE) {
  chainline::emulator::fail("__trap", {file, line}, "the kernel stopped itself");
}

// Shuffles, votes and reductions of a warp.

namespace chainline::emulator {

template <class T>
T exchange(unsigned mask, T value, unsigned source, const char* name, Where where) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "CUDA shuffles values of 4 or 8 bytes");
  if constexpr (sizeof(T) == 4) {
    const auto bits = shuffle(mask, std::bit_cast<std::uint32_t>(value), source, name, where);
    return std::bit_cast<T>(static_cast<std::uint32_t>(bits));
  } else {
    return std::bit_cast<T>(
        shuffle(mask, std::bit_cast<std::uint64_t>(value), source, name, where));
  }
}

template <class T, class F>
T reduce(unsigned mask, T value, const char* name, Where where, F f) {
  struct Operand {
    T value;
    F f;
  } mine{value, f};
  meet(
      mask, name, &mine,
      [](const Meeting& m) {
        T result{};
        bool first = true;
        for (unsigned l = 0; l < kLanes; ++l) {
          if ((m.arrived >> l & 1) == 0) continue;
          const auto& operand = *static_cast<Operand*>(m.operands[l]);
          result = first ? operand.value : operand.f(result, operand.value);
          first = false;
        }
        for (unsigned l = 0; l < kLanes; ++l) {
          if ((m.arrived >> l & 1) != 0) static_cast<Operand*>(m.operands[l])->value = result;
        }
      },
      where);
  return mine.value;
}

}  // namespace chainline::emulator

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, CHAINLINE_HERE) {
  const unsigned lane = chainline::emulator::lane(), w = static_cast<unsigned>(width);
  const unsigned from = (lane & ~(w - 1)) | (static_cast<unsigned>(source) & (w - 1));
  return chainline::emulator::exchange(mask, value, from, "__shfl_sync", {file, line});
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, CHAINLINE_HERE) {
  const unsigned lane = chainline::emulator::lane(), w = static_cast<unsigned>(width);
  const unsigned from = (lane & (w - 1)) >= delta ? lane - delta : lane;
  return chainline::emulator::exchange(mask, value, from, "__shfl_up_sync", {file, line});
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, CHAINLINE_HERE) {
  const unsigned lane = chainline::emulator::lane(), w = static_cast<unsigned>(width);
  const unsigned from = (lane & (w - 1)) + delta < w ? lane + delta : lane;
  return chainline::emulator::exchange(mask, value, from, "__shfl_down_sync", {file, line});
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, CHAINLINE_HERE) {
  const unsigned lane = chainline::emulator::lane(), w = static_cast<unsigned>(width);
  // A lane of a later segment can't be read: the caller keeps its own value.
  const unsigned other = lane ^ static_cast<unsigned>(lanes);
  const unsigned from = other < (lane & ~(w - 1)) + w ? other : lane;
  return chainline::emulator::exchange(mask, value, from, "__shfl_xor_sync", {file, line});
}

inline unsigned __ballot_sync(unsigned mask, int predicate, CHAINLINE_HERE) {
  return chainline::emulator::ballot(mask, predicate != 0, "__ballot_sync", {file, line});
}
inline int __any_sync(unsigned mask, int predicate, CHAINLINE_HERE) {
  return chainline::emulator::ballot(mask, predicate != 0, "__any_sync", {file, line}) != 0;
}
inline int __all_sync(unsigned mask, int predicate, CHAINLINE_HERE) {
  return chainline::emulator::ballot(mask, predicate == 0, "__all_sync", {file, line}) == 0;
}

inline unsigned __reduce_add_sync(unsigned mask, unsigned value, CHAINLINE_HERE) {
  return chainline::emulator::reduce(mask, value, "__reduce_add_sync", {file, line},
                                     [](unsigned a, unsigned b) { return a + b; });
}
inline int __reduce_add_sync(unsigned mask, int value, CHAINLINE_HERE) {
  return static_cast<int>(__reduce_add_sync(mask, static_cast<unsigned>(value), file, line));
}
template <class T>
T __reduce_min_sync(unsigned mask, T value, CHAINLINE_HERE) {
  return chainline::emulator::reduce(mask, value, "__reduce_min_sync", {file, line},
                                     [](T a, T b) { return b < a ? b : a; });
}
template <class T>
T __reduce_max_sync(unsigned mask, T value, CHAINLINE_HERE) {
  return chainline::emulator::reduce(mask, value, "__reduce_max_sync", {file, line},
                                     [](T a, T b) { return a < b ? b : a; });
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value, CHAINLINE_HERE) {
  return chainline::emulator::reduce(mask, value, "__reduce_and_sync", {file, line},
                                     [](unsigned a, unsigned b) { return a & b; });
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value, CHAINLINE_HERE) {
  return chainline::emulator::reduce(mask, value, "__reduce_or_sync", {file, line},
                                     [](unsigned a, unsigned b) { return a | b; });
}

// Atomics. The address' type decides; operands are converted to it. They are inlined so that the
// race checker sees the kernel's line and not one of this file.

namespace chainline::emulator {
template <class T>
struct Same {
  using type = T;
};
template <class T>
using Operand = typename Same<T>::type;
}  // namespace chainline::emulator

#define CHAINLINE_ATOMIC(name, op, types)                                                       \
  template <class T>                                                                            \
  requires(types) __forceinline__ T name(T* address, chainline::emulator::Operand<T> operand) { \
    return chainline::emulator::atomic(chainline::emulator::AtomicOp::op, address, operand);    \
  }
CHAINLINE_ATOMIC(atomicAdd, add, true)
CHAINLINE_ATOMIC(atomicExch, exchange, true)
CHAINLINE_ATOMIC(atomicMin, min, std::integral<T>)
CHAINLINE_ATOMIC(atomicMax, max, std::integral<T>)
CHAINLINE_ATOMIC(atomicAnd, bit_and, std::integral<T>)
CHAINLINE_ATOMIC(atomicOr, bit_or, std::integral<T>)
CHAINLINE_ATOMIC(atomicXor, bit_xor, std::integral<T>)
CHAINLINE_ATOMIC(atomicInc, increment, (std::same_as<T, unsigned>))
CHAINLINE_ATOMIC(atomicDec, decrement, (std::same_as<T, unsigned>))
#undef CHAINLINE_ATOMIC
__forceinline__ int atomicSub(int* address, int operand) { return atomicAdd(address, -operand); }
__forceinline__ unsigned atomicSub(unsigned* address, unsigned operand) {
  return atomicAdd(address, 0u - operand);
}
template <class T>
__forceinline__ T atomicCAS(T* address, chainline::emulator::Operand<T> expected,
                            chainline::emulator::Operand<T> desired) {
  return chainline::emulator::atomic_compare_and_swap(address, expected, desired);
}
#undef CHAINLINE_HERE
