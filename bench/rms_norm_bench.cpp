// rms_norm forward and backward at the rows of the benchmark model's decoder, and of one with 768
// channels. Memory bounds it: read of_copy, which may pass 1 where the rows fit a cache.

#include "autograd/ops.h"
#include "bench/harness.h"
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

Variable composed(const Variables& in) { return rms_norm_composed(in[0], in[1], kEps); }

Tensors inputs(const Rows& r) { return {randn({r.B, r.T, r.C}, 1), randn({r.C}, 2)}; }

const Suite rms_norm_suite([] {
  for (const Rows& r : kShapes) {
    const auto rows = static_cast<double>(r.B * r.T), C = static_cast<double>(r.C);
    // x and y; weight; rstd.
    add({std::string("rms_norm/forward/") + r.name, 0, 4 * (2 * rows * C + C + rows), [r] {
           const Tensors in = inputs(r);
           return Trial{[in] { return Tensors{ops::rms_norm(in[0], in[1], kEps).y}; },
                        value_of(composed, in)};
         }});
    // grad_y, x and dx; weight and dweight; rstd.
    add({std::string("rms_norm/backward/") + r.name, 0, 4 * (3 * rows * C + 2 * C + rows), [r] {
           const Tensors in = inputs(r);
           const Tensor grad_y = randn({r.B, r.T, r.C}, 4);
           const ops::RmsNormResult forward = ops::rms_norm(in[0], in[1], kEps);
           return Trial{[=] {
                          const ops::RmsNormGradients g =
                              ops::rms_norm_backward(grad_y, in[0], in[1], forward.rstd);
                          return Tensors{g.dx, g.dweight};
                        },
                        gradients_of(composed, in, grad_y)};
         }});
  }
});

}  // namespace
}  // namespace chainline::bench
