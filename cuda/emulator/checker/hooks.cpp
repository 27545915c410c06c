// The functions that code compiled with -fsanitize=thread calls, instead of those of libtsan: they
// tell the race checker of each access, with the address that the call returns to. This file is not
// compiled with that option itself.
#include <cstddef>
#include <cstdint>

#include "cuda/emulator/checker/race_checker.h"

using chainline::emulator::Access;
using chainline::emulator::race_checker;

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

// Tables of virtual functions are read and written by the host alone.
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

#define CHAINLINE_ACCESS(name, kind, bytes)                                           \
  void __tsan_##name(void* address) {                                                 \
    race_checker().access(address, bytes, Access::kind, __builtin_return_address(0)); \
  }
#define CHAINLINE_ACCESSES(bytes)                        \
  CHAINLINE_ACCESS(read##bytes, read, bytes)             \
  CHAINLINE_ACCESS(write##bytes, write, bytes)           \
  CHAINLINE_ACCESS(unaligned_read##bytes, read, bytes)   \
  CHAINLINE_ACCESS(unaligned_write##bytes, write, bytes) \
  CHAINLINE_ACCESS(volatile_read##bytes, read, bytes)    \
  CHAINLINE_ACCESS(volatile_write##bytes, write, bytes)
CHAINLINE_ACCESSES(1)
CHAINLINE_ACCESSES(2)
CHAINLINE_ACCESSES(4)
CHAINLINE_ACCESSES(8)
CHAINLINE_ACCESSES(16)

// A read that is followed by a write of the same place.
#define CHAINLINE_READ_WRITE(bytes)                                                    \
  void __tsan_read_write##bytes(void* address) {                                       \
    race_checker().access(address, bytes, Access::read, __builtin_return_address(0));  \
    race_checker().access(address, bytes, Access::write, __builtin_return_address(0)); \
  }
CHAINLINE_READ_WRITE(1)
CHAINLINE_READ_WRITE(2)
CHAINLINE_READ_WRITE(4)
CHAINLINE_READ_WRITE(8)
CHAINLINE_READ_WRITE(16)

void __tsan_read_range(void* address, std::size_t bytes) {
  race_checker().access(address, bytes, Access::read, __builtin_return_address(0));
}
void __tsan_write_range(void* address, std::size_t bytes) {
  race_checker().access(address, bytes, Access::write, __builtin_return_address(0));
}

// Atomics of C++ are the host's: kernels use CUDA's, which the emulator itself announces.
#define CHAINLINE_FETCH(bits, T, name, builtin)             \
  T __tsan_atomic##bits##_##name(volatile T* a, T v, int) { \
    return builtin(a, v, __ATOMIC_SEQ_CST);                 \
  }
#define CHAINLINE_ATOMICS(bits, T)                                                                 \
  T __tsan_atomic##bits##_load(const volatile T* a, int) {                                         \
    return __atomic_load_n(a, __ATOMIC_SEQ_CST);                                                   \
  }                                                                                                \
  void __tsan_atomic##bits##_store(volatile T* a, T v, int) {                                      \
    __atomic_store_n(a, v, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                \
  CHAINLINE_FETCH(bits, T, exchange, __atomic_exchange_n)                                          \
  CHAINLINE_FETCH(bits, T, fetch_add, __atomic_fetch_add)                                          \
  CHAINLINE_FETCH(bits, T, fetch_sub, __atomic_fetch_sub)                                          \
  CHAINLINE_FETCH(bits, T, fetch_and, __atomic_fetch_and)                                          \
  CHAINLINE_FETCH(bits, T, fetch_or, __atomic_fetch_or)                                            \
  CHAINLINE_FETCH(bits, T, fetch_xor, __atomic_fetch_xor)                                          \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* a, T* expected, T v, int, int) {   \
    return __atomic_compare_exchange_n(a, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }                                                                                                \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* a, T* expected, T v, int, int) {     \
    return __atomic_compare_exchange_n(a, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }                                                                                                \
  T __tsan_atomic##bits##_compare_exchange_val(volatile T* a, T expected, T v, int, int) {         \
    __atomic_compare_exchange_n(a, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
    return expected;                                                                               \
  }
CHAINLINE_ATOMICS(8, std::uint8_t)
CHAINLINE_ATOMICS(16, std::uint16_t)
CHAINLINE_ATOMICS(32, std::uint32_t)
CHAINLINE_ATOMICS(64, std::uint64_t)
void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}
}
