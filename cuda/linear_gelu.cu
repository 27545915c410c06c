// The exact class computes the layer, then gelu. The fast class chooses between the two and cuBLASLt's
// product that ends with gelu in its tanh form, which saves reading what the product has just written.

#include "tensor/ops/linear_gelu.h"

#include <array>
#include <string>

#include "cuda/fast/choice.h"
#include "cuda/fast/product.h"
#include "cuda/fast/weight.h"
#include "cuda/stream.h"
#include "cuda/vendor/contenders.h"
#include "tensor/ops/linear.h"

namespace chainline::cuda {
namespace {

struct Layer {
  FastProduct product;  // into `before`
  GeluForm form;
  Tensor before, y;

  /// The same into y.
  FastProduct into_y() const {
    FastProduct p = product;
    p.c = Tensor(y).mutable_device_data<bf16>();
    return p;
  }
  bf16* before_data() const { return static_cast<bf16*>(product.c); }
};

struct Contender {
  const char* name;
  bool (*can)(const Layer&);
  void (*run)(const Layer&, Stream);
};

void run_apart(const Layer& l, Stream stream) {
  run_product(l.product, stream);
  Tensor y = l.y;
  gelu(l.before, l.form, y);
}

bool can_at_once(const Layer& l) {
  return l.form == GeluForm::tanh && vendor::can_end_with_gelu(l.into_y(), l.before_data());
}

void run_at_once(const Layer& l, Stream stream) {
  vendor::run_ending_with_gelu(l.into_y(), l.before_data(), stream);
}

constexpr std::array<Contender, 2> kContenders = {
    {{"apart", [](const Layer&) { return true; }, run_apart},
     {"cublaslt", can_at_once, run_at_once}}};

std::string shape_of(const Layer& l) {
  const FastProduct& p = l.product;
  return std::to_string(rounded_size(p.M)) + 'x' + std::to_string(p.N) + 'x' + std::to_string(p.K) +
         (p.b_transposed ? " nt" : " nn") + (p.bias == nullptr ? "" : " bias") +
         (l.form == GeluForm::tanh ? " tanh" : " erf");
}

}  // namespace

void linear_gelu(const Tensor& x, const Tensor& weight, const Tensor& bias, GeluForm form,
                 Tensor& before, Tensor& y) {
  if (y.numel() == 0) return;
  if (x.dtype() != DType::bf16) {
    linear(x, weight, bias, Tensor(), before);
    gelu(before, form, y);
    return;
  }
  const std::int64_t N = weight.shape()[0];
  const FastWeight w = fast_weight(weight);
  const Layer layer{{.M = y.numel() / N,
                     .N = N,
                     .K = weight.shape()[1],
                     .a = x.device_data<bf16>(),
                     .b = w.numbers.device_data<bf16>(),
                     .b_transposed = w.transposed,
                     .bias = bias.defined() ? bias.device_data<float>() : nullptr,
                     .c = before.mutable_device_data<bf16>(),
                     .c_type = DType::bf16},
                    form,
                    before,
                    y};
  run_chosen("linear_gelu", shape_of(layer), std::span<const Contender>(kContenders), layer,
             stream(), [&] { return layer; });
}

}  // namespace chainline::cuda
