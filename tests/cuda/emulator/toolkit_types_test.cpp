// Kernels see the same whether float4, dim3 and bf16 are the toolkit's, as in this file, or ours, as
// in the emulator that it links.
#include "tests/cuda/emulator/matrix_products_test.cpp"
#include "tests/cuda/emulator/semantics_test.cpp"
