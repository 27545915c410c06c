// The first contender is step 6 of the ladder (cuda/gemm/tensor_core.cuh), which fetches number by
// number what does not begin at multiples of 16 bytes, and so needs nothing of a shape.

#include "cuda/fast/product.h"

#include <string>
#include <vector>

#include "cuda/fast/choice.h"
#include "cuda/gemm/tensor_core.cuh"
#include "cuda/vendor/contenders.h"
#include "tensor/tensor.h"

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

/// What decides how quick a contender is: "2048x768x192 nt bias -> bf16". Rows of activations may be
/// of any number; they are M forward, and K in the gradient of a weight.
std::string shape_of(const FastProduct& p) {
  std::string shape = std::to_string(rounded_size(p.M)) + 'x' + std::to_string(p.N) + 'x' +
                      std::to_string(rounded_size(p.K)) + ' ';
  shape += p.a_transposed ? 't' : 'n';
  shape += p.b_transposed ? 't' : 'n';
  if (p.bias != nullptr) shape += " bias";
  if (p.residual != nullptr) shape += " residual";
  shape += p.add ? " added to " : " -> ";
  return shape += name(p.c_type);
}

/// The same problem with another C, where each run would add to what the last one left.
FastProduct rehearsal_of(const FastProduct& p, Tensor& scratch) {
  FastProduct trial = p;
  if (p.add || p.residual == p.c) {
    scratch = Tensor::zeros({p.M, p.N}, p.c_type, Device{DeviceType::cuda, 0});
    trial.c = p.c_type == DType::f32 ? static_cast<void*>(scratch.mutable_device_data<float>())
                                     : scratch.mutable_device_data<bf16>();
  }
  return trial;
}

}  // namespace

std::span<const ProductContender> product_contenders() {
  static const std::vector<ProductContender> all = [] {
    std::vector<ProductContender> contenders = {{"own", can_always, run_own}};
    for (const ProductContender* c : vendor::products()) contenders.push_back(*c);
    return contenders;
  }();
  return all;
}

void run_product(const FastProduct& p, Stream stream) {
  check<DTypeError>(p.c_type == DType::f32 || (p.c_type == DType::bf16 && !p.add),
                    "product: c: expected dtype ", p.add ? "f32" : "f32 or bf16", ", got ",
                    p.c_type);
  check<ValueError>(!p.add || (p.bias == nullptr && p.residual == nullptr),
                    "product: expected a sum without bias and residual, got one with them");
  Tensor scratch;
  run_chosen("product", shape_of(p), product_contenders(), p, stream,
             [&] { return rehearsal_of(p, scratch); });
}

}  // namespace chainline::cuda
