#pragma once

#include <ostream>
#include <string_view>

namespace chainline {

enum class DeviceType : int { cpu, cuda };
inline constexpr int kDeviceTypes = 2;

struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  bool operator==(const Device&) const = default;
};

inline constexpr Device kCpu{};

/// The device that a text names: "cpu", "cuda" (the first one), "cuda:0". Whether it is there shows
/// when it is used.
///
/// Errors   ValueError for any other text
Device parse_device(std::string_view text);

inline std::ostream& operator<<(std::ostream& out, Device d) {
  return d.type == DeviceType::cpu ? out << "cpu" : out << "cuda:" << d.index;
}

}  // namespace chainline
