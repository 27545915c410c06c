#pragma once

#include <cstdint>

namespace chainline::emulator {

/// What CUDA's atomic functions do with the old value and the operand.
enum class AtomicOp { add, min, max, bit_and, bit_or, bit_xor, exchange, increment, decrement };

/// Each returns the old value. They are compiled apart from kernels, so that the race checker
/// doesn't take them for plain reads and writes. Defined for int, unsigned, unsigned long long, long
/// long, float and double.
template <class T>
T atomic(AtomicOp op, T* address, T operand);
template <class T>
T atomic_compare_and_swap(T* address, T expected, T desired);

/// __threadfence and its relatives.
void fence();

}  // namespace chainline::emulator
