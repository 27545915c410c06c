#include "experiments/processor_needs.h"

#if defined(__AVX2__)
constinit const bool chainline_needs_avx2 = true;
#else
constinit const bool chainline_needs_avx2 = false;
#endif
#if defined(__AVX512F__)
constinit const bool chainline_needs_avx512 = true;
#else
constinit const bool chainline_needs_avx512 = false;
#endif
