#include "cuda/emulator/atomics.h"

#include <atomic>
#include <type_traits>

#include "cuda/emulator/observer.h"

namespace chainline::emulator {
namespace {

template <class T>
T applied(AtomicOp op, T old, T operand) {
  switch (op) {
    case AtomicOp::add:
      if constexpr (std::is_integral_v<T>) {  // wraps around
        using U = std::make_unsigned_t<T>;
        return static_cast<T>(static_cast<U>(old) + static_cast<U>(operand));
      } else {
        return old + operand;
      }
    case AtomicOp::min:
      return operand < old ? operand : old;
    case AtomicOp::max:
      return old < operand ? operand : old;
    case AtomicOp::exchange:
      return operand;
    case AtomicOp::increment:
      return old >= operand ? T{0} : old + T{1};
    case AtomicOp::decrement:
      return old == T{0} || old > operand ? operand : old - T{1};
    default:
      break;
  }
  if constexpr (std::is_integral_v<T>) {
    if (op == AtomicOp::bit_and) return old & operand;
    if (op == AtomicOp::bit_or) return old | operand;
    if (op == AtomicOp::bit_xor) return old ^ operand;
  }
  return old;
}

}  // namespace

// Blocks on other workers may use the same address, so these are atomic for the system too.
template <class T>
T atomic(AtomicOp op, T* address, T operand) {
  if (Observer* o = observer()) o->atomic(address, sizeof(T), __builtin_return_address(0));
  std::atomic_ref<T> value(*address);
  T old = value.load(std::memory_order_relaxed);
  while (!value.compare_exchange_weak(old, applied(op, old, operand))) {
  }
  return old;
}

template <class T>
T atomic_compare_and_swap(T* address, T expected, T desired) {
  if (Observer* o = observer()) o->atomic(address, sizeof(T), __builtin_return_address(0));
  std::atomic_ref<T>(*address).compare_exchange_strong(expected, desired);
  return expected;
}

void fence() {
  if (Observer* o = observer()) o->fence();
#ifndef __SANITIZE_THREAD__  // which does not support it; the atomics above are ordered anyway
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

template int atomic(AtomicOp, int*, int);
template unsigned atomic(AtomicOp, unsigned*, unsigned);
template long long atomic(AtomicOp, long long*, long long);
template unsigned long long atomic(AtomicOp, unsigned long long*, unsigned long long);
template float atomic(AtomicOp, float*, float);
template double atomic(AtomicOp, double*, double);
template int atomic_compare_and_swap(int*, int, int);
template unsigned atomic_compare_and_swap(unsigned*, unsigned, unsigned);
template unsigned long long atomic_compare_and_swap(unsigned long long*, unsigned long long,
                                                    unsigned long long);

}  // namespace chainline::emulator
