// rms_norm forward and backward at the rows of the benchmark model's decoder, and of one with 768
// channels. Memory bounds it: read of_copy, which may pass 1 where the rows fit a cache.

#include "autograd/ops.h"
#include "bench/copies.h"
#include "bench/model_shapes.h"
#include "tensor/ops/rms_norm.h"

namespace chainline::bench {
namespace {

using namespace model;

constexpr double kEps = 1e-5;

struct Rows {
  const char* name;
  std::int64_t B, T, C;
};
constexpr Rows kShapes[] = {{"decoder", kBatch, kTokens, kChannels},
                            {"decoder_768", 8, kTokens, 768}};

// The batch is x, and rstd and grad_y for the backward; shared is the weight.

Variable composed(const Variables& in) { return rms_norm_composed(in[0], in[1], kEps); }

Tensors leaves(const Batch& b) { return {b.rows[0], b.shared[0]}; }

Batch inputs(const Rows& r) {
  const Tensor x = randn({r.B, r.T, r.C}, 1), weight = randn({r.C}, 2);
  return {{x, ops::rms_norm(x, weight, kEps).rstd, randn({r.B, r.T, r.C}, 4)}, {weight}};
}

Tensors forward(const Batch& b) { return {ops::rms_norm(b.rows[0], b.shared[0], kEps).y}; }

Tensors backward(const Batch& b, const SampleSum& dweight = {}) {
  const ops::RmsNormGradients g =
      ops::rms_norm_backward(b.rows[2], b.rows[0], b.shared[0], b.rows[1], dweight);
  return {g.dx, g.dweight};
}

/// A sum over copies of a batch is a sum that one batch after the other continues.
Tensors sums_of_copies(const Batch& b) {
  SampleSum dweight;
  for (std::int64_t c = 0; c < kCopies; ++c) dweight.into = backward(b, dweight)[1];
  return {dweight.into};
}

const Suite rms_norm_suite([] {
  for (const Rows& r : kShapes) {
    const auto rows = static_cast<double>(r.B * r.T), C = static_cast<double>(r.C);
    // x and y; weight; rstd.
    add_with_copies({std::string("rms_norm/forward/") + r.name, 4 * (2 * rows * C + C + rows),
                     [r] { return inputs(r); }, forward,
                     [](const Batch& b) { return value_of(composed, leaves(b)); }});
    // grad_y, x and dx; weight and dweight; rstd.
    add_with_copies({std::string("rms_norm/backward/") + r.name, 4 * (3 * rows * C + 2 * C + rows),
                     [r] { return inputs(r); }, [](const Batch& b) { return backward(b); },
                     [](const Batch& b) { return gradients_of(composed, leaves(b), b.rows[2]); },
                     sums_of_copies});
  }
});

}  // namespace
}  // namespace chainline::bench
