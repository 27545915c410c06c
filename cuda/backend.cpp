// The end of the seam for a device with kernels: memory and copies of tensor/backend.h by what
// cuda/runtime.h offers, which is the toolkit's runtime or the emulator's.

#include "tensor/backend.h"

#include "cuda/fast/attention.h"
#include "cuda/fast/choice.h"
#include "cuda/fast/product.h"
#include "cuda/limits.h"
#include "cuda/staging.h"
#include "cuda/stream.h"
#include "cuda/vendor/contenders.h"
#include "tensor/error.h"

namespace chainline::cuda {
namespace {

class RecordedGraph final : public RecordedWork {
 public:
  explicit RecordedGraph(Graph graph) : graph_(graph) {}
  ~RecordedGraph() override {
    try {
      graph_destroy(graph_);
    } catch (const DeviceError&) {
      // As with memory below.
    }
  }
  void replay() override { graph_launch(graph_, stream()); }

 private:
  Graph graph_;
};

class RuntimeBackend final : public Backend {
 public:
  std::string name() const override {
    return properties_.emulated ? "emulated on the CPU" : properties_.name;
  }
  std::size_t memory_bytes() const override { return properties_.memory_bytes; }

  bool wants_exact_blocks() const override { return properties_.emulated; }

  std::byte* allocate(std::size_t bytes) override {
    return static_cast<std::byte*>(device_malloc(bytes));
  }
  void release(std::byte* block) noexcept override {
    try {
      device_free(block);
    } catch (const DeviceError&) {
      // A device that has failed says so again to whoever asks it for something next.
    }
  }

  void copy_from_host(std::byte* to, const std::byte* from, std::size_t bytes) override {
    expect_no_recording("copy_from_host");
    staging_.send(to, from, bytes);
  }
  void copy_to_host(std::byte* to, const std::byte* from, std::size_t bytes) override {
    expect_no_recording("copy_to_host");
    device_memcpy(to, from, bytes, Copy::to_host, stream());
    synchronize();
  }
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) override {
    device_memcpy(to, from, bytes, Copy::on_device, stream());
  }
  void fill_with_zeros(std::byte* to, std::size_t bytes) override {
    device_memset(to, 0, bytes, stream());
  }

  void synchronize() override {
    expect_no_recording("synchronize");
    stream_synchronize(stream());
  }

  void begin_recording() override {
    capture_begin(stream());
    recording_ = true;
  }
  std::unique_ptr<RecordedWork> end_recording() override {
    recording_ = false;
    return std::make_unique<RecordedGraph>(capture_end(stream()));
  }

  bool measures() const override { return !properties_.emulated; }
  double seconds_of(const std::function<void()>& ask) override {
    const std::size_t bytes = 2 * second_cache_bytes(0);
    if (other_bytes_ == nullptr) other_bytes_ = device_malloc(bytes);
    device_memset(other_bytes_, 0, bytes, stream());
    return milliseconds_of(stream(), ask) * 1e-3;
  }
  DeviceLimits measure_limits() override {
    return measured_limits(properties_.multiprocessors, properties_.emulated);
  }

  std::vector<std::string> kernels(const std::string& op) const override {
    std::vector<std::string> names;
    if (op == "product") {
      for (const ProductContender& c : product_contenders()) names.emplace_back(c.name);
    }
    if (op == "attention" || op == "attention_backward") {
      for (const AttentionContender& c : attention_contenders()) names.emplace_back(c.name);
    }
    return names;
  }
  std::vector<std::string> libraries() const override { return vendor::libraries(); }
  std::vector<KernelChoice> kernel_choices() const override { return Choices::of_process().all(); }
  void set_kernel_choices(const std::vector<KernelChoice>& choices) override {
    Choices::of_process().replace(choices);
  }

 private:
  void expect_no_recording(const char* what) const {
    check<DeviceError>(!recording_, what,
                       ": expected work of the device alone, in work that is recorded");
  }

  bool recording_ = false;
  Staging staging_;
  const DeviceProperties properties_ = device_properties(0);
  void* other_bytes_ = nullptr;  // for ever, as the backend
};

RuntimeBackend* first_device() {
  const std::string obstacle = device_obstacle();
  check<DeviceError>(obstacle.empty(), "device: cuda:0: ", obstacle);
  install_kernels();
  return new RuntimeBackend;  // for ever: a static tensor may outlive every other object
}

}  // namespace

Stream stream() {
  static const Stream only = stream_create();
  return only;
}

Backend& backend(int index) {
  check<DeviceError>(index == 0, "device: expected cuda:0, the one that is used, got cuda:", index);
  static RuntimeBackend* const only = first_device();
  return *only;
}

}  // namespace chainline::cuda
