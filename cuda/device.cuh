#pragma once

// The one header of a kernel file: CUDA's language by nvcc, or by another compiler the emulator's
// (docs/cuda-emulator.md). A kernel file has no other difference between the two.
//
// What is declared here stands in an inline namespace of the build, so that a program may link both.

#include <cstddef>

#include "cuda/runtime.h"

#ifdef __CUDACC__
#define CHAINLINE_DEVICE_BUILD gpu
#include <cuda_runtime.h>

#include <utility>

#include "tensor/error.h"
#else
#define CHAINLINE_DEVICE_BUILD emulated
#include "cuda/emulator/language.h"
#include "cuda/emulator/launch.h"
#endif

namespace chainline::cuda {
inline namespace CHAINLINE_DEVICE_BUILD {

/// Where and how wide a kernel runs; shared_bytes counts the dynamic shared memory of a block.
struct Launch {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
  Stream stream = nullptr;
};

/// launch({grid, block, shared_bytes, stream}, &kernel, arguments...) is the only way in which
/// kernels are started. Arguments are converted to the kernel's parameters.
///
/// Errors   DeviceError for a launch that the device refuses. A kernel that fails later shows at
///          stream_synchronize; under the emulator at once.
template <class... Parameters, class... Arguments>
void launch(const Launch& shape, void (*kernel)(Parameters...), Arguments&&... arguments) {
#ifdef __CUDACC__
  const auto expect_success = [](cudaError_t error) {
    check<DeviceError>(error == cudaSuccess, "launch: expected success, got ",
                       cudaGetErrorName(error), " (", cudaGetErrorString(error), ")");
  };
  if (shape.shared_bytes > 48 * 1024) {  // more must be asked for
    expect_success(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                        static_cast<int>(shape.shared_bytes)));
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = shape.stream;
  expect_success(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...));
#else
  emulator::launch({shape.grid, shape.block, shape.shared_bytes}, kernel,
                   std::forward<Arguments>(arguments)...);
#endif
}

/// The dynamic shared memory of the block, aligned to 16 bytes. Its size is the launch's.
template <class T>
__device__ T* dynamic_shared() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char chainline_dynamic_shared[];
  return reinterpret_cast<T*>(chainline_dynamic_shared);
#else
  return static_cast<T*>(emulator::dynamic_shared_memory());
#endif
}

}  // namespace CHAINLINE_DEVICE_BUILD
}  // namespace chainline::cuda
