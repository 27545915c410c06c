#pragma once

#include <cstdint>
#include <span>

#include "cuda/runtime.h"
#include "tensor/dtype.h"

// The matrix product of the fast class (docs/numerics.md): bf16 operands, f32 sums in whatever order
// the contender that computes it has.

namespace chainline::cuda {

/// C = (A B + bias) + residual, with those that there are, or C += A B. Everything is dense; pointers
/// are the device's. A contender may round the bias to the type of C first, and add in any order.
struct FastProduct {
  std::int64_t M, N, K;
  const bf16* a;                   // M x K by rows,
  bool a_transposed = false;       // or it lies as K x M by rows
  const bf16* b;                   // K x N by rows,
  bool b_transposed = false;       // or it lies as N x K by rows
  const float* bias = nullptr;     // N
  const bf16* residual = nullptr;  // M x N by rows
  void* c;                         // M x N by rows, bf16 or f32
  DType c_type;
  bool add = false;  // C += A B, without bias and residual, where c_type is f32
};

/// One who computes products. `can` says whether this one; `run` starts it in the stream.
struct ProductContender {
  const char* name;
  bool (*can)(const FastProduct&);
  void (*run)(const FastProduct&, Stream);
};

/// All that this build has. The first is our own kernel, which can do every product.
std::span<const ProductContender> product_contenders();

/// Computes a product, by the contender that is the quickest for its shape (cuda/fast/choice.h).
void run_product(const FastProduct& p, Stream stream);

}  // namespace chainline::cuda
