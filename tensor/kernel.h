#pragma once

#include <array>

#include "tensor/device.h"
#include "tensor/error.h"

namespace chainline {

template <class Signature>
class Kernel;

/// One entry point with one function per device. The CPU function is a constructor argument, so it
/// can never be missing; another backend installs its own at start-up. There is no fallback: a
/// missing kernel is an error, never a silent copy to the CPU.
template <class... Args>
class Kernel<void(Args...)> {
 public:
  using Function = void (*)(Args...);

  constexpr Kernel(const char* name, Function cpu) : name_(name), table_{cpu, nullptr} {}

  const char* name() const { return name_; }
  bool has(DeviceType d) const { return table_[static_cast<std::size_t>(d)] != nullptr; }
  void install(DeviceType d, Function f) { table_[static_cast<std::size_t>(d)] = f; }

  void operator()(Device device, Args... args) const {
    const Function f = table_[static_cast<std::size_t>(device.type)];
    check<DeviceError>(f != nullptr, name_, ": no kernel for ", device);
    f(args...);
  }

 private:
  const char* name_;
  std::array<Function, kDeviceTypes> table_;
};

}  // namespace chainline
