#include "cuda/runtime.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <thread>
#include <utility>

#include "cuda/emulator/memory.h"
#include "cuda/emulator/memory_guard.h"
#include "cuda/emulator/observer.h"
#include "cuda/emulator/recording.h"
#include "cuda/emulator/sanitizers.h"
#include "cuda/emulator/scheduler.h"
#include "tensor/error.h"

#if CHAINLINE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

// What the toolkit only declares, the emulator defines: streams have nothing to hold, as each work
// is done when it is asked for.
struct CUstream_st {};
struct CUgraphExec_st {
  std::vector<std::function<void()>> work;
};
struct CUevent_st {
  bool recorded = false;
  std::chrono::steady_clock::time_point time;
};

namespace chainline::emulator {
namespace {

constexpr std::align_val_t kAlignment{256};

void guard([[maybe_unused]] const std::byte* memory, [[maybe_unused]] std::size_t bytes,
           [[maybe_unused]] bool on) {
#if CHAINLINE_ADDRESS_SANITIZER
  if (on) {
    __asan_poison_memory_region(memory, bytes);
  } else {
    __asan_unpoison_memory_region(memory, bytes);
  }
#endif
}

/// Each allocation has exactly the bytes that were asked for, so that AddressSanitizer sees the
/// first one behind it.
class DeviceMemory {
 public:
  void* allocate(std::size_t bytes) {
    const std::unique_lock lock(mutex_);
    const std::size_t all = settings().memory_bytes, free = all - std::min(all, used_);
    if (bytes > free) throw DeviceError(cuda::out_of_memory(bytes, free, all));
    auto* memory = static_cast<std::byte*>(::operator new(bytes, kAlignment));
    std::memset(memory, 0xff, bytes);
    allocations_[memory] = bytes;
    used_ += bytes;
    guard(memory, bytes, users_ == 0);
    if (Observer* o = observer()) o->allocated(memory, bytes);
    return memory;
  }

  void free(void* memory) {
    const std::unique_lock lock(mutex_);
    const auto found = allocations_.find(static_cast<std::byte*>(memory));
    check<DeviceError>(found != allocations_.end(),
                       "device_free: expected what device_malloc returned, got another pointer");
    used_ -= found->second;
    guard(found->first, found->second, false);
    allocations_.erase(found);
    if (Observer* o = observer()) o->freed(memory);
    ::operator delete(memory, kAlignment);
  }

  void use(int more) {
    const std::unique_lock lock(mutex_);
    const bool guarded = users_ == 0;
    users_ += more;
    if (guarded == (users_ == 0)) return;
    for (const auto& [memory, bytes] : allocations_) guard(memory, bytes, users_ == 0);
  }

  Allocation find(const void* address) const {
    const auto* p = static_cast<const std::byte*>(address);
    const std::shared_lock lock(mutex_);
    auto next = allocations_.upper_bound(p);
    if (next == allocations_.begin()) return {};
    --next;
    if (p > next->first + next->second) return {};
    return {next->first, next->second};
  }

 private:
  mutable std::shared_mutex mutex_;
  std::map<const std::byte*, std::size_t> allocations_;
  std::size_t used_ = 0;
  int users_ = 0;
};

DeviceMemory& device_memory() {
  static DeviceMemory memory;
  return memory;
}

void expect_device_memory(const void* memory, std::size_t bytes, const char* function,
                          const char* argument) {
  if (bytes == 0) return;
  const Allocation a = find_allocation(memory);
  check<DeviceError>(a.begin != nullptr, function, ": ", argument,
                     ": expected memory of the device, got a pointer to something else");
  const auto room =
      static_cast<std::size_t>(a.begin + a.bytes - static_cast<const std::byte*>(memory));
  check<DeviceError>(bytes <= room, function, ": ", argument, ": expected at least ", bytes,
                     " bytes of device memory, got ", room);
}

}  // namespace

namespace {

std::vector<std::function<void()>> recorded;
bool records = false;

/// Does the work now, or records it to be done at each launch of a graph.
template <class Work>
void ask(const Work& work) {
  if (records) {
    recorded.push_back(work);
  } else {
    work();
  }
}

}  // namespace

std::vector<std::function<void()>>* recording() { return records ? &recorded : nullptr; }

Allocation find_allocation(const void* address) { return device_memory().find(address); }

#if CHAINLINE_ADDRESS_SANITIZER
DeviceMemoryInUse::DeviceMemoryInUse() { device_memory().use(1); }
DeviceMemoryInUse::~DeviceMemoryInUse() { device_memory().use(-1); }
#else
DeviceMemoryInUse::DeviceMemoryInUse() = default;
DeviceMemoryInUse::~DeviceMemoryInUse() = default;
#endif

}  // namespace chainline::emulator

