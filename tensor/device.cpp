#include "tensor/device.h"

#include <charconv>

#include "tensor/error.h"

namespace chainline {

Device parse_device(std::string_view text) {
  if (text == "cpu") return kCpu;
  if (text == "cuda") return {DeviceType::cuda, 0};
  constexpr std::string_view prefix = "cuda:";
  int index = -1;
  if (text.starts_with(prefix)) {
    const char *const begin = text.data() + prefix.size(), *const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, index);
    if (error != std::errc() || stop != end) index = -1;
  }
  check<ValueError>(index >= 0, "device: expected cpu, cuda or cuda:N, got ", text);
  return {DeviceType::cuda, index};
}

}  // namespace chainline
