// layer_norm forward and backward at the rows of the benchmark model's ViT, and of ViT-B/16 with
// 197 tokens. Memory bounds it: read of_copy, which may pass 1 where the rows fit a cache.

#include "autograd/ops.h"
#include "bench/copies.h"
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

// The batch is x, and mean, rstd and grad_y for the backward; shared are weight and bias.

Variable composed(const Variables& in) { return layer_norm_composed(in[0], in[1], in[2], kEps); }

Tensors leaves(const Batch& b) { return {b.rows[0], b.shared[0], b.shared[1]}; }

Batch inputs(const Rows& r) {
  const Tensor x = randn({r.B, r.T, r.C}, 1), weight = randn({r.C}, 2), bias = randn({r.C}, 3);
  const ops::LayerNormResult forward = ops::layer_norm(x, weight, bias, kEps);
  return {{x, forward.mean, forward.rstd, randn({r.B, r.T, r.C}, 4)}, {weight, bias}};
}

Tensors forward(const Batch& b) {
  return {ops::layer_norm(b.rows[0], b.shared[0], b.shared[1], kEps).y};
}

Tensors backward(const Batch& b, const SampleSum& dweight = {}, const SampleSum& dbias = {}) {
  const ops::LayerNormGradients g = ops::layer_norm_backward(b.rows[3], b.rows[0], b.shared[0],
                                                             b.rows[1], b.rows[2], dweight, dbias);
  return {g.dx, g.dweight, g.dbias};
}

/// A sum over copies of a batch is a sum that one batch after the other continues.
Tensors sums_of_copies(const Batch& b) {
  SampleSum dweight, dbias;
  for (std::int64_t c = 0; c < kCopies; ++c) {
    const Tensors g = backward(b, dweight, dbias);
    dweight.into = g[1];
    dbias.into = g[2];
  }
  return {dweight.into, dbias.into};
}

const Suite layer_norm_suite([] {
  for (const Rows& r : kShapes) {
    const auto rows = static_cast<double>(r.B * r.T), C = static_cast<double>(r.C);
    // x and y; weight and bias; mean and rstd.
    add_with_copies({std::string("layer_norm/forward/") + r.name,
                     4 * (2 * rows * C + 2 * C + 2 * rows), [r] { return inputs(r); }, forward,
                     [](const Batch& b) { return value_of(composed, leaves(b)); }});
    // grad_y, x and dx; weight, dweight and dbias; mean and rstd.
    add_with_copies({std::string("layer_norm/backward/") + r.name,
                     4 * (3 * rows * C + 3 * C + 2 * rows), [r] { return inputs(r); },
                     [](const Batch& b) { return backward(b); },
                     [](const Batch& b) { return gradients_of(composed, leaves(b), b.rows[3]); },
                     sums_of_copies});
  }
});

}  // namespace
}  // namespace chainline::bench
