#pragma once

/// Marks the few functions that kernels on both devices share (math.h, philox.h, convert.h). A device compiler
/// makes two versions of them; for a host compiler the word is empty.
#ifdef __CUDACC__
#define CHAINLINE_HOST_DEVICE __host__ __device__
#else
#define CHAINLINE_HOST_DEVICE
#endif
