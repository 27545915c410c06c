#include "experiments/program/device_option.h"

#include <sstream>

#include "experiments/program/arguments.h"
#include "tensor/backend.h"

namespace chainline::experiments {

void DeviceOption::add_to(CLI::App& command) {
  command.add_option("--device", name, "cpu or cuda; the result does not depend on it")
      ->check(named("a device"))
      ->capture_default_str();
}

Device DeviceOption::device() const {
  const Device device = parse_device(name);
  if (device.type == DeviceType::cuda) cuda::backend(device.index);
  return device;
}

std::string describe(Device device) {
  std::ostringstream text;
  text << device;
  if (device.type == DeviceType::cuda) text << ", " << cuda::backend(device.index).name();
  return text.str();
}

}  // namespace chainline::experiments
