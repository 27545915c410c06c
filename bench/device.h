#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "tensor/backend.h"
#include "tensor/device.h"

/// Benchmarks of another device, which run in place of the CPU's when it is asked for.
namespace chainline::bench {

/// Sets where benchmarks run, before anything is registered.
///
/// Errors   DeviceError when the device is not there
void run_on(Device device);
bool on_device();
Device device();
Backend& backend();
/// "/device=cuda", which ends the names.
std::string device_suffix();
/// Whether shapes shall be the smallest: on an emulated device, whose times mean nothing.
bool smallest();
/// What the device can do, measured once.
const DeviceLimits& device_limits();

/// Exact: f32, with the bits of the CPU. Fast: bf16 where activations are, f32 parameters.
enum class Arithmetic { exact, fast };
std::string name(Arithmetic a);

/// Where the operands of a call are made, and of what kind. The same numbers everywhere: activations
/// of the fast class are rounded to bf16, and for the CPU, which does not compute in it, widened.
struct Place {
  Device device;
  Arithmetic arithmetic;

  Tensor activation(const Shape& shape, std::uint64_t seed) const;
  Tensor parameter(const Shape& shape, std::uint64_t seed) const;
  Tensor index(const Shape& shape, std::int64_t n, std::uint64_t seed) const;
};

/// A call to be timed on the device. `prepare` makes its operands at a place and returns the call;
/// made on the CPU it gives the expected answer: the same bits in the exact class, and in the fast
/// class within what roundings to bf16 lose.
struct DeviceCase {
  std::string name;  ///< op/what/shape
  std::string shape;
  double flops = 0, bytes = 0;  ///< bytes of the exact class; activations of the fast have half
  std::function<std::function<Tensors()>(const Place&)> prepare;
};

/// Registers the case in both classes, and in the fast class once for each kernel that may be chosen
/// for it. Time is the device's, with nothing of the call in its caches.
void add_on_device(const DeviceCase& c);

/// Sets the counters of a call that took so many seconds.
void report_on_device(benchmark::State& state, Arithmetic arithmetic, double flops, double bytes,
                      double seconds);

/// What a file of benchmarks of the device registers.
class DeviceSuite {
 public:
  explicit DeviceSuite(void (*register_cases)());
  static void register_all();
};

}  // namespace chainline::bench
