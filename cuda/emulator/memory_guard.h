#pragma once

namespace chainline::emulator {

/// While none of these exists, AddressSanitizer guards all memory of the device: host code that
/// reaches for it, which no GPU's memory would allow, is reported at its line. Kernels and copies run
/// inside of one.
class DeviceMemoryInUse {
 public:
  DeviceMemoryInUse();
  ~DeviceMemoryInUse();
  DeviceMemoryInUse(const DeviceMemoryInUse&) = delete;
  DeviceMemoryInUse& operator=(const DeviceMemoryInUse&) = delete;
};

}  // namespace chainline::emulator
