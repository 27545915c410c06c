// The ops of a training step on another device, at the shapes of its model (device_shapes.h): linear
// and attention, which arithmetic bounds, and what memory bounds. How near do they come to what the
// device can do, and to its vendor's libraries?

#include <algorithm>
#include <cmath>

#include "bench/device.h"
#include "bench/device_shapes.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/gelu.h"
#include "tensor/ops/layer_norm.h"
#include "tensor/ops/linear.h"
#include "tensor/ops/linear_gelu.h"
#include "tensor/ops/rms_norm.h"
#include "tensor/ops/rope.h"
#include "tensor/ops/silu.h"

namespace chainline::bench {
namespace {

constexpr double kEps = 1e-5, kTheta = 10000;

std::string shape_text(std::initializer_list<std::int64_t> sizes) {
  std::string text;
  for (const std::int64_t n : sizes) text += (text.empty() ? "" : " x ") + std::to_string(n);
  return text;
}

/// Of a batch, where logits are made: the CPU makes them too, as random numbers and as answers.
std::int64_t fewer(std::int64_t batch) { return std::max<std::int64_t>(1, batch / 4); }

/// Forward with a bias, and the gradients of input and weight.
void add_linear(const char* name, std::int64_t B, std::int64_t T, std::int64_t K, std::int64_t N) {
  const double flops = 2.0 * static_cast<double>(B * T * K * N);
  const std::string shape = shape_text({B * T, N, K});
  add_on_device({std::string("linear/forward/") + name, shape, flops, 0, [=](const Place& p) {
                   const Tensor x = p.activation({B, T, K}, 1), w = p.parameter({N, K}, 2);
                   const Tensor b = p.parameter({N}, 3);
                   return [=] { return Tensors{ops::linear(x, w, b)}; };
                 }});
  add_on_device(
      {std::string("linear/backward_input/") + name, shape, flops, 0, [=](const Place& p) {
         const Tensor g = p.activation({B, T, N}, 1), w = p.parameter({N, K}, 2);
         return [=] { return Tensors{ops::linear_backward_input(g, w)}; };
       }});
  add_on_device(
      {std::string("linear/backward_weight/") + name, shape, flops, 0, [=](const Place& p) {
         const Tensor g = p.activation({B, T, N}, 1), x = p.activation({B, T, K}, 2);
         return [=] { return Tensors{ops::linear_backward_weight(g, x)}; };
       }});
}

void add_attention(const char* name, std::int64_t B, std::int64_t H, std::int64_t T, std::int64_t D,
                   bool causal) {
  const double product = 2.0 * static_cast<double>(B * H * T * T * D) / (causal ? 2 : 1);
  const std::string shape = shape_text({B, H, T, D});
  ops::AttentionOptions options;
  options.scale = 1 / std::sqrt(static_cast<double>(D));
  options.causal = causal;
  const auto heads = [=](const Place& p, std::uint64_t seed) {
    return p.activation({B, T, H, D}, seed).transpose(1, 2);
  };
  add_on_device(
      {std::string("attention/forward/") + name, shape, 2 * product, 0, [=](const Place& p) {
         const Tensor q = heads(p, 1), k = heads(p, 2), v = heads(p, 3);
         return [=] { return Tensors{ops::attention(q, k, v, options).y}; };
       }});
  add_on_device(
      {std::string("attention/backward/") + name, shape, 5 * product, 0, [=](const Place& p) {
         const Tensor q = heads(p, 1), k = heads(p, 2), v = heads(p, 3), g = heads(p, 4);
         const ops::AttentionResult forward = ops::attention(q, k, v, options);
         return [=] {
           const auto d = ops::attention_backward(g, q, k, v, forward, options);
           return Tensors{d.dq, d.dk, d.dv};
         };
       }});
}

/// Bytes count the rows alone; parameters and statistics are some hundredths of them.
double bytes(std::int64_t numbers, int times) { return 4.0 * static_cast<double>(numbers) * times; }

void add_norms(const Shape& vision, const Shape& text) {
  const std::int64_t C = vision[2], W = text[2];
  const std::string shape = shape_text({vision[0] * vision[1], C});
  add_on_device({"layer_norm/forward/vit", shape, 0, bytes(vision.numel(), 2), [=](const Place& p) {
                   const Tensor x = p.activation(vision, 1), w = p.parameter({C}, 2);
                   const Tensor b = p.parameter({C}, 3);
                   return [=] { return Tensors{ops::layer_norm(x, w, b, kEps).y}; };
                 }});
  add_on_device(
      {"layer_norm/backward/vit", shape, 0, bytes(vision.numel(), 3), [=](const Place& p) {
         const Tensor x = p.activation(vision, 1), w = p.parameter({C}, 2);
         const Tensor g = p.activation(vision, 4);
         const auto f = ops::layer_norm(x, w, p.parameter({C}, 3), kEps);
         return [=] {
           const auto d = ops::layer_norm_backward(g, x, w, f.mean, f.rstd);
           return Tensors{d.dx, d.dweight, d.dbias};
         };
       }});
  const std::string text_shape = shape_text({text[0] * text[1], W});
  add_on_device(
      {"rms_norm/forward/decoder", text_shape, 0, bytes(text.numel(), 2), [=](const Place& p) {
         const Tensor x = p.activation(text, 1), w = p.parameter({W}, 2);
         return [=] { return Tensors{ops::rms_norm(x, w, kEps).y}; };
       }});
}

void add_elements(const StepSizes& s) {
  const Shape vision{s.batch, s.patches(), s.vision_hidden};
  const Shape text{s.batch, s.tokens(), s.text_hidden};
  const Shape rows{s.batch, s.tokens(), s.text_width()};
  const std::int64_t H = s.text_width() / s.head_width;
  add_on_device({"gelu/forward_erf/vit_hidden", shape_text({vision[0] * vision[1], vision[2]}), 0,
                 bytes(vision.numel(), 2), [=](const Place& p) {
                   const Tensor x = p.activation(vision, 1);
                   return [=] { return Tensors{ops::gelu(x)}; };
                 }});
  for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
    const Shape x{s.batch, s.patches(), s.channels};
    const auto products = static_cast<double>(s.batch * s.patches() * s.channels);
    add_on_device({std::string("linear_gelu/forward_") + (form == GeluForm::erf ? "erf" : "tanh") +
                       "/vit_fc1",
                   shape_text({x[0] * x[1], s.vision_hidden, s.channels}),
                   2 * products * static_cast<double>(s.vision_hidden), 0, [=](const Place& p) {
                     const Tensor rows_of_x = p.activation(x, 1);
                     const Tensor weight = p.parameter({s.vision_hidden, s.channels}, 2);
                     const Tensor bias = p.parameter({s.vision_hidden}, 3);
                     return
                         [=] { return Tensors{ops::linear_gelu(rows_of_x, weight, bias, form).y}; };
                   }});
  }
  add_on_device({"silu_gate/forward/decoder_hidden", shape_text({text[0] * text[1], text[2]}), 0,
                 bytes(text.numel(), 3), [=](const Place& p) {
                   const Tensor gate = p.activation(text, 1), up = p.activation(text, 2);
                   return [=] { return Tensors{ops::silu_gate(gate, up)}; };
                 }});
  add_on_device({"add/residual/decoder", shape_text({rows[0] * rows[1], rows[2]}), 0,
                 bytes(rows.numel(), 3), [=](const Place& p) {
                   const Tensor a = p.activation(rows, 1), b = p.activation(rows, 2);
                   return [=] { return Tensors{ops::add(a, b)}; };
                 }});
  add_on_device(
      {"rope/forward/decoder", shape_text({s.batch, H, s.tokens(), s.head_width}), 0,
       bytes(rows.numel(), 2), [=](const Place& p) {
         const Tensor x = p.activation({s.batch, s.tokens(), H, s.head_width}, 1).transpose(1, 2);
         const Tensor at = Tensor::arange(s.tokens(), DType::i64, p.device);
         return [=] { return Tensors{ops::rope(x, at, kTheta)}; };
       }});
  const std::int64_t few = fewer(s.batch);
  const Shape logits{few, s.tokens(), s.vocabulary};
  add_on_device(
      {"cross_entropy/with_gradient/logits", shape_text({logits[0] * logits[1], logits[2]}), 0,
       bytes(logits.numel(), 2), [=](const Place& p) {
         const Tensor x = p.activation(logits, 1), scale = p.parameter({few}, 3);
         const Tensor target = p.index({few, s.tokens()}, s.vocabulary, 2);
         return [=] { return Tensors{ops::cross_entropy_with_gradient(x, target, scale).dlogits}; };
       }});
}

const DeviceSuite ops_of_a_step([] {
  const StepSizes s = device_sizes();
  const std::int64_t B = s.batch, P = s.patches(), T = s.tokens(), C = s.channels,
                     W = s.text_width();
  add_linear("vit_qkv", B, P, C, C);
  add_linear("vit_fc1", B, P, C, s.vision_hidden);
  add_linear("vit_fc2", B, P, s.vision_hidden, C);
  add_linear("decoder_qkv", B, T, W, W);
  add_linear("decoder_gate", B, T, W, s.text_hidden);
  add_linear("decoder_down", B, T, s.text_hidden, W);
  add_linear("decoder_head", fewer(B), T, W, s.vocabulary);
  add_attention("vit", B, C / s.head_width, P, s.head_width, false);
  add_attention("decoder", B, W / s.head_width, T, s.head_width, true);
  add_norms({B, P, C}, {B, T, W});
  add_elements(s);
});

}  // namespace
}  // namespace chainline::bench
