// The first contender is step 6 of the ladder (cuda/gemm/tensor_core.cuh), which fetches number by
// number what does not begin at multiples of 16 bytes, and so needs nothing of a shape.

#include "cuda/fast/product.h"

#include "cuda/gemm/tensor_core.cuh"

namespace chainline::cuda {
namespace {

Matrix<__nv_bfloat16> matrix_of(const bf16* data, bool transposed, std::int64_t rows,
                                std::int64_t columns) {
  const auto* const numbers = reinterpret_cast<const __nv_bfloat16*>(data);
  if (transposed) return {numbers, 1, rows};
  return {numbers, columns, 1};
}

template <class C>
void run_as(const FastProduct& p, Stream stream) {
  run_tensor_core_gemm(
      Product<__nv_bfloat16, C, bf16>{.M = p.M,
                                      .N = p.N,
                                      .length = p.K,
                                      .mode = p.add ? GemmMode::add : GemmMode::store,
                                      .a = matrix_of(p.a, p.a_transposed, p.M, p.K),
                                      .b = matrix_of(p.b, p.b_transposed, p.K, p.N),
                                      .bias = p.bias,
                                      .residual = p.residual,
                                      .c = static_cast<C*>(p.c)},
      1, OneProduct(), stream);
}

bool can_always(const FastProduct&) { return true; }

void run_own(const FastProduct& p, Stream stream) {
  if (p.c_type == DType::f32) {
    run_as<float>(p, stream);
  } else {
    run_as<bf16>(p, stream);
  }
}

constexpr ProductContender kContenders[] = {{"own", can_always, run_own}};

}  // namespace

std::span<const ProductContender> product_contenders() { return kContenders; }

void run_product(const FastProduct& p, Stream stream) {
  check<DTypeError>(p.c_type == DType::f32 || (p.c_type == DType::bf16 && !p.add),
                    "product: c: expected dtype ", p.add ? "f32" : "f32 or bf16", ", got ",
                    p.c_type);
  check<ValueError>(!p.add || (p.bias == nullptr && p.residual == nullptr),
                    "product: expected a sum without bias and residual, got one with them");
  for (const ProductContender& contender : product_contenders()) {
    if (contender.can(p)) return contender.run(p, stream);
  }
}

}  // namespace chainline::cuda
