#pragma once

#include <ostream>

namespace chainline {

enum class DeviceType : int { cpu, cuda };
inline constexpr int kDeviceTypes = 2;

struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  bool operator==(const Device&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, Device d) {
  return d.type == DeviceType::cpu ? out << "cpu" : out << "cuda:" << d.index;
}

}  // namespace chainline
