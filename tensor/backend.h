#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace chainline {

/// Which kernel computes calls of a shape, in the class `repeatable` (docs/numerics.md).
struct KernelChoice {
  std::string op, shape, kernel;

  bool operator==(const KernelChoice&) const = default;
};

/// What a device reached at most, per second, when it was measured.
struct DeviceLimits {
  double f32_flops = 0;   ///< fused multiply-adds on registers, two operations each
  double bf16_flops = 0;  ///< products of bf16 on tensor cores
  double copy_bytes =
      0;  ///< of a block far beyond the caches, each byte once read and once written
};

/// Work of a device that was recorded (tensor/device_graph.h), to be done any number of times.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  virtual void replay() = 0;
};

/// What a device other than the CPU does for the tensors that live on it. Its work is done in the
/// order in which it was asked for, later than the call that asks, unless it says otherwise; so a
/// block may be released, or lent again, while kernels that use it still wait.
class Backend {
 public:
  virtual ~Backend() = default;
  /// For people: "NVIDIA H100 PCIe", "emulated on the CPU".
  virtual std::string name() const = 0;
  virtual std::size_t memory_bytes() const = 0;
  /// Whether a block shall have exactly the bytes that were asked for: where kernels run under
  /// AddressSanitizer, it then sees the first access behind them.
  virtual bool wants_exact_blocks() const = 0;

  /// A block aligned to 64 bytes. DeviceError when the device has no room for it.
  virtual std::byte* allocate(std::size_t bytes) = 0;
  virtual void release(std::byte* block) noexcept = 0;

  /// Returns when the bytes have left the host's memory.
  virtual void copy_from_host(std::byte* to, const std::byte* from, std::size_t bytes) = 0;
  /// Returns when the bytes have arrived.
  virtual void copy_to_host(std::byte* to, const std::byte* from, std::size_t bytes) = 0;
  virtual void copy(std::byte* to, const std::byte* from, std::size_t bytes) = 0;
  virtual void fill_with_zeros(std::byte* to, std::size_t bytes) = 0;

  /// Waits for all work. A kernel that failed is an error here, if not before.
  virtual void synchronize() = 0;

  /// Between the two, work is not done but recorded. Whatever would wait is a DeviceError then.
  virtual void begin_recording() = 0;
  virtual std::unique_ptr<RecordedWork> end_recording() = 0;

  /// Whether its times say something; those of an emulated device don't.
  virtual bool measures() const = 0;
  /// Seconds by the device's clock for the work that `ask` asks for. What the caches held is written
  /// over before, and hides what the asking costs, unless that takes longer.
  virtual double seconds_of(const std::function<void()>& ask) = 0;
  virtual DeviceLimits measure_limits() = 0;

  /// The libraries of others whose kernels may be chosen, with their releases: "cuBLASLt 13.1.0".
  virtual std::vector<std::string> libraries() const = 0;
  /// Who can compute calls of an op: "product", "attention" or "attention_backward".
  virtual std::vector<std::string> kernels(const std::string& op) const = 0;
  /// The kernels that were chosen by their times, or given; the same ones give the same bits.
  virtual std::vector<KernelChoice> kernel_choices() const = 0;
  /// From now on these are taken, and what they don't name is chosen when it is first called.
  virtual void set_kernel_choices(const std::vector<KernelChoice>& choices) = 0;
};

}  // namespace chainline

// The seam: a program links one of the ends in cuda/, which define these (docs/architecture.md).
namespace chainline::cuda {

/// How many devices there are; none in a build without CUDA.
int device_count();

/// Device number `index`. Until now one device is used, number 0.
///
/// Errors   DeviceError when the build has no CUDA, or the machine no such device
Backend& backend(int index);

/// Fills CUDA's slots of the kernels, once; in a build without CUDA there is nothing to fill them
/// with. backend() does it too, so no tensor is on a device before its kernels are there.
void install_kernels();

}  // namespace chainline::cuda
