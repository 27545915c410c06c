#pragma once

#include <cstddef>
#include <string>

struct CUstream_st;  // the toolkit's names for what its handles point to
struct CUevent_st;
struct CUgraphExec_st;

/// What the library asks of a device besides launches: memory, streams and events. A build links one
/// of two ends: cuda/toolkit/runtime.cu, which hands each call to the CUDA runtime, or the emulator
/// (cuda/emulator/runtime.cpp), whose device memory is the host's and whose streams run at once.
///
/// Errors   DeviceError for whatever the device refuses, named by the function and the reason
namespace chainline::cuda {

using Stream = CUstream_st*;  // nullptr is the default stream
using Event = CUevent_st*;
using Graph = CUgraphExec_st*;  // work that was recorded, ready to be launched

struct DeviceProperties {
  std::string name;
  std::size_t memory_bytes = 0;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  bool emulated = false;
};

/// How many devices there are; none is no error.
int device_count();
/// Why device 0 can't be used: no driver or too old a one, no GPU or too old a one. Empty when it can.
std::string device_obstacle();
DeviceProperties device_properties(int device);
/// The device that calls of this OS thread go to; at first 0.
void set_device(int device);

/// Aligned to 256 bytes; nullptr for no bytes. What it holds is arbitrary: the emulator writes NaNs.
///
/// Errors   DeviceError in the words of out_of_memory() when there is no room for it
void* device_malloc(std::size_t bytes);
/// "device: out of memory: expected 4096 bytes, got 1024 free of 80000000000"
inline std::string out_of_memory(std::size_t bytes, std::size_t free, std::size_t all) {
  return "device: out of memory: expected " + std::to_string(bytes) + " bytes, got " +
         std::to_string(free) + " free of " + std::to_string(all);
}
/// Waits for the work that may use it. nullptr is allowed.
void device_free(void* memory);

enum class Copy { to_device, to_host, on_device };
/// In order with the other work of the stream; the host's memory must last until that is done.
void device_memcpy(void* destination, const void* source, std::size_t bytes, Copy direction,
                   Stream stream);
/// Sets each byte.
void device_memset(void* memory, int byte, std::size_t bytes, Stream stream);

Stream stream_create();
void stream_destroy(Stream stream);
/// Waits for the stream's work. The first error of a kernel in it is thrown here at the latest.
void stream_synchronize(Stream stream);
void stream_wait(Stream stream, Event event);
void device_synchronize();

/// From here on what the stream is asked for is recorded instead of done, until capture_end gives it
/// as a graph. Asking it to copy from or to the host, or to wait, is an error then.
void capture_begin(Stream stream);
Graph capture_end(Stream stream);
void graph_launch(Graph graph, Stream stream);
void graph_destroy(Graph graph);

/// Memory of the host that copies to a device don't wait for; nullptr for no bytes.
void* host_malloc(std::size_t bytes);
void host_free(void* memory);

Event event_create();
void event_destroy(Event event);
void event_record(Event event, Stream stream);
void event_synchronize(Event event);
/// Units    milliseconds between two recorded events whose work is done
float event_milliseconds(Event begin, Event end);

/// Of the cache that all multiprocessors share.
std::size_t second_cache_bytes(int device);

}  // namespace chainline::cuda
