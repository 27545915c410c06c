// The addition of a residual, at the rows of the benchmark model's decoder.

#include "autograd/ops.h"
#include "bench/copies.h"
#include "bench/model_shapes.h"
#include "tensor/ops/binary.h"

namespace chainline::bench {
namespace {

using namespace model;

const Shape kShape{kTextRows, kChannels};

const Suite residual_suite([] {
  add_with_copies({"add/residual/decoder", 4.0 * 3 * static_cast<double>(kShape.numel()),
                   [] {
                     return Batch{{randn(kShape, 1), randn(kShape, 2)}, {}};
                   },
                   [](const Batch& b) { return Tensors{ops::add(b.rows[0], b.rows[1])}; },
                   [](const Batch& b) {
                     return value_of([](const Variables& in) { return in[0] + in[1]; }, b.rows);
                   }});
});

}  // namespace
}  // namespace chainline::bench
