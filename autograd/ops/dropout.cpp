#include "tensor/ops/dropout.h"

#include "autograd/node.h"
#include "autograd/ops.h"

namespace chainline {
namespace {

/// Dropout is linear in x, and its mask is a function of counters: the gradient is the same op.
struct DropoutRule final : Node {
  double p = 0;
  Generator generator{0, "dropout"};  // replaced when recorded
  std::uint32_t epoch = 0;
  std::vector<std::int64_t> samples;
  std::uint64_t position = 0;

  std::string_view name() const override { return "dropout"; }
  Variables backward(const Variables& g, const Needs&) const override {
    return {dropout(g[0], p, generator, epoch, samples, position)};
  }
};

}  // namespace

Variable dropout(const Variable& x, double p, const Generator& generator, std::uint32_t epoch,
                 const std::vector<std::int64_t>& samples, std::uint64_t position) {
  const Tensor y = ops::dropout(x.value(), p, generator, epoch, samples, position);
  const auto fill = [&](DropoutRule& rule) {
    rule.p = p;
    rule.generator = generator;
    rule.epoch = epoch;
    rule.samples = samples;
    rule.position = position;
  };
  return record<DropoutRule>({x}, {y}, fill)[0];
}

}  // namespace chainline
