#pragma once

// CUDA's keywords for g++ and clang.

#include "cuda/emulator/sanitizers.h"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))

// A block's shared arrays are those of the OS thread that runs it. AddressSanitizer puts no guards
// around thread-local variables, so under it they are ordinary ones, and one block runs at a time.
// constinit keeps g++ from guarding arrays of class types against a second initialization; clang
// does not need it, and refuses it on arrays without an initializer.
#if defined(__clang__)
#define CHAINLINE_SHARED static
#else
#define CHAINLINE_SHARED constinit static
#endif
#if CHAINLINE_ADDRESS_SANITIZER
#define __shared__ CHAINLINE_SHARED
#else
#define __shared__ CHAINLINE_SHARED thread_local
#endif
