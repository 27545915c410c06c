#pragma once

// nvcuda::wmma and __nv_bfloat16 for kernel files: the toolkit's, or the emulator's.

#include "cuda/device.cuh"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <mma.h>
#else
#include "cuda/emulator/bfloat16.h"
#include "cuda/emulator/matrix_fragments.h"
#endif
