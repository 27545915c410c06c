// layer_norm forward and backward at the rows of the benchmark model's ViT, and of ViT-B/16 with
// 197 tokens. Memory bounds it: read of_copy, which may pass 1 where the rows fit a cache.

#include "autograd/ops.h"
#include "bench/harness.h"
#include "bench/model_shapes.h"
#include "tensor/ops/layer_norm.h"

namespace chainline::bench {
namespace {

using namespace model;

constexpr double kEps = 1e-5;

struct Rows {
  const char* name;
  std::int64_t B, T, C;
};
constexpr Rows kShapes[] = {{"vit", kBatch, kPatches, kChannels}, {"vit_b", 8, 197, 768}};

Variable composed(const Variables& in) { return layer_norm_composed(in[0], in[1], in[2], kEps); }

Tensors inputs(const Rows& r) {
  return {randn({r.B, r.T, r.C}, 1), randn({r.C}, 2), randn({r.C}, 3)};
}

const Suite layer_norm_suite([] {
  for (const Rows& r : kShapes) {
    const auto rows = static_cast<double>(r.B * r.T), C = static_cast<double>(r.C);
    // x and y; weight and bias; mean and rstd.
    add({std::string("layer_norm/forward/") + r.name, 0, 4 * (2 * rows * C + 2 * C + 2 * rows),
         [r] {
           const Tensors in = inputs(r);
           return Trial{[in] { return Tensors{ops::layer_norm(in[0], in[1], in[2], kEps).y}; },
                        value_of(composed, in)};
         }});
    // grad_y, x and dx; weight, dweight and dbias; mean and rstd.
    add({std::string("layer_norm/backward/") + r.name, 0, 4 * (3 * rows * C + 3 * C + 2 * rows),
         [r] {
           const Tensors in = inputs(r);
           const Tensor grad_y = randn({r.B, r.T, r.C}, 4);
           const ops::LayerNormResult forward = ops::layer_norm(in[0], in[1], in[2], kEps);
           return Trial{[=] {
                          const ops::LayerNormGradients g = ops::layer_norm_backward(
                              grad_y, in[0], in[1], forward.mean, forward.rstd);
                          return Tensors{g.dx, g.dweight, g.dbias};
                        },
                        gradients_of(composed, in, grad_y)};
         }});
  }
});

}  // namespace
}  // namespace chainline::bench
