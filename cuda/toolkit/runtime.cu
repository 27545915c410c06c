#include "cuda/runtime.h"

#include <cuda_runtime.h>

#include "tensor/error.h"

namespace chainline::cuda {
namespace {

void expect_success(cudaError_t error, const char* function) {
  check<DeviceError>(error == cudaSuccess, function, ": expected success, got ",
                     cudaGetErrorName(error), " (", cudaGetErrorString(error), ")");
}

}  // namespace

int device_count() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver) {
    cudaGetLastError();  // or the next launch would report it
    return 0;
  }
  expect_success(error, "device_count");
  return count;
}

std::string device_obstacle() {
  constexpr int kOldestMajor = 8;  // bf16 on tensor cores, cp.async
  int driver = 0;
  expect_success(cudaDriverGetVersion(&driver), "device_obstacle");
  if (driver < CUDART_VERSION / 1000 * 1000) {
    const auto version = [](int v) {
      return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10);
    };
    return "expected a driver for CUDA " + version(CUDART_VERSION / 1000 * 1000) +
           " or later, got " + (driver == 0 ? "none" : "one for CUDA " + version(driver));
  }
  if (device_count() == 0) return "this machine has no CUDA device";
  const DeviceProperties p = device_properties(0);
  if (p.major >= kOldestMajor) return "";
  return "expected a GPU of compute capability " + std::to_string(kOldestMajor) +
         ".0 or later, got " + p.name + " of " + std::to_string(p.major) + "." +
         std::to_string(p.minor);
}

DeviceProperties device_properties(int device) {
  cudaDeviceProp p{};
  expect_success(cudaGetDeviceProperties(&p, device), "device_properties");
  return {p.name, p.totalGlobalMem, p.major, p.minor, p.multiProcessorCount, false};
}

void set_device(int device) { expect_success(cudaSetDevice(device), "set_device"); }

void* device_malloc(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes == 0) return memory;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // or the next launch would report it
    std::size_t free = 0, all = 0;
    expect_success(cudaMemGetInfo(&free, &all), "device_malloc");
    throw DeviceError(out_of_memory(bytes, free, all));
  }
  expect_success(error, "device_malloc");
  return memory;
}

void device_free(void* memory) { expect_success(cudaFree(memory), "device_free"); }

void device_memcpy(void* destination, const void* source, std::size_t bytes, Copy direction,
                   Stream stream) {
  if (bytes == 0) return;
  const cudaMemcpyKind kind = direction == Copy::to_device ? cudaMemcpyHostToDevice
                              : direction == Copy::to_host ? cudaMemcpyDeviceToHost
                                                           : cudaMemcpyDeviceToDevice;
  expect_success(cudaMemcpyAsync(destination, source, bytes, kind, stream), "device_memcpy");
}

void device_memset(void* memory, int byte, std::size_t bytes, Stream stream) {
  if (bytes == 0) return;
  expect_success(cudaMemsetAsync(memory, byte, bytes, stream), "device_memset");
}

Stream stream_create() {
  Stream stream = nullptr;
  // Without this flag the stream would wait for the default one and it for the stream.
  expect_success(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream_create");
  return stream;
}

void stream_destroy(Stream stream) { expect_success(cudaStreamDestroy(stream), "stream_destroy"); }
void stream_synchronize(Stream stream) {
  expect_success(cudaStreamSynchronize(stream), "stream_synchronize");
}
void stream_wait(Stream stream, Event event) {
  expect_success(cudaStreamWaitEvent(stream, event), "stream_wait");
}
void device_synchronize() { expect_success(cudaDeviceSynchronize(), "device_synchronize"); }

void capture_begin(Stream stream) {
  // Relaxed: what is not asked of the stream, as memory, may be asked for meanwhile.
  expect_success(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "capture_begin");
}
Graph capture_end(Stream stream) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  cudaError_t error = cudaStreamEndCapture(stream, &graph);
  if (error == cudaSuccess) {
    error = cudaGraphInstantiate(&ready, graph, 0);
    cudaGraphDestroy(graph);
  }
  if (error != cudaSuccess) cudaGetLastError();  // or the next launch would report it
  expect_success(error, "capture_end");
  return ready;
}
void graph_launch(Graph graph, Stream stream) {
  expect_success(cudaGraphLaunch(graph, stream), "graph_launch");
}
void graph_destroy(Graph graph) { expect_success(cudaGraphExecDestroy(graph), "graph_destroy"); }

void* host_malloc(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes > 0) expect_success(cudaMallocHost(&memory, bytes), "host_malloc");
  return memory;
}
void host_free(void* memory) { expect_success(cudaFreeHost(memory), "host_free"); }

Event event_create() {
  Event event = nullptr;
  expect_success(cudaEventCreate(&event), "event_create");
  return event;
}
void event_destroy(Event event) { expect_success(cudaEventDestroy(event), "event_destroy"); }
void event_record(Event event, Stream stream) {
  expect_success(cudaEventRecord(event, stream), "event_record");
}
void event_synchronize(Event event) {
  expect_success(cudaEventSynchronize(event), "event_synchronize");
}
float event_milliseconds(Event begin, Event end) {
  float milliseconds = 0;
  expect_success(cudaEventElapsedTime(&milliseconds, begin, end), "event_milliseconds");
  return milliseconds;
}

std::size_t second_cache_bytes(int device) {
  int bytes = 0;
  expect_success(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, device),
                 "second_cache_bytes");
  return static_cast<std::size_t>(bytes);
}

}  // namespace chainline::cuda
