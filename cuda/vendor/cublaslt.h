#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "cuda/fast/product.h"

/// cuBLASLt as a contender of the matrix products of the fast class. Its matrices are stored by
/// columns and ours by rows, so it computes C^T = B^T A^T, which moves nothing. It sums in f32. The
/// first algorithms that its heuristic names for a shape are a contender each; the same device and
/// release name the same ones, so they give the same bits.
///
/// Its bias has the type of C (the table of types at cublasLtMatmul in NVIDIA's manual): for C in
/// bf16 the bias is rounded to bf16 before.
namespace chainline::cuda::vendor {

/// "cuBLASLt 13.1.0", by the library that is there, or why there is none.
std::string cublaslt_description();

inline constexpr std::size_t kCublasltAlgorithms = 3;
/// "cublaslt", whose algorithm the heuristic names first, "cublaslt_2nd", "cublaslt_3rd"; where it names
/// fewer, the later ones take the last.
extern const std::array<ProductContender, kCublasltAlgorithms> cublaslt;

/// A product that ends with GELU in its tanh form (ops::GeluForm::tanh; the erf form is not
/// cuBLASLt's):
///
///   forward    before = A B + bias, C = gelu(before)
///   backward   C = A B * gelu'(before)
///
/// where C and `before` are bf16, M x N by rows, N is a multiple of 8, and neither residual nor
/// `add` is allowed. The forward rounds `before` to bf16 after it took gelu of what it rounds, so the
/// backward's slope is that of a neighbour; PyTorch's autocast has the same.
struct FastGeluProduct {
  FastProduct product;
  bf16* before;  // written forward, read backward
  bool backward = false;
};

bool cublaslt_can(const FastGeluProduct& p);
/// Errors   DeviceError for what cuBLASLt refuses, named by its function
void cublaslt_run(const FastGeluProduct& p, Stream stream);

}  // namespace chainline::cuda::vendor
