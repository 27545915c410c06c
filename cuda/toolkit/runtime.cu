#include <cuda_runtime.h>

#include "cuda/runtime.h"
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

DeviceProperties device_properties(int device) {
  cudaDeviceProp p{};
  expect_success(cudaGetDeviceProperties(&p, device), "device_properties");
  return {p.name, p.totalGlobalMem, p.major, p.minor, p.multiProcessorCount, false};
}

void set_device(int device) { expect_success(cudaSetDevice(device), "set_device"); }

void* device_malloc(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes > 0) expect_success(cudaMalloc(&memory, bytes), "device_malloc");
  return memory;
}

void device_free(void* memory) { expect_success(cudaFree(memory), "device_free"); }

void device_memcpy(void* destination, const void* source, std::size_t bytes, Copy direction,
                   Stream stream) {
  const cudaMemcpyKind kind = direction == Copy::to_device ? cudaMemcpyHostToDevice
                              : direction == Copy::to_host ? cudaMemcpyDeviceToHost
                                                           : cudaMemcpyDeviceToDevice;
  expect_success(cudaMemcpyAsync(destination, source, bytes, kind, stream), "device_memcpy");
}

void device_memset(void* memory, int byte, std::size_t bytes, Stream stream) {
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

}  // namespace chainline::cuda
