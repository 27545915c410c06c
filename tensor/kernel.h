#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "tensor/device.h"
#include "tensor/error.h"
#include "tensor/isa.h"

namespace chainline {

/// How many kernels a type of device was asked to run since the program began: the proof of where
/// the work was done.
std::uint64_t kernel_calls(DeviceType device);

namespace detail {
void count_kernel_call(DeviceType device);
}

template <class Signature>
class Kernel;

/// One entry point with one function per device; the CPU has one per instruction set. The CPU's
/// functions are a constructor argument, so they can never be missing; another backend installs its
/// own at start-up. There is no fallback: a missing kernel is an error, never a silent copy to the
/// CPU.
template <class... Args>
class Kernel<void(Args...)> {
 public:
  using Function = void (*)(Args...);

  constexpr Kernel(const char* name, const std::array<Function, kIsas>& cpu)
      : name_(name), cpu_(cpu) {}

  const char* name() const { return name_; }
  bool has(DeviceType d) const { return d == DeviceType::cpu || cuda_ != nullptr; }
  void install(DeviceType d, Function f) {
    check<DeviceError>(d != DeviceType::cpu, name_, ": install: the CPU has its kernel already");
    cuda_ = f;
  }

  void operator()(Device device, Args... args) const {
    const Function f =
        device.type == DeviceType::cpu ? cpu_[static_cast<std::size_t>(isa())] : cuda_;
    check<DeviceError>(f != nullptr, name_, ": no kernel for ", device);
    detail::count_kernel_call(device.type);
    f(args...);
  }

 private:
  const char* name_;
  std::array<Function, kIsas> cpu_;
  Function cuda_ = nullptr;
};

}  // namespace chainline

/// CHAINLINE_KERNEL(name, void(const Tensor& x, Tensor& y)) declares the CPU's functions
/// cpu::scalar::name, cpu::avx2::name, ..., which X.cpp defines as cpu::CHAINLINE_ISA::name, the
/// slot kernel::name that holds them, and cuda::name, for which cuda/X.cu and cuda/install.cpp care.
#if defined(CHAINLINE_FREE_ORDER)  // a build for benchmarks alone (isa.h)
#define CHAINLINE_DECLARE_FREE_ORDER(...) \
  namespace free_order {                  \
  __VA_ARGS__;                            \
  }
#define CHAINLINE_FREE_ORDER_FUNCTION(name) , cpu::free_order::name
#else
#define CHAINLINE_DECLARE_FREE_ORDER(...)
#define CHAINLINE_FREE_ORDER_FUNCTION(name)
#endif

#if defined(__x86_64__)
#define CHAINLINE_DECLARE_CPU(...) \
  namespace scalar {               \
  __VA_ARGS__;                     \
  }                                \
  namespace avx2 {                 \
  __VA_ARGS__;                     \
  }                                \
  namespace avx512 {               \
  __VA_ARGS__;                     \
  }                                \
  CHAINLINE_DECLARE_FREE_ORDER(__VA_ARGS__)
#define CHAINLINE_CPU_FUNCTIONS(name) \
  cpu::scalar::name, cpu::avx2::name, cpu::avx512::name CHAINLINE_FREE_ORDER_FUNCTION(name)
#elif defined(__aarch64__)
#define CHAINLINE_DECLARE_CPU(...) \
  namespace scalar {               \
  __VA_ARGS__;                     \
  }                                \
  namespace neon {                 \
  __VA_ARGS__;                     \
  }
#define CHAINLINE_CPU_FUNCTIONS(name) cpu::scalar::name, cpu::neon::name
#else
#define CHAINLINE_DECLARE_CPU(...) \
  namespace scalar {               \
  __VA_ARGS__;                     \
  }
#define CHAINLINE_CPU_FUNCTIONS(name) cpu::scalar::name
#endif

#define CHAINLINE_KERNEL(name, ...)                                                  \
  namespace chainline::cpu {                                                         \
  CHAINLINE_DECLARE_CPU(std::type_identity_t<__VA_ARGS__> name)                      \
  }                                                                                  \
  namespace chainline::cuda {                                                        \
  std::type_identity_t<__VA_ARGS__> name;                                            \
  }                                                                                  \
  namespace chainline::kernel {                                                      \
  inline constinit Kernel<__VA_ARGS__> name{#name, {CHAINLINE_CPU_FUNCTIONS(name)}}; \
  }                                                                                  \
  static_assert(true)