namespace chainline::cuda {

using emulator::device_memory;
using emulator::expect_device_memory;

int device_count() { return 1; }
std::string device_obstacle() { return ""; }

DeviceProperties device_properties(int device) {
  check<DeviceError>(device == 0, "device_properties: device: expected 0, got ", device);
  const emulator::Settings& now = emulator::settings();
  return {"emulator", now.memory_bytes, 8, 0, now.workers, true};
}

void set_device(int device) {
  check<DeviceError>(device == 0, "set_device: device: expected 0, got ", device);
}

void* device_malloc(std::size_t bytes) {
  return bytes == 0 ? nullptr : device_memory().allocate(bytes);
}

void device_free(void* memory) {
  if (memory != nullptr) device_memory().free(memory);
}

void device_memcpy(void* destination, const void* source, std::size_t bytes, Copy direction,
                   Stream) {
  if (direction != Copy::to_host) {
    expect_device_memory(destination, bytes, "device_memcpy", "destination");
  }
  if (direction != Copy::to_device) {
    expect_device_memory(source, bytes, "device_memcpy", "source");
  }
  check<DeviceError>(!emulator::recording() || direction == Copy::on_device,
                     "device_memcpy: expected a copy on the device, in work that is recorded");
  emulator::ask([=] {
    const emulator::DeviceMemoryInUse use;
    if (bytes > 0) std::memmove(destination, source, bytes);
  });
}

void device_memset(void* memory, int byte, std::size_t bytes, Stream) {
  expect_device_memory(memory, bytes, "device_memset", "memory");
  emulator::ask([=] {
    const emulator::DeviceMemoryInUse use;
    if (bytes > 0) std::memset(memory, byte, bytes);
  });
}

Stream stream_create() { return new CUstream_st; }
void stream_destroy(Stream stream) { delete stream; }
namespace {

void expect_no_recording(const char* function) {
  check<DeviceError>(!emulator::recording(), function,
                     ": expected no wait, in work that is recorded");
}

}  // namespace

void stream_synchronize(Stream) { expect_no_recording("stream_synchronize"); }
void stream_wait(Stream, Event) { expect_no_recording("stream_wait"); }
void device_synchronize() { expect_no_recording("device_synchronize"); }

void capture_begin(Stream) {
  check<DeviceError>(!emulator::records, "capture_begin: expected no capture, got one under way");
  emulator::records = true;
}
Graph capture_end(Stream) {
  check<DeviceError>(emulator::records, "capture_end: expected a capture under way, got none");
  emulator::records = false;
  return new CUgraphExec_st{std::exchange(emulator::recorded, {})};
}
void graph_launch(Graph graph, Stream) {
  for (const auto& work : graph->work) work();
}
void graph_destroy(Graph graph) { delete graph; }

void* host_malloc(std::size_t bytes) { return bytes == 0 ? nullptr : ::operator new(bytes); }
void host_free(void* memory) { ::operator delete(memory); }

Event event_create() { return new CUevent_st; }
void event_destroy(Event event) { delete event; }
void event_record(Event event, Stream) {
  event->recorded = true;
  event->time = std::chrono::steady_clock::now();
}
void event_synchronize(Event) { expect_no_recording("event_synchronize"); }
float event_milliseconds(Event begin, Event end) {
  check<DeviceError>(begin->recorded && end->recorded,
                     "event_milliseconds: expected two recorded events, got one that is not");
  return std::chrono::duration<float, std::milli>(end->time - begin->time).count();
}

std::size_t second_cache_bytes(int) { return std::size_t{1} << 16; }

}  // namespace chainline::cuda
